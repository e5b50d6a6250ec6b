"""What every refusal is: a code, a sentence, and facts for machines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong in a request. `pointer` is an RFC 6901 JSON pointer into its body, or a parameter's name."""

    pointer: str
    code: str
    detail: str


class OrderError(Exception):
    """Base of all refusals. `extra` goes into the answer beside the sentence, for machines.

    `actors` are those whom the sentence names as logs do, such as staff:ann: people are told their names instead.
    """

    code: ClassVar[str] = "order_error"
    title: ClassVar[str] = "The request was refused"
    # What of the order or the caller stands in the way, where it is one of: status, hold, scope, quantity, state.
    obstacle: ClassVar[str | None] = None
    # Do sentence and facts tell of the content of an order that is there: its items, money, holds?
    tells_contents: bool = False
    actors: Collection[str] = ()

    def __init__(self, detail: str, *, errors: Sequence[FieldError] = (), **extra: Any) -> None:
        self.detail = detail
        self.errors = [asdict(error) for error in errors]
        self.extra = extra
        super().__init__(detail)

    def keep_to_itself(self) -> None:
        """Leave out what it tells of an order's content, for a caller who may change orders and not read them."""
        if self.tells_contents:
            self.detail = f"{self.title}. What the order holds is told to keys with the scope orders:read."
            self.errors = [{**error, "detail": self.title} for error in self.errors]
            self.extra = {}


class TemporarilyUnavailable(OrderError):
    """Base of what a caller should simply try again. `retry_after` is in seconds."""

    code = "temporarily_unavailable"
    title = "Try again in a moment"

    def __init__(self, detail: str, *, retry_after: float = 5.0) -> None:
        self.retry_after = retry_after
        super().__init__(detail)
