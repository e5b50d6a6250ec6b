"""How an order's status axes look: one word in a colour. The colours stand in `back-office.css`."""

from __future__ import annotations

from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders.models import Order
from orders.statuses import FulfillmentStatus, OrderStatus, PaymentStatus

_STATUS: Final = {
    OrderStatus.PENDING: "waiting",
    OrderStatus.CONFIRMED: "going",
    OrderStatus.SHIPPED: "moving",
    OrderStatus.COMPLETED: "good",
    OrderStatus.CANCELED: "ended",
}
_PAYMENT: Final = {
    PaymentStatus.AUTHORIZED: "going",
    PaymentStatus.PARTIALLY_PAID: "waiting",
    PaymentStatus.PAID: "good",
    PaymentStatus.OVERPAID: "ended",
}
_FULFILLMENT: Final = {FulfillmentStatus.PARTIAL: "waiting", FulfillmentStatus.FULFILLED: "good"}


def pill(text: str, look: str = "plain") -> SafeString:
    """`look` is plain, waiting, going, moving, good or ended."""
    return format_html('<span class="pill pill-{}">{}</span>', look, text)


def status_pill(order: Order) -> SafeString:
    """The order's status, and that it is deleted."""
    status = OrderStatus(order.status)
    shown = pill(status.label, _STATUS[status])
    return format_html("{} {}", shown, pill("Deleted", "ended")) if order.deleted_at else shown


def payment_pill(order: Order) -> SafeString:
    status = PaymentStatus(order.payment_status)
    return pill(status.label, _PAYMENT.get(status, "plain"))


def fulfillment_pill(order: Order) -> SafeString:
    status = FulfillmentStatus(order.fulfillment_status)
    return pill(status.label, _FULFILLMENT.get(status, "plain"))
