"""How a call to another service may fail."""


class UnreadableAnswer(ValueError):
    """The body of an answer is not what was expected; says why."""


class RemoteFailure(Exception):
    """The call did not end with an answer; `retry_after` is in seconds."""

    def __init__(self, detail: str, *, retry_after: float = 5.0) -> None:
        self.retry_after = retry_after
        super().__init__(detail)
