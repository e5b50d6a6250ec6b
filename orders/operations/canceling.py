"""Ending what has not been shipped, all of it or some."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from msgspec import UNSET, UnsetType

from orders.operations.call import Call, Document
from orders.operations.crediting import credit_units
from orders.operations.locked_order import LockedOrder, locked_order
from orders.operations.refunds import instructions_for_what_is_over
from orders.operations.shipping import drop_needless_parcels
from orders.operations.units import AskedUnits, chosen_units, open_units
from orders.requests.operations import Cancel, Plain
from orders.rules.errors import InvalidRequest
from orders.rules.lifecycle import Operation
from orders.rules.statuses import CancelReason, CreditCause


def cancel_order(order_id: UUID, request: Cancel, *, call: Call) -> Document:
    """End open units: all of them, or some. What has been shipped stays.

    An order that ends with it gets its stock released, and what was captured for more than is still due is
    to be refunded. Raises QuantityExceeded or AmountExceeded.
    """
    if request.cause == CancelReason.EXPIRED:
        raise InvalidRequest.at("/cause", "not_a_choice", "An order expires by itself; choose another cause")
    with locked_order(order_id, Operation.CANCEL, call) as locked:
        return _cancel(locked, request.cause, items=request.items, amount=request.amount)


def expire_order(order_id: UUID, request: Plain, *, call: Call) -> Document:
    """Cancel a pending order whose stock was held long enough and on which there is no money."""
    with locked_order(order_id, Operation.EXPIRE, call) as locked:
        return _cancel(locked, CancelReason.EXPIRED)


def _cancel(
    locked: LockedOrder,
    cause: CancelReason,
    *,
    items: Sequence[AskedUnits] | UnsetType = UNSET,
    amount: int | UnsetType = UNSET,
) -> Document:
    order = locked.order
    units = chosen_units(order, items, available=open_units(order), verb="canceled")
    before = order.ended_units()
    order.cancel_units(units, cause)
    credit = credit_units(order, locked.call, CreditCause.CANCELED, units, before=before, amount=amount)
    drop_needless_parcels(order)
    order.derive_delivery()
    instructions = instructions_for_what_is_over(locked, since=credit)
    order.confirm_by_policy()
    return locked.commit(instructions=instructions, cause=cause.value)
