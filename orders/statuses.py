"""The life of an order: which status may follow which, and what may still be changed in it.

This table is the only place that knows. `Order` reads it; the API, the back office, the README and
the tests are drawn from it.
"""

from typing import NamedTuple

from django.db import models


class OrderStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    CONFIRMED = "confirmed", "Confirmed"
    SHIPPED = "shipped", "Shipped"
    COMPLETED = "completed", "Completed"
    CANCELED = "canceled", "Canceled"


class PaymentStatus(models.TextChoices):
    UNPAID = "unpaid", "Unpaid"
    AUTHORIZED = "authorized", "Authorized"
    PARTIALLY_PAID = "partially_paid", "Partially paid"
    PAID = "paid", "Paid"
    OVERPAID = "overpaid", "Overpaid"
    PARTIALLY_REFUNDED = "partially_refunded", "Partially refunded"
    REFUNDED = "refunded", "Refunded"


class FulfillmentStatus(models.TextChoices):
    UNFULFILLED = "unfulfilled", "Unfulfilled"
    PARTIAL = "partial", "Partly fulfilled"
    FULFILLED = "fulfilled", "Fulfilled"


class CancelReason(models.TextChoices):
    CUSTOMER = "customer", "Customer asked"
    STAFF = "staff", "Staff decided"
    OUT_OF_STOCK = "out_of_stock", "Out of stock"
    PAYMENT_FAILED = "payment_failed", "Payment failed"
    EXPIRED = "expired", "Not confirmed in time"
    FRAUD = "fraud", "Fraud suspected"
    OTHER = "other", "Other"


class StatusRules(NamedTuple):
    meaning: str
    next_statuses: frozenset[OrderStatus]
    contact_editable: bool
    address_editable: bool
    tracking_editable: bool
    deletable: bool


RULES: dict[OrderStatus, StatusRules] = {
    OrderStatus.PENDING: StatusRules(
        meaning="placed; its stock is held until `reserved_until`; waits for payment or confirmation",
        next_statuses=frozenset({OrderStatus.CONFIRMED, OrderStatus.CANCELED}),
        contact_editable=True,
        address_editable=True,
        tracking_editable=True,
        deletable=True,
    ),
    OrderStatus.CONFIRMED: StatusRules(
        meaning="accepted; the hold no longer expires",
        next_statuses=frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELED}),
        contact_editable=True,
        address_editable=True,
        tracking_editable=True,
        deletable=False,
    ),
    OrderStatus.SHIPPED: StatusRules(
        meaning="every open unit has been handed over",
        next_statuses=frozenset({OrderStatus.COMPLETED}),
        contact_editable=True,
        address_editable=False,
        tracking_editable=True,
        deletable=False,
    ),
    OrderStatus.COMPLETED: StatusRules(
        meaning="delivered and closed",
        next_statuses=frozenset(),
        contact_editable=False,
        address_editable=False,
        tracking_editable=False,
        deletable=True,
    ),
    OrderStatus.CANCELED: StatusRules(
        meaning="ended; its stock is released; carries a reason",
        next_statuses=frozenset(),
        contact_editable=False,
        address_editable=False,
        tracking_editable=False,
        deletable=True,
    ),
}
