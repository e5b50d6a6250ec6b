"""Taking an order out of sight, and bringing it back."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from orders.models import Order
from orders.operations.call import Call, Document
from orders.operations.holding_again import stock_held_again
from orders.operations.locked_order import locked_order
from orders.operations.refunds import void_what_is_authorized, withdraw_voids
from orders.requests.operations import Plain
from orders.rules import errors
from orders.rules.callers import refusal_to
from orders.rules.lifecycle import Operation
from orders.rules.statuses import OrderStatus


def delete_order(order_id: UUID, request: Plain, *, call: Call) -> Document:
    """Take the order out of sight, kept whole with who, when and why.

    A second time raises OrderNotFound: there is nothing left to see.
    """
    with locked_order(order_id, Operation.DELETE, call) as locked:
        order = locked.order
        order.mark_deleted(now=call.now(), by=call.caller.actor, reason=call.reason)
        ends_it = order.status == OrderStatus.PENDING and call.at is None
        return locked.commit(instructions=void_what_is_authorized(order) if ends_it else [])


def restore_order(order_id: UUID, request: Plain, *, call: Call) -> Document:
    """Show a deleted order again. A pending one gets its stock held anew.

    Raises NotDeleted; OutOfStock or InventoryDown when its stock cannot be held.
    """
    if refusal := refusal_to(call.caller, Operation.RESTORE):
        raise refusal
    # Status cannot change meanwhile: only a restored order can be changed otherwise.
    with (
        stock_held_again(order_id, call, units_of=_released_units, effect="The order stays deleted") as held,
        locked_order(order_id, Operation.RESTORE, call, deleted=True) as locked,
    ):
        order = locked.order
        if order.needs_stock_to_be_restored and held is None:  # deleted only since it was looked at
            raise errors.OrderBusy(order_id)
        if held is not None:
            held.refuse_if_lost(order, call)
        order.mark_restored(reservation_id=held and held.reservation_id, reserved_until=held and held.reserved_until)
        order.confirm_by_policy()
        return locked.commit(instructions=withdraw_voids(order) if held is not None else [])


def _released_units(order: Order) -> Mapping[str, int] | None:
    return order.stock_units() if order.deleted_at is not None and order.needs_stock_to_be_restored else None
