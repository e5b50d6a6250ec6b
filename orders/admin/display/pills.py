"""How an order's status axes look: one word in a colour. The colours stand in `back-office.css`."""

from __future__ import annotations

from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from orders.models import Order, Refund, Return
from orders.rules.statuses import FulfillmentStatus, OrderStatus, PaymentStatus, RefundState, ReturnState

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
_REFUND: Final = {
    RefundState.REQUESTED: "waiting",
    RefundState.APPROVED: "going",
    RefundState.SETTLED: "good",
    RefundState.REJECTED: "ended",
    RefundState.FAILED: "ended",
}
_RETURN: Final = {
    ReturnState.REQUESTED: "waiting",
    ReturnState.APPROVED: "going",
    ReturnState.RECEIVED: "good",
    ReturnState.CLOSED: "ended",
    ReturnState.REJECTED: "ended",
}
_FULFILLMENT: Final = {FulfillmentStatus.PARTIAL: "waiting", FulfillmentStatus.FULFILLED: "good"}


def pill(text: str, look: str = "plain") -> SafeString:
    """`look` is plain, waiting, going, moving, good or ended."""
    return format_html('<span class="pill pill-{}">{}</span>', look, text)


def status_pill(order: Order) -> SafeString:
    """The order's status, and that it is held up or deleted."""
    status = OrderStatus(order.status)
    pills = [pill(status.label, _STATUS[status])]
    if order.holds:
        pills.append(pill("On hold", "ended"))
    if order.deleted_at:
        pills.append(pill("Deleted", "ended"))
    return format_html_join(" ", "{}", ((shown,) for shown in pills))


def payment_pill(order: Order) -> SafeString:
    status = PaymentStatus(order.payment_status)
    return pill(status.label, _PAYMENT.get(status, "plain"))


def fulfillment_pill(order: Order) -> SafeString:
    status = FulfillmentStatus(order.fulfillment_status)
    return pill(status.label, _FULFILLMENT.get(status, "plain"))


def refund_pill(refund: Refund) -> SafeString:
    state = RefundState(refund.state)
    return pill(state.label, _REFUND[state])


def return_pill(announced: Return) -> SafeString:
    state = ReturnState(announced.state)
    return pill(state.label, _RETURN[state])
