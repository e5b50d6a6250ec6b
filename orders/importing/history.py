"""An order that was placed elsewhere: how it began, as rows, and what came after, operation by operation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any, Final, NamedTuple
from uuid import UUID

from msgspec import UNSET

from orders.drafts import item_rows, order_row
from orders.importing.lines import ImportedOrder, ItemHistory, Payment
from orders.importing.marketplace import STATUS_OF
from orders.models import Storefront
from orders.reading.documents import instant, new_order_document
from orders.requests.operations import Cancel, Deliver, OperationRequest, Parcel, Plain, RecordPayment, Units
from orders.requests.placing import NewItem
from orders.rules.facts import IMPORTED
from orders.rules.ids import new_id_at, new_number
from orders.rules.lifecycle import Operation
from orders.rules.statuses import CancelReason, OrderStatus, PaymentKind

_MAX_METADATA_TEXT: Final = 500
_SENT: Final = frozenset({OrderStatus.SHIPPED, OrderStatus.COMPLETED})


# An operation, and the file's stamp for it.
Told = tuple[Operation, OperationRequest, datetime | None]


class PastOperation(NamedTuple):
    """One operation of an order's life, and when it happened."""

    operation: Operation
    request: OperationRequest
    at: datetime


class HistoricOrder:
    """As it was placed: pending, without a hold. Its rows (keys named like the columns) are not written yet."""

    __slots__ = ("imported", "item_rows", "order_id", "order_row", "storefront")

    def __init__(self, imported: ImportedOrder, storefront: Storefront) -> None:
        self.imported = imported
        self.storefront = storefront
        self.order_id: UUID = new_id_at(imported.placed_at)
        self.order_row = order_row(
            imported,
            storefront,
            order_id=self.order_id,
            number=new_number(storefront.number_prefix),
            placed_at=imported.placed_at,
            reservation_id=None,
            reserved_until=None,
        ) | {"metadata": _facts_without_a_field(imported) | imported.metadata}
        self.item_rows = item_rows(imported, storefront, self.order_id)

    @property
    def reference(self) -> tuple[int, str]:
        """What it is known by: its storefront's id, and the external reference there."""
        return self.storefront.pk, self.imported.external_reference

    def as_document(self) -> dict[str, Any]:
        return new_order_document(self.order_row, self.item_rows, storefront_code=self.storefront.code)

    def operations(self) -> Iterator[PastOperation]:
        """What came after it was placed, in an order in which it can have happened.

        One whose stamp is missing, or earlier than the one before, happens together with that one.
        """
        at = self.imported.placed_at
        item_ids = [row["id"] for row in self.item_rows]
        for operation, request, stamp in _told_operations(self.imported, item_ids):
            at = max(at, stamp or at)
            yield PastOperation(operation, request, at)


def status_of(order: ImportedOrder) -> OrderStatus:
    """How far the whole order came: where the file counts units, they go before words, as stamps do."""
    status, has_shipped = _came_to(order), any(units_shipped(order))
    if status is OrderStatus.CANCELED:
        return status
    if any(_units_open(order)):
        return OrderStatus.CONFIRMED if has_shipped or status in _SENT else status
    if has_shipped:
        return status if status in _SENT else OrderStatus.SHIPPED
    return OrderStatus.CANCELED


def units_shipped(order: ImportedOrder) -> list[int]:
    """How many units of each item have left."""
    everything = _came_to(order) in _SENT
    return [
        past.shipped if past.shipped is not None else item.quantity - past.canceled if everything else 0
        for item, past in _items_with_past(order)
    ]


def units_canceled(order: ImportedOrder) -> list[int]:
    """How many units of each item were canceled by themselves, apart from the whole order."""
    return [past.canceled for _, past in _items_with_past(order)]


def _came_to(order: ImportedOrder) -> OrderStatus:
    """The marketplace's word, unless a stamp tells that the order came further.

    Words lag behind, and what has left cannot be canceled any more; where the file tells of each item, it knows what.
    """
    history = order.history
    status = STATUS_OF[history.status]
    if status is OrderStatus.CANCELED and history.items:
        return status
    if history.delivered_at:
        return OrderStatus.COMPLETED
    if history.shipped_at and status is not OrderStatus.COMPLETED:
        return OrderStatus.SHIPPED
    return status


def _units_open(order: ImportedOrder) -> list[int]:
    """How many units of each item have neither left nor been canceled by themselves."""
    counts = zip(order.items, units_shipped(order), units_canceled(order), strict=True)
    return [item.quantity - shipped - canceled for item, shipped, canceled in counts]


def _items_with_past(order: ImportedOrder) -> Iterator[tuple[NewItem, ItemHistory]]:
    return zip(order.items, order.history.items or repeat(ItemHistory()))  # noqa: B905 - what repeats has no end


def payment_text(payments: list[Payment]) -> str:
    """`credit_card 13623/3; voucher 500`: method, minor units, and instalments where known."""
    return "; ".join(
        f"{payment.method} {payment.amount}" + (f"/{payment.installments}" if payment.installments is not None else "")
        for payment in payments
    )


