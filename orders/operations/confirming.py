"""Accepting a pending order, or giving it more time."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from orders.operations.call import Call, Document
from orders.operations.locked_order import locked_order
from orders.requests.operations import Extend, Plain
from orders.rules.lifecycle import Operation


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
