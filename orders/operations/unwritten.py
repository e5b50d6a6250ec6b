"""An order that is not written yet and lives on in memory, as history does: all of it is written at once at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from events.outbox import NewEvent
from orders.models import Order, OrderItem, Storefront
from orders.reading.documents import whole_document

PaymentKey = tuple[int, str, str, str]  # storefront, payment provider, its reference, kind


class KnownPayment(NamedTuple):
    """What is recorded already by a reference."""

    order_id: UUID
    amount: int
    currency: str | None
    attempt: int
    is_corrected: bool


class UnwrittenOrder:
    """What operations change in place of rows, by the same code: no statement is executed.

    The rows are keyed like the columns. `known_payments` are the facts of other orders.
    """

    def __init__(
        self,
        row: Mapping[str, Any],
        item_rows: Sequence[Mapping[str, Any]],
        storefront: Storefront,
        *,
        known_payments: Mapping[PaymentKey, KnownPayment],
    ) -> None:
        self.order = Order(**row)
        self.order.storefront = storefront
        parts = self.order.parts
        parts.lines = [OrderItem(**item) for item in item_rows]
        parts.parcels, parts.payments, parts.refunds, parts.returns, parts.credits = [], [], [], [], []
        parts.add(*parts.lines)
        self.document = whole_document(self.order)
        self.events: list[NewEvent] = []
        self._known_payments = known_payments

    def remember(self, document: dict[str, Any], events: Iterable[NewEvent]) -> None:
        """How it is after a change, and what is told of that."""
        self.document = document
        self.events.extend(events)

    def known_payment(self, key: PaymentKey) -> KnownPayment | None:
        """The fact that is recorded by that reference, for this order or another."""
        return self.payments().get(key) or self._known_payments.get(key)

    def payments(self) -> dict[PaymentKey, KnownPayment]:
        """Its own facts."""
        return {
            (fact.storefront_id, fact.psp, fact.psp_reference, fact.kind): KnownPayment(
                self.order.pk, fact.amount, fact.currency, fact.attempt, is_corrected=False
            )
            for fact in self.order.parts.payments
        }
