"""Taking back the cancellation that ended an order."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from orders.models import Order
from orders.operations.before_canceled import before_it_ended
from orders.operations.call import Call, Document
from orders.operations.crediting import take_credits_back
from orders.operations.holding_again import stock_held_again
from orders.operations.locked_order import locked_order
from orders.operations.refunds import grant_goodwill, withdraw_refunds, withdraw_voids
from orders.requests.operations import Undo
from orders.rules import errors
from orders.rules.callers import refusal_to
from orders.rules.lifecycle import Operation
from orders.rules.statuses import OrderStatus, RefundState


def reinstate_order(order_id: UUID, request: Undo, *, call: Call) -> Document:
    """Make the order what it was before the cancellation that ended it; its stock is held anew.

    What was canceled before that stays canceled. Credits since then are taken back, refunds that are still open and
    voids are withdrawn, and one that was confirmed is confirmed again.

    Raises RefundPaidOut once a refund was paid out, and OutOfStock, UnknownProducts
    or InventoryDown when the stock cannot be held.
    """
    if refusal := refusal_to(call.caller, Operation.REINSTATE):
        raise refusal
    with (
        stock_held_again(order_id, call, units_of=_units_again, effect="The order stays canceled") as held,
        locked_order(order_id, Operation.REINSTATE, call) as locked,
    ):
        order = locked.order
        if held is None:  # canceled only since it was looked at
            raise errors.OrderBusy(order_id)
        held.refuse_if_lost(order, call)
        earlier = before_it_ended(order)
        instructions = withdraw_refunds(order, call, but=earlier.refunds) + withdraw_voids(order)
        order.mark_reinstated(earlier.canceled, reservation_id=held.reservation_id, reserved_until=held.reserved_until)
        if earlier.was_confirmed:
            order.confirm()
        take_credits_back(order, call, but=earlier.credits)
        agreed_since = [
            refund
            for refund in order.parts.refunds
            if refund.pk in earlier.not_agreed and refund.state in (RefundState.APPROVED, RefundState.SETTLED)
        ]
        for refund in agreed_since:
            grant_goodwill(order, refund, call)  # how much that is was drawn from what an ended order owed
        order.confirm_by_policy()
        return locked.commit(instructions=instructions)


def _units_again(order: Order) -> dict[str, int] | None:
    """By product: what its reservation was made of."""
    if order.status != OrderStatus.CANCELED or order.deleted_at is not None:
        return None
    canceled = before_it_ended(order).canceled
    units: Counter[str] = Counter()
    for item in order.lines:
        units[item.product_id] += item.quantity - canceled[item.pk]
    return {product_id: count for product_id, count in units.items() if count > 0}
