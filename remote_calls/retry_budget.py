"""How many retries a client may add to the load it makes anyway."""

from threading import Lock


class RetryBudget:
    """Every call earns a tenth of a retry, up to ten: a service in trouble gets 10 % more calls at most."""

    def __init__(self, *, per_call: float = 0.1, most: float = 10.0) -> None:
        self._per_call = per_call
        self._most = most
        self._saved = most
        self._lock = Lock()

    def earn(self) -> None:
        """A call is made for the first time."""
        with self._lock:
            self._saved = min(self._most, self._saved + self._per_call)

    def spend(self) -> bool:
        """Whether a retry may be made; it is taken off the budget."""
        with self._lock:
            if self._saved < 1:
                return False
            self._saved -= 1
            return True
