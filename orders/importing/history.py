"""An order that was placed elsewhere: how it began, as rows, and what came after, operation by operation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from orders.drafts import item_rows, order_row
from orders.importing.lines import ImportedOrder, Payment
from orders.importing.marketplace import STATUS_OF
from orders.models import Storefront
from orders.reading.documents import instant, new_order_document
from orders.requests.operations import Cancel, Deliver, OperationRequest, Parcel, Plain, RecordPayment
from orders.requests.placing import total_amount
from orders.rules.ids import new_id_at, new_number
from orders.rules.lifecycle import Operation
from orders.rules.statuses import CancelReason, OrderStatus, PaymentKind

_MAX_METADATA_TEXT: Final = 500
_PSP: Final = "import"


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

    def as_document(self) -> dict[str, Any]:
        return new_order_document(self.order_row, self.item_rows, storefront_code=self.storefront.code)

    def operations(self) -> Iterator[PastOperation]:
        """What came after it was placed, in an order in which it can have happened.

        One whose stamp is missing, or earlier than the one before, happens together with that one.
        """
        at = self.imported.placed_at
        for operation, request, stamp in _told_operations(self.imported):
            at = max(at, stamp or at)
            yield PastOperation(operation, request, at)


def status_of(order: ImportedOrder) -> OrderStatus:
    """The marketplace's word, unless a stamp tells that the order came further.

    Words lag behind, and what has left cannot be canceled any more.
    """
    status = STATUS_OF[order.history.status]
    if order.history.delivered_at:
        return OrderStatus.COMPLETED
    if order.history.shipped_at and status is not OrderStatus.COMPLETED:
        return OrderStatus.SHIPPED
    return status


def payment_text(payments: list[Payment]) -> str:
    """`credit_card 13623/3; voucher 500`: method, minor units, and instalments where known."""
    return "; ".join(
        f"{payment.method} {payment.amount}" + (f"/{payment.installments}" if payment.installments is not None else "")
        for payment in payments
    )


def _told_operations(order: ImportedOrder) -> Iterator[tuple[Operation, OperationRequest, datetime | None]]:
    """Each operation with the file's stamp for it. Parcels and payments keep that stamp as it is."""
    history, status = order.history, status_of(order)
    approved_at, shipped_at, delivered_at = history.approved_at, history.shipped_at, history.delivered_at
    if approved_at is not None:
        for capture in _captures(order, approved_at):
            yield Operation.RECORD_PAYMENT, capture, approved_at
    canceled_unapproved = status is OrderStatus.CANCELED and approved_at is None
    if status is not OrderStatus.PENDING and not canceled_unapproved:
        yield Operation.CONFIRM, Plain(), approved_at
    if status in (OrderStatus.SHIPPED, OrderStatus.COMPLETED):
        yield Operation.SHIP, Parcel(shipped_at=shipped_at), shipped_at
    if delivered_at is not None:
        yield Operation.DELIVER, Deliver(delivered_at=delivered_at), delivered_at
    if status is OrderStatus.COMPLETED:
        yield Operation.COMPLETE, Plain(), delivered_at
    if status is OrderStatus.CANCELED:
        yield Operation.CANCEL, Cancel(cause=_cancel_cause_of(order)), None


def _captures(order: ImportedOrder, approved_at: datetime) -> Iterator[RecordPayment]:
    """The money that moved once the marketplace had approved it; unlisted, it was what the order costs."""
    amounts = [payment.amount for payment in order.payments] or [total_amount(order) or 0]
    for position, amount in enumerate(amounts, start=1):
        if amount:
            yield RecordPayment(
                kind=PaymentKind.CAPTURE,
                amount=amount,
                psp=_PSP,
                psp_reference=f"{order.external_reference}/{position}",
                occurred_at=approved_at,
            )


def _cancel_cause_of(order: ImportedOrder) -> CancelReason:
    return CancelReason.OUT_OF_STOCK if order.history.status == "unavailable" else CancelReason.OTHER


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
