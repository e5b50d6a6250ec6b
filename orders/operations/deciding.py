"""Accepting, holding up, ending and hiding an order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from orders.operations.call import Call, Document
from orders.operations.locked_order import LockedOrder, locked_order
from orders.operations.refunds import instructions_after_cancel
from orders.operations.shipping import drop_needless_parcels, roll_up_delivery
from orders.operations.units import AskedUnits, chosen_units, open_units
from orders.reading.documents import instant
from orders.requests.operations import Cancel, Extend, Hold, Plain, ReleaseHold
from orders.rules import errors
from orders.rules.errors import FieldError
from orders.rules.ids import new_id
from orders.rules.lifecycle import BLOCKED_BY, HOLDABLE, Operation
from orders.rules.statuses import CancelReason


def confirm_order(order_id: UUID, request: Plain, *, call: Call) -> Document:
    """Accept a pending order: its hold no longer expires."""
    with locked_order(order_id, Operation.CONFIRM, call) as locked:
        locked.order.confirm()
        return locked.commit()


def extend_reservation(order_id: UUID, request: Extend, *, call: Call) -> Document:
    """Hold a pending order's stock for longer. A hold that lasts longer already stays as it is."""
    with locked_order(order_id, Operation.EXTEND, call) as locked:
        until = call.now() + timedelta(minutes=request.minutes)
        if locked.order.reserved_until is not None and locked.order.reserved_until >= until:
            return locked.unchanged()
        locked.order.reserved_until = until
        return locked.commit()


def cancel_order(order_id: UUID, request: Cancel, *, call: Call) -> Document:
    """End open units: all of them, or some. What has been shipped stays.

    An order that ends with it gets its stock released, and what was captured for more than is still due is
    to be refunded. Raises QuantityExceeded.
    """
    if request.cause == CancelReason.EXPIRED:
        raise errors.InvalidRequest(
            [FieldError("/cause", "not_a_choice", "An order expires by itself; choose another cause")]
        )
    with locked_order(order_id, Operation.CANCEL, call) as locked:
        return _cancel(locked, request.items, request.cause)


def expire_order(order_id: UUID, request: Plain, *, call: Call) -> Document:
    """Cancel a pending order whose stock was held long enough and for which no money was recorded."""
    with locked_order(order_id, Operation.EXPIRE, call) as locked:
        return _cancel(locked, None, CancelReason.EXPIRED)


def _cancel(locked: LockedOrder, items: Sequence[AskedUnits] | None, cause: CancelReason) -> Document:
    order = locked.order
    units = chosen_units(order, items, available=open_units(order), verb="canceled")
    order.cancel_units(units, cause)
    locked.save_lines()
    drop_needless_parcels(order)
    roll_up_delivery(order)
    instructions = instructions_after_cancel(locked)
    order.confirm_by_policy()
    return locked.commit(instructions=instructions, cause=cause.value)


def hold_order(order_id: UUID, request: Hold, *, call: Call) -> Document:
    """Block chosen operations until the hold is released."""
    blocks = BLOCKED_BY[request.kind] if request.blocks is None else frozenset(request.blocks)
    if impossible := blocks - HOLDABLE:
        can = ", ".join(sorted(HOLDABLE))
        raise errors.InvalidRequest(
            [FieldError("/blocks", "not_a_choice", f"{', '.join(sorted(impossible))} cannot be blocked; {can} can")]
        )
    with locked_order(order_id, Operation.HOLD, call) as locked:
        hold = {
            "id": str(new_id()),
            "kind": request.kind.value,
            "blocks": sorted(blocks),
            "placed_by": call.caller.actor,
            "placed_at": instant(call.now()),
        }
        locked.order.holds = [*locked.order.holds, hold]
        return locked.commit()


def release_hold(order_id: UUID, request: ReleaseHold, *, call: Call) -> Document:
    """Let the order go on. If the storefront confirms by itself, what the hold kept back is confirmed now."""
    with locked_order(order_id, Operation.RELEASE_HOLD, call) as locked:
        order = locked.order
        ids = [UUID(hold["id"]) for hold in order.holds]
        if request.hold_id is None and len(ids) > 1:
            raise errors.Ambiguous("hold", ids)
        released = request.hold_id or ids[0]
        if released not in ids:
            raise errors.UnknownPart("hold", released)
        order.holds = [hold for hold in order.holds if hold["id"] != str(released)]
        order.confirm_by_policy()
        return locked.commit()


def delete_order(order_id: UUID, request: Plain, *, call: Call) -> Document:
    """Take the order out of sight, kept whole with who, when and why.

    A second time raises OrderNotFound: there is nothing left to see.
    """
    with locked_order(order_id, Operation.DELETE, call) as locked:
        locked.order.mark_deleted(now=call.now(), by=call.caller.actor, reason=call.reason)
        return locked.commit()
