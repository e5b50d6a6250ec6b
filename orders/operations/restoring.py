"""Bringing a deleted order back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from inventory_client.current import get_inventory
from inventory_client.errors import InventoryError
from inventory_client.values import Held, HoldRequest
from orders import errors
from orders.changes import Origin
from orders.event_payloads import ORDER_RESTORED
from orders.ids import new_id
from orders.models import Order
from orders.operations.inventory_answers import refusal_of
from orders.operations.inventory_upkeep import settle_order
from orders.operations.locked_order import commit_change, locked_order


def restore_order(order_id: UUID, *, storefront_id: int | None, origin: Origin) -> dict[str, Any]:
    """Show a deleted order again. A pending one gets its stock held anew.

    Raises OrderNotFound, NotDeleted, OrderBusy; OutOfStock or InventoryDown when its stock cannot be held.
    """
    with (
        _stock_held_again(order_id) as (reservation_id, reserved_until),
        locked_order(order_id, storefront_id=storefront_id, deleted=True) as order,
    ):
        if order.stock_action is not None:  # deleted once more meanwhile
            raise errors.OrderBusy(order_id)
        order.mark_restored(reservation_id=reservation_id, reserved_until=reserved_until)
        return commit_change(order, ORDER_RESTORED, before={"deleted": True}, after={"deleted": False}, origin=origin)


@contextmanager
def _stock_held_again(order_id: UUID) -> Iterator[tuple[UUID | None, datetime | None]]:
    """Hold the stock of an order that was deleted while pending; give it back when the block fails.

    The hold comes before the lock because no network call is made under one. Status cannot change
    meanwhile: only a restored order can take a step.
    """
    order = Order.all_objects.filter(pk=order_id).exclude(deleted_at=None).first()
    if order is None or not order.needs_stock_to_be_restored:
        yield None, None
        return
    if not settle_order(order_id):  # the old hold must be gone before a new one takes its place
        raise errors.InventoryDown("The inventory cannot be reached, so the order's stock cannot be held again.")
    lines = dict(order.items.values_list("product_id").annotate(units=Sum("quantity")))
    reservation_id = new_id()
    (answer,) = get_inventory().hold([HoldRequest(reservation_id, lines)])
    if not isinstance(answer, Held):
        raise refusal_of(answer)
    try:
        yield reservation_id, timezone.now() + timedelta(minutes=settings.RESERVATION_MINUTES)
    except errors.OrderError:
        with suppress(InventoryError):  # the sweeper repeats it
            get_inventory().release(reservation_id)
        raise