def _told_operations(order: ImportedOrder, item_ids: Sequence[UUID]) -> Iterator[Told]:
    """All that came after it was placed. Parcels and payments keep that stamp as it is."""
    history, status = order.history, status_of(order)
    shipped, canceled, still_open = units_shipped(order), units_canceled(order), any(_units_open(order))
    for fact in (*authorizations(order), *captures(order)):
        yield Operation.RECORD_PAYMENT, fact, fact.occurred_at
    canceled_unapproved = status is OrderStatus.CANCELED and history.approved_at is None and not any(shipped)
    if status is not OrderStatus.PENDING and not canceled_unapproved:
        yield Operation.CONFIRM, Plain(), history.approved_at
    if any(canceled):
        yield Operation.CANCEL, Cancel(cause=cancel_cause_of(order), items=chosen(item_ids, canceled)), None
    if any(shipped):
        part = chosen(item_ids, shipped) if still_open else UNSET
        yield Operation.SHIP, Parcel(shipped_at=history.shipped_at, items=part), history.shipped_at
        if history.delivered_at is not None:
            yield Operation.DELIVER, Deliver(delivered_at=history.delivered_at), history.delivered_at
    if status is OrderStatus.COMPLETED:
        yield Operation.COMPLETE, Plain(), history.delivered_at
    if status is OrderStatus.CANCELED and still_open:
        yield Operation.CANCEL, Cancel(cause=cancel_cause_of(order)), history.canceled_at
    for fact in voids(order):
        yield Operation.RECORD_PAYMENT, fact, fact.occurred_at
    if history.refunded_amount:
        yield Operation.RECORD_PAYMENT, refund(order, history.refunded_amount), None


def chosen(item_ids: Sequence[UUID], units: Sequence[int]) -> list[Units]:
    return [Units(item_id, count) for item_id, count in zip(item_ids, units, strict=True) if count]


def authorizations(order: ImportedOrder) -> Iterator[RecordPayment]:
    """What was authorized, to be captured later or voided."""
    if order.history.authorized_at is not None and order.to_be_paid:
        yield RecordPayment(
            kind=PaymentKind.AUTHORIZATION,
            amount=order.to_be_paid,
            psp=IMPORTED,
            psp_reference=authorization_reference(order),
            occurred_at=order.history.authorized_at,
        )


def voids(order: ImportedOrder) -> Iterator[RecordPayment]:
    if order.history.voided_at is not None and order.to_be_paid:
        yield RecordPayment(
            kind=PaymentKind.VOID,
            amount=order.to_be_paid,
            psp=IMPORTED,
            psp_reference=f"{order.external_reference}/voided",
            parent_reference=authorization_reference(order),
            occurred_at=order.history.voided_at,
        )


def capture(order: ImportedOrder, amount: int, reference: str) -> RecordPayment:
    """`reference` tells the capture from others of the order. It belongs to the authorization, where there was one."""
    return RecordPayment(
        kind=PaymentKind.CAPTURE,
        amount=amount,
        psp=IMPORTED,
        psp_reference=f"{order.external_reference}/{reference}",
        parent_reference=authorization_reference(order) if order.history.authorized_at else None,
        occurred_at=order.history.approved_at,
    )


def refund(order: ImportedOrder, amount: int) -> RecordPayment:
    """The money that was given back since the last one; the reference has what it comes to in all."""
    return RecordPayment(
        kind=PaymentKind.REFUND,
        amount=amount,
        psp=IMPORTED,
        psp_reference=f"{order.external_reference}/refunded/{order.history.refunded_amount}",
    )


def cancel_cause_of(order: ImportedOrder) -> CancelReason:
    return CancelReason.OUT_OF_STOCK if order.history.status == "unavailable" else CancelReason.OTHER


def captures(order: ImportedOrder) -> Iterator[RecordPayment]:
    """The money that moved once the marketplace had approved it; unlisted, it was what the order costs."""
    if order.history.approved_at is None:
        return
    amounts = [payment.amount for payment in order.payments] or [order.to_be_paid]
    for position, amount in enumerate(amounts, start=1):
        if amount:
            yield capture(order, amount, str(position))


def authorization_reference(order: ImportedOrder) -> str:
    return f"{order.external_reference}/authorized"


def _facts_without_a_field(order: ImportedOrder) -> dict[str, str]:
    """At most HISTORY_METADATA_ENTRIES of them."""
    facts = {
        "marketplace_status": order.history.status,
        "approved_at": instant(order.history.approved_at),
        "estimated_delivery_at": instant(order.history.estimated_delivery_at),
        "paid_amount": str(sum(payment.amount for payment in order.payments)) if order.payments else None,
        "payments": payment_text(order.payments),
    }
    return {name: text for name, text in facts.items() if text and len(text) <= _MAX_METADATA_TEXT}
