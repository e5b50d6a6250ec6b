"""Telling the inventory what became of an order: at once after the change, and again until it is told."""

from __future__ import annotations

import functools
import logging
from typing import Final
from uuid import UUID

from django.db import transaction

from inventory_client.current import get_inventory
from inventory_client.errors import InventoryBusy, InventoryError, InventoryUnavailable
from inventory_client.values import HoldRequest
from orders.models import Order, UpkeepFailure
from orders.operations.failing_upkeep import NotDone, OutOfReach, each_alone
from orders.rules.statuses import OrderStatus

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 500
_SETTLE: Final = UpkeepFailure.Upkeep.SETTLE


def settle_order(order_id: UUID, *, raises: bool = False) -> bool:
    """Make the order's reservation what its last change asked for; tell whether that is done.

    With `raises` the inventory's refusal is raised, as NotDone, and so is that others hold this reservation; that the
    inventory cannot be reached is nobody's own failure, and raised as OutOfReach.

    Safe to repeat and to run twice at once: an adjustment goes out under a revision of its own, and the
    inventory takes the highest.
    """
    order = _to_settle(order_id)
    if order is None or order.reservation_id is None:
        # Whoever holds the row settles it after its own commit.
        return not Order.all_objects.filter(pk=order_id).awaiting_inventory().exists()
    inventory = get_inventory()
    try:
        if order.stock_action == "release":
            inventory.release(order.reservation_id)
        else:
            if order.stock_action == "adjust":
                request = HoldRequest(order.reservation_id, order.stock_units(), order.stock_revision)
                (answer,) = inventory.hold([request])
                if isinstance(answer, InventoryError):
                    raise answer
            if order.status != OrderStatus.PENDING:
                inventory.confirm(order.reservation_id)
    except InventoryError as error:
        logger.warning(
            "inventory not told yet",
            extra={"order_id": str(order_id), "action": order.stock_action, "error": str(error)},
        )
        if not raises:
            return False
        if isinstance(error, InventoryUnavailable) and not isinstance(error, InventoryBusy):
            raise OutOfReach(str(error)) from error
        raise NotDone(f"{order.stock_action}: {error}") from error
    # A later change may have asked for something else meanwhile; that stays to be done.
    done = Order.all_objects.filter(pk=order_id, stock_action=order.stock_action, stock_revision=order.stock_revision)
    done.update(stock_action=None)
    return True


def _to_settle(order_id: UUID) -> Order | None:
    """The order, when the inventory has something to be told of it; with its units, under a revision of their own."""
    waiting = Order.all_objects.filter(pk=order_id).awaiting_inventory()
    order: Order | None = waiting.first()
    if order is None or order.stock_action != "adjust":
        return order
    with transaction.atomic():
        order = waiting.select_for_update(skip_locked=True).first()
        if order is not None and order.stock_action == "adjust":
            order.stock_revision += 1
            order.save(update_fields=["stock_revision"])
            order.stock_units()  # loads the items as they stand under this revision
    return order


def settle_orders() -> tuple[int, int]:
    """Repeat what could not be told at once; return how many are settled now and how many still wait."""
    waiting = Order.all_objects.awaiting_inventory()
    chosen = list(waiting.not_put_off(_SETTLE).values_list("pk", flat=True)[:_AT_ONCE])
    settled = each_alone(_SETTLE, chosen, functools.partial(settle_order, raises=True))
    return settled, waiting.count()
