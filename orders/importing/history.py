"""An order that was placed elsewhere, as the rows and the document it becomes here."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from orders.drafts import item_rows, order_row
from orders.ids import new_id, new_id_at, new_number
from orders.importing.lines import ImportedOrder, Payment
from orders.importing.marketplace import STATUS_OF
from orders.models import Storefront
from orders.order_documents import instant, new_order_document
from orders.requests import total_amount
from orders.statuses import CancelReason, FulfillmentStatus, OrderStatus, PaymentStatus

_MAX_METADATA_TEXT: Final = 500


class HistoricOrder:
    """Its identity is settled, its rows (keys named like the columns) are not written yet. It holds no stock."""

    __slots__ = ("imported", "item_rows", "order_row", "shipment_rows", "storefront")

    def __init__(self, imported: ImportedOrder, storefront: Storefront) -> None:
        self.imported = imported
        self.storefront = storefront
        order_id = new_id_at(imported.placed_at)
        status, left = status_of(imported), has_left(imported)
        self.order_row = order_row(
            imported,
            storefront,
            order_id=order_id,
            number=new_number(storefront.number_prefix),
            placed_at=imported.placed_at,
            reservation_id=None,
            reserved_until=None,
        ) | {
            "status": status.value,
            "payment_status": payment_status_of(imported).value,
            "fulfillment_status": (FulfillmentStatus.FULFILLED if left else FulfillmentStatus.UNFULFILLED).value,
            "cancel_reason": _cancel_reason_of(imported),
            "metadata": _facts_without_a_field(imported) | imported.metadata,
            "updated_at": _last_known_at(imported),
        }
        self.item_rows = item_rows(imported, storefront, order_id)
        for item in self.item_rows:
            if left:
                item["shipped"] = item["quantity"]
            elif status is OrderStatus.CANCELED:
                item["canceled"] = item["quantity"]
        self.shipment_rows = _shipment_rows(imported, storefront, order_id)

    def as_document(self) -> dict[str, Any]:
        return new_order_document(
            self.order_row, self.item_rows, storefront_code=self.storefront.code, shipments=self.shipment_rows
        )


def status_of(order: ImportedOrder) -> OrderStatus:
    """The marketplace's word, unless a stamp tells that the order came further: words lag behind."""
    status = STATUS_OF[order.history.status]
    if status is OrderStatus.CANCELED:
        return status
    if order.history.delivered_at:
        return OrderStatus.COMPLETED
    if order.history.shipped_at and status is not OrderStatus.COMPLETED:
        return OrderStatus.SHIPPED
    return status


def has_left(order: ImportedOrder) -> bool:
    """Whether its units were handed over; those of a canceled order may have been."""
    return bool(
        order.history.shipped_at
        or order.history.delivered_at
        or status_of(order) in {OrderStatus.SHIPPED, OrderStatus.COMPLETED}
    )


def payment_status_of(order: ImportedOrder) -> PaymentStatus:
    """Nothing counts before the marketplace approved the payment; what was approved unlisted is paid."""
    if order.history.approved_at is None:
        return PaymentStatus.UNPAID
    total = total_amount(order)
    if not order.payments or total is None:
        return PaymentStatus.PAID
    paid = _sum_of(order.payments)
    if paid == total:
        return PaymentStatus.PAID
    if paid > total:
        return PaymentStatus.OVERPAID
    return PaymentStatus.PARTIALLY_PAID if paid else PaymentStatus.UNPAID


def payment_text(payments: list[Payment]) -> str:
    """`credit_card 13623/3; voucher 500`: method, minor units, and instalments where known."""
    return "; ".join(
        f"{payment.method} {payment.amount}" + (f"/{payment.installments}" if payment.installments is not None else "")
        for payment in payments
    )


def _shipment_rows(order: ImportedOrder, storefront: Storefront, order_id: UUID) -> list[dict[str, Any]]:
    """One parcel, when the file knows that there was one."""
    shipped_at, delivered_at = order.history.shipped_at, order.history.delivered_at
    if shipped_at is None and delivered_at is None:
        return []
    return [
        {
            "id": new_id(),
            "order_id": order_id,
            "storefront_id": storefront.pk,
            "tracking_company": None,
            "tracking_number": None,
            "tracking_link": None,
            "created_at": shipped_at or delivered_at,
            "shipped_at": shipped_at,
            "delivered_at": delivered_at,
        }
    ]


def _sum_of(payments: list[Payment]) -> int:
    return sum(payment.amount for payment in payments)


def _cancel_reason_of(order: ImportedOrder) -> str | None:
    if status_of(order) is not OrderStatus.CANCELED:
        return None
    return (CancelReason.OUT_OF_STOCK if order.history.status == "unavailable" else CancelReason.OTHER).value


def _last_known_at(order: ImportedOrder) -> datetime:
    history = order.history
    known = (order.placed_at, history.approved_at, history.shipped_at, history.delivered_at)
    return max(moment for moment in known if moment)


def _facts_without_a_field(order: ImportedOrder) -> dict[str, str]:
    """At most HISTORY_METADATA_ENTRIES of them."""
    facts = {
        "marketplace_status": order.history.status,
        "approved_at": instant(order.history.approved_at),
        "estimated_delivery_at": instant(order.history.estimated_delivery_at),
        "paid_amount": str(_sum_of(order.payments)) if order.payments else None,
        "payments": payment_text(order.payments),
    }
    return {name: text for name, text in facts.items() if text and len(text) <= _MAX_METADATA_TEXT}
