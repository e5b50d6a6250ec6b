"""Taking an order out of sight, and bringing it back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from inventory_client.current import get_inventory
from inventory_client.errors import InventoryError
from inventory_client.owning import own
from inventory_client.values import Held, HoldRequest
from orders.models import Order
from orders.operations.call import Call, Document
from orders.operations.idempotency import Replay, raise_if_answered
from orders.operations.inventory_answers import refusal_of
from orders.operations.locked_order import locked_order
from orders.operations.refunds import void_what_is_authorized
from orders.operations.settling import settle_order
from orders.requests.operations import Plain
from orders.rules import clock, errors
from orders.rules.callers import refusal_to
from orders.rules.ids import new_id
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
    with (
        _stock_held_again(order_id, call) as (reservation_id, reserved_until),
        locked_order(order_id, Operation.RESTORE, call, deleted=True) as locked,
    ):
        order = locked.order
        # Deleted only since it was looked at, or once more: nothing is held, or the old hold is not gone yet.
        unsettled = reservation_id is None or (order.stock_action is not None and call.rehearsal is None)
        if order.needs_stock_to_be_restored and unsettled:
            raise errors.OrderBusy(order_id)
        # Between the new hold and this lock it may have been taken for abandoned.
        if reservation_id is not None and call.rehearsal is None and not own([reservation_id]):
            raise errors.OrderBusy(order_id)
        order.mark_restored(reservation_id=reservation_id, reserved_until=reserved_until)
        order.confirm_by_policy()
        return locked.commit()


@contextmanager
def _stock_held_again(order_id: UUID, call: Call) -> Iterator[tuple[UUID | None, datetime | None]]:
    """Hold the stock of an order that was deleted while pending; give it back when the block fails.

    The hold comes before the lock because no network call is made under one. Status cannot change
    meanwhile: only a restored order can be changed otherwise.
    """
    orders = Order.all_objects.filter(pk=order_id).exclude(deleted_at=None)
    if call.caller.storefronts is not None:
        orders = orders.filter(storefront_id__in=call.caller.storefronts)
    order = orders.first()
    if order is None or not order.needs_stock_to_be_restored:
        yield None, None
        return
    # Asked again under the lock; here so that a repeat needs no inventory and a refusal holds nothing.
    if call.idempotency is not None:
        raise_if_answered(order.storefront_id, call.idempotency)
    call.precondition.check(order)
    if call.rehearsal is not None:
        yield new_id(), call.now() + timedelta(minutes=settings.RESERVATION_MINUTES)
        return
    # The old hold must be gone before a new one takes its place.
    if order.stock_action is not None and not settle_order(order_id):
        raise errors.InventoryDown("The inventory cannot be reached, so the order's stock cannot be held again.")
    reservation_id = new_id()
    (answer,) = get_inventory().hold([HoldRequest(reservation_id, order.stock_units())])
    if not isinstance(answer, Held):
        raise refusal_of(answer, effect="The order stays deleted")
    try:
        yield reservation_id, clock.now() + timedelta(minutes=settings.RESERVATION_MINUTES)
    except (errors.OrderError, Replay):
        with suppress(InventoryError):  # the sweeper repeats it
            get_inventory().release(reservation_id)
        raise
