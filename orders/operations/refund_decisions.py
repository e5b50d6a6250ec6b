"""What was decided of a refund, whatever its provider has told since."""

from __future__ import annotations

from typing import Final

from orders.models import Order, Refund
from orders.reading.history import changes_of, operation_of
from orders.rules.lifecycle import Operation
from orders.rules.statuses import RefundState

_FACTS: Final = frozenset({Operation.RECORD_PAYMENT, Operation.CORRECT_PAYMENT})


def decided_state(order: Order, refund: Refund) -> RefundState:
    """Its state by the latest change that was not a payment, as the order's events tell."""
    for event in changes_of("refunds", order.pk, storefront_id=order.storefront_id):
        if operation_of(event) not in _FACTS:
            for part in event.data["changes"]["refunds"][1]:
                if part["id"] == str(refund.pk) and "state" in part:
                    return RefundState(part["state"])
    return RefundState.APPROVED
