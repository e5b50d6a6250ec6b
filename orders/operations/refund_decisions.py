"""What was decided of a refund, whatever its provider has told since."""

from __future__ import annotations

from typing import Final

from orders.models import Order, Refund
from orders.reading.history import changes_of, operation_of
from orders.rules.lifecycle import Operation
from orders.rules.statuses import RefundState

_FACTS: Final = frozenset({Operation.RECORD_PAYMENT, Operation.CORRECT_PAYMENT})


def decided_state(order: Order, refund: Refund) -> RefundState:
    """Of one that was agreed to: approved, or failed, by the latest change that was not a payment.

    One that was paid out before anybody agreed to it has been settled by the approval.
    """
    if refund.state == RefundState.APPROVED:
        return RefundState.APPROVED
    for event in changes_of("refunds", order.pk, storefront_id=order.storefront_id):
        if operation_of(event) not in _FACTS:
            for part in event.data["changes"]["refunds"][1]:
                if part["id"] == str(refund.pk) and "state" in part:
                    return RefundState.FAILED if part["state"] == RefundState.FAILED else RefundState.APPROVED
    return RefundState.APPROVED
