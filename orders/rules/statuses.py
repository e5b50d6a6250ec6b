"""The words for where an order stands, and which status may follow which.

What can be done in a status is the table in `lifecycle.py`.
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


class PaymentKind(models.TextChoices):
    AUTHORIZATION = "authorization", "Authorization"
    CAPTURE = "capture", "Capture"
    VOID = "void", "Void"
    REFUND = "refund", "Refund"
    REFUND_FAILED = "refund_failed", "Refund failed"
    CHARGEBACK = "chargeback", "Chargeback"
    CHARGEBACK_WON = "chargeback_won", "Chargeback won"
    CORRECTION = "correction", "Correction"


class CreditCause(models.TextChoices):
    CANCELED = "canceled", "Units canceled"
    RETURNED = "returned", "Units came back"
    GOODWILL = "goodwill", "Goodwill"
    AMENDED = "amended", "Other prices for canceled units"
    REINSTATED = "reinstated", "Cancellation taken back"


class RefundState(models.TextChoices):
    REQUESTED = "requested", "Waits for approval"
    APPROVED = "approved", "To be paid out"
    SETTLED = "settled", "Paid out"
    REJECTED = "rejected", "Rejected"
    FAILED = "failed", "Failed"


class ReturnState(models.TextChoices):
    REQUESTED = "requested", "Requested"
    APPROVED = "approved", "Approved"
    RECEIVED = "received", "Received"
    REJECTED = "rejected", "Rejected"
    CLOSED = "closed", "Never arrived"


class ReturnCause(models.TextChoices):
    UNWANTED = "unwanted", "Not wanted"
    DAMAGED = "damaged", "Damaged"
    WRONG_ITEM = "wrong_item", "Wrong item"
    NOT_AS_DESCRIBED = "not_as_described", "Not as described"
    UNDELIVERABLE = "undeliverable", "Could not be delivered"
    OTHER = "other", "Other"


class Condition(models.TextChoices):
    NEW = "new", "As new"
    OPENED = "opened", "Opened"
    DAMAGED = "damaged", "Damaged"


# In which condition units come back, where nobody says otherwise. Only what is as new goes back on the shelf.
CONDITION_AFTER: dict[ReturnCause, Condition] = {
    ReturnCause.UNWANTED: Condition.NEW,
    ReturnCause.DAMAGED: Condition.DAMAGED,
    ReturnCause.WRONG_ITEM: Condition.NEW,
    ReturnCause.NOT_AS_DESCRIBED: Condition.OPENED,
    ReturnCause.UNDELIVERABLE: Condition.NEW,
    ReturnCause.OTHER: Condition.OPENED,
}


class HoldKind(models.TextChoices):
    FRAUD = "fraud", "Fraud suspected"
    ADDRESS = "address", "Address to be checked"
    PAYMENT_REVIEW = "payment_review", "Payment to be reviewed"
    MANUAL = "manual", "Held by hand"


class ConfirmationPolicy(models.TextChoices):
    MANUAL = "manual", "By hand"
    ON_AUTHORIZATION = "on_authorization", "As soon as the amount due is authorized"
    ON_PAYMENT = "on_payment", "As soon as the amount due is captured"


class CustomerPolicy(models.TextChoices):
    REFUSE = "refuse", "Refuse the order"
    ACCEPT = "accept", "Accept it, held up for review"


class StatusRules(NamedTuple):
    """`next_statuses` are those of a life that goes on; what was done by mistake is taken back besides."""

    meaning: str
    next_statuses: frozenset[OrderStatus]


RULES: dict[OrderStatus, StatusRules] = {
    OrderStatus.PENDING: StatusRules(
        meaning="placed; its stock is held until `reserved_until`; waits for payment or confirmation",
        next_statuses=frozenset({OrderStatus.CONFIRMED, OrderStatus.CANCELED}),
    ),
    OrderStatus.CONFIRMED: StatusRules(
        meaning="accepted; the hold no longer expires",
        next_statuses=frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELED}),
    ),
    OrderStatus.SHIPPED: StatusRules(
        meaning="every open unit has been handed over",
        next_statuses=frozenset({OrderStatus.COMPLETED}),
    ),
    OrderStatus.COMPLETED: StatusRules(
        meaning="delivered and closed; returns are still possible",
        next_statuses=frozenset(),
    ),
    OrderStatus.CANCELED: StatusRules(
        meaning="ended; its stock is released; carries a reason",
        next_statuses=frozenset(),
    ),
}
