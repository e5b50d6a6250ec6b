"""One request for a change: who asks, why, and on which conditions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from events.outbox import NewEvent
from orders.announcing.changes import Origin
from orders.models import Order
from orders.operations.customers import WELCOME, Verdict
from orders.operations.idempotency import Idempotency
from orders.operations.stored_answers import FoundAnswers
from orders.operations.unwritten import PaymentKey, UnwrittenOrder
from orders.reading.seen import as_seen
from orders.rules import clock, errors
from orders.rules.callers import Caller
from orders.rules.sight import Sight

Document = dict[str, Any]

_MONEY: Final = (
    "items_amount",
    "total_amount",
    "credited_amount",
    "canceled_amount",
    "authorized_amount",
    "captured_amount",
    "refunded_amount",
    "charged_back_amount",
    "due_amount",
    "balance_amount",
)


@dataclass(frozen=True, slots=True)
class Precondition:
    """What the caller believes: the version of an If-Match header, None when it does not care."""

    version: int | None = None

    def check(self, order: Order) -> None:
        if self.version is not None and self.version != order.version:
            raise errors.VersionMismatch(current=order.version, expected=f'"{self.version}"')


ANY_VERSION = Precondition()


@dataclass(slots=True)
class Rehearsal:
    """What a change would do: the real code filled it in, in a transaction that was rolled back."""

    before: Document | None = None
    after: Document | None = None
    events: list[NewEvent] = field(default_factory=list)
    stock: dict[str, int] = field(default_factory=dict)  # by product: units that others can have less (or more) of
    # What orders rehearsed before it, and together with it, would have recorded: one payment is of one order.
    payments: set[PaymentKey] = field(default_factory=set)

    @property
    def money(self) -> dict[str, int]:
        """What the order's amounts gain or lose, by field, in minor units."""
        before, after = self.before or {}, self.after or {}
        differences = {name: (after.get(name) or 0) - (before.get(name) or 0) for name in _MONEY}
        return {name: amount for name, amount in differences.items() if amount}

    def show_as_seen(self, sight: Sight) -> None:
        """Leave out of the order what the caller may not see; the events have nothing that tells of a person."""
        if self.before is not None and self.after is not None:
            self.before, self.after = as_seen(self.before, sight), as_seen(self.after, sight)

    def as_json(self) -> dict[str, Any]:
        """The answer to `Prefer: dry-run`: the order afterwards, the events that would be sent, the differences."""
        return {
            "order": self.after,
            "events": [{"type": event.type, "data": event.data} for event in self.events],
            "stock": self.stock,
            "money": self.money,
        }


@dataclass(frozen=True, slots=True)
class Call:
    """`at` is when it happened, where that is not now (history). With `rehearsal` nothing is kept.

    `joins_transaction` is for what does several operations in one transaction of its own, such as the importer;
    `customer` is what was found before it of a customer that the order is to get, `answers` what was found of stored
    answers that tell of the order: an erasure without them looks for them itself, while it holds the order. `unwritten`
    is the order itself, where it is still to be written.
    """

    caller: Caller
    reason: str = ""
    request_id: str = ""
    trace: str = ""
    precondition: Precondition = ANY_VERSION
    idempotency: Idempotency | None = None
    rehearsal: Rehearsal | None = None
    at: datetime | None = None
    joins_transaction: bool = False
    customer: Verdict = WELCOME
    answers: FoundAnswers | None = None
    unwritten: UnwrittenOrder | None = None

    @property
    def origin(self) -> Origin:
        return Origin(self.caller.actor, self.reason, self.request_id, self.trace)

    def now(self) -> datetime:
        return self.at or clock.now()
