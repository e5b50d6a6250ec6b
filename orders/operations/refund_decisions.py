"""What was decided of a refund, whatever its provider has told since."""

from __future__ import annotations

from typing import Final, NamedTuple

from orders.models import Order, Refund
from orders.reading.history import changes_of, operation_of
from orders.rules.lifecycle import Operation
from orders.rules.statuses import RefundState

_FACTS: Final = frozenset({Operation.RECORD_PAYMENT, Operation.CORRECT_PAYMENT})


class Decision(NamedTuple):
    """`withdrawn` is what was to be paid out, until its order was reinstated."""

    state: RefundState
    withdrawn: bool = False


def decision_on(order: Order, refund: Refund) -> Decision:
    """Its state by the latest change that was not a payment, as the order's events tell."""
    for event in changes_of("refunds", order.pk, storefront_id=order.storefront_id):
        operation = operation_of(event)
        if operation not in _FACTS:
            for part in event.data["changes"]["refunds"][1]:
                if part["id"] == str(refund.pk) and "state" in part:
                    return Decision(RefundState(part["state"]), withdrawn=operation == Operation.REINSTATE)
    return Decision(RefundState.REJECTED if refund.state == RefundState.REJECTED else RefundState.APPROVED)
