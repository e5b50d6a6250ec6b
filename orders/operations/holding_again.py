"""Holding the stock of an order anew: before its row is locked, as no network call is made under a lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from inventory_client.current import get_inventory
from inventory_client.errors import InventoryError
from inventory_client.owning import own
from inventory_client.values import Held, HoldRequest
from orders.models import Order
from orders.operations.call import Call
from orders.operations.failing_upkeep import NotDone, OutOfReach
from orders.operations.idempotency import Replay, raise_if_answered
from orders.operations.inventory_answers import refusal_of
from orders.operations.locked_order import order_with_items
from orders.operations.settling import settle_order
from orders.rules import clock, errors
from orders.rules.ids import new_id


class HeldAgain(NamedTuple):
    """What the order stands on from now on, once it is written so."""

    reservation_id: UUID
    reserved_until: datetime
    instead_of: UUID | None

    def refuse_if_lost(self, order: Order, call: Call) -> None:
        """Under the order's lock. Raises OrderBusy when the old hold is not gone yet, or the new one is, or when the
        order has stood on another one meanwhile: its units may be others.
        """
        if call.rehearsal is not None:
            return
        # Between the hold and the lock it may have been taken for abandoned.
        if order.reservation_id != self.instead_of or order.stock_action is not None or not own([self.reservation_id]):
            raise errors.OrderBusy(order.pk)


@contextmanager
def stock_held_again(
    order_id: UUID,
    call: Call,
    *,
    units_of: Callable[[Order], Mapping[str, int] | None],
    effect: str,
) -> Iterator[HeldAgain | None]:
    """Hold an order's units anew; give them back when the block fails.

    None where there is no such order, or `units_of` it, deleted or not, says that none are to be held; what is in the
    way is said under the lock. `effect` ends the refusal: what has become of the order. Raises OutOfStock,
    UnknownProducts, InventoryDown, and Replay when the call was answered before.
    """
    order = order_with_items(order_id, call)
    units = units_of(order) if order is not None else None
    if order is None or units is None:
        yield None
        return
    # Asked again under the lock; here so that a repeat needs no inventory and a refusal holds nothing.
    if call.idempotency is not None:
        raise_if_answered(order.storefront_id, call.idempotency)
    call.precondition.check(order)
    if call.rehearsal is not None:
        yield HeldAgain(new_id(), _until(call.now()), order.reservation_id)
        return
    # The old hold must be gone before a new one takes its place.
    if order.stock_action is not None:
        _settle_first(order_id, effect)
    reservation_id = new_id()
    (answer,) = get_inventory().hold([HoldRequest(reservation_id, units)])
    if not isinstance(answer, Held):
        raise refusal_of(answer, effect=effect)
    try:
        yield HeldAgain(reservation_id, _until(clock.now()), order.reservation_id)
    except (errors.OrderError, Replay):
        with suppress(InventoryError):  # the sweeper repeats it
            get_inventory().release(reservation_id)
        raise


def _settle_first(order_id: UUID, effect: str) -> None:
    """Raises InventoryDown, and OrderBusy while others are about to tell it."""
    try:
        if not settle_order(order_id, raises=True):
            raise errors.OrderBusy(order_id)
    except (NotDone, OutOfReach) as error:
        raise errors.InventoryDown(
            "The order's stock cannot be held again before the inventory was told what became of it, which it did not "
            f"take ({error}). {effect}."
        ) from error


def _until(now: datetime) -> datetime:
    return now + timedelta(minutes=settings.RESERVATION_MINUTES)
