"""Telling the inventory what became of an order: with the change or at once after it, and again until it is told.

With the change where the inventory is the ledger in our own database. There locks are taken in this order: the order's
row, unique keys of its facts, the key of the answer, its reservation, stock; and at reservation and stock nobody waits
who has locked an order (`inventory_client/within.py`).
"""

from __future__ import annotations

import functools
import logging
from contextlib import suppress
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from inventory_client.current import get_inventory
from inventory_client.errors import InventoryBusy, InventoryError, InventoryUnavailable
from inventory_client.ledger import EmbeddedLedger
from inventory_client.values import HoldRequest
from inventory_client.within import adjust_within, confirm_within, release_within
from orders.models import Order, UpkeepFailure
from orders.operations.failing_upkeep import NotDone, OutOfReach, each_alone
from orders.rules.statuses import OrderStatus

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 500
_TOLD: Final = "update orders_order set stock_action = null where id = %s and stock_action = %s and stock_revision = %s"
_SETTLE: Final = UpkeepFailure.Upkeep.SETTLE


def may_settle_within(order: Order) -> bool:
    """Whether what the inventory is to be told of the order may be told in the transaction that changes it.

    Not where the inventory is another service, nor of units that are not in memory.
    """
    if order.reservation_id is None or not isinstance(get_inventory(), EmbeddedLedger):
        return False
    match order.stock_action:
        case "confirm":
            return order.status != OrderStatus.PENDING
        case "adjust":
            return order.parts.has("lines")
        case action:
            return action == "release"


def settle_within(order: Order, action: str) -> bool:
    """Confirm, adjust or release in the transaction that changes the order; tell whether that is done.

    It is not while others are at the same stock, nor where more units are needed, which can be refused: then it is told
    after the commit.
    """
    if order.reservation_id is None:
        return False
    match action:
        case "confirm":
            return confirm_within(order.reservation_id)
        case "adjust":
            request = hold_request_of(order, order.reservation_id)
            return adjust_within(request, confirmed=order.status != OrderStatus.PENDING)
        case _:
            return release_within(order.reservation_id)


def hold_request_of(order: Order, reservation_id: UUID) -> HoldRequest:
    """What its reservation is to be, under the revision it has now."""
    return HoldRequest(reservation_id, order.stock_units(), order.stock_revision, order.shipped_units())


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
    try:
        _tell(order, order.reservation_id)
    except InventoryError as error:
        if not raises:
            return False
        if isinstance(error, InventoryUnavailable) and not isinstance(error, InventoryBusy):
            raise OutOfReach(str(error)) from error
        raise NotDone(f"{order.stock_action}: {error}") from error
    return True


def settle_changed(order: Order) -> None:
    """The same for an order whose change has just been committed, as it stands in memory.

    Nothing is read again: a change of its units has a revision of its own, as an adjustment needs it.
    """
    if order.reservation_id is not None:
        with suppress(InventoryError):
            _tell(order, order.reservation_id)


def _tell(order: Order, reservation_id: UUID) -> None:
    """Raises what the inventory refuses it for."""
    inventory = get_inventory()
    try:
        if order.stock_action == "release":
            inventory.release(reservation_id)
        else:
            if order.stock_action == "adjust":
                (answer,) = inventory.hold([hold_request_of(order, reservation_id)])
                if isinstance(answer, InventoryError):
                    raise answer
            if order.status != OrderStatus.PENDING:
                inventory.confirm(reservation_id)
    except InventoryError as error:
        logger.warning(
            "inventory not told yet",
            extra={"order_id": str(order.pk), "action": order.stock_action, "error": str(error)},
        )
        raise
    # A later change may have asked for something else meanwhile; that stays to be done.
    with connection.cursor() as cursor:
        cursor.execute(_TOLD, [order.pk, order.stock_action, order.stock_revision])


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
