"""What was decided of a refund, whatever its provider has told since."""

from __future__ import annotations

from typing import Final

from orders.models import Order, Refund
from orders.reading.history import changes_of, operation_of
from orders.rules.lifecycle import Operation
from orders.rules.statuses import RefundState

_FACTS: Final = frozenset({Operation.RECORD_PAYMENT, Operation.CORRECT_PAYMENT})


def told_state(refund: Refund, *, failed: bool) -> RefundState | None:
    """What its provider has told of one that is agreed to; None when nothing that settles it or lets it fail."""
    if refund.settled_amount >= refund.amount:
        return RefundState.SETTLED
    return RefundState.FAILED if failed else None


def decided_state(order: Order, refund: Refund) -> RefundState:
    """Of one that was agreed to: approved, or failed, by the latest change that was not a payment.

    One that was paid out, or could not be, before anybody agreed to it was settled, or failed, by the approval.
    """
    if refund.state == RefundState.APPROVED:
        return RefundState.APPROVED
    for event in changes_of("refunds", order.pk, storefront_id=order.storefront_id):
        operation = operation_of(event)
        if operation not in _FACTS:
            for part in event.data["changes"]["refunds"][1]:
                if part["id"] == str(refund.pk) and "state" in part:
                    return RefundState.FAILED if operation == Operation.FAIL_REFUND else RefundState.APPROVED
    return RefundState.APPROVED
