"""Putting right where an order and its reservation differ."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import psycopg
from django.db import OperationalError, transaction

from inventory_client.current import get_inventory
from inventory_client.errors import (
    InventoryError,
    ReservationInUse,
    ReservationReleased,
    StockMiscounted,
    StockShortage,
    UnknownProduct,
)
from inventory_client.owning import own
from inventory_client.values import Held, HoldRequest, Reservation, ReservationState
from orders.models import Order
from orders.operations.comparing_stock import Difference, DifferenceKind, is_without_order, read_with_items, stamp_of
from orders.operations.settling import hold_request_of, settle_order
from orders.rules.ids import new_id
from orders.rules.statuses import OrderStatus


class RepairResult(StrEnum):
    REPAIRED = "repaired"
    CHANGED = "changed"
    BUSY = "busy"
    WAITS = "waits"
    OUT_OF_STOCK = "out_of_stock"


@dataclass(frozen=True, slots=True)
class Repair:
    """What became of a repair; `told` is a sentence."""

    result: RepairResult
    told: str


_REPAIRED: Final = Repair(RepairResult.REPAIRED, "Repaired.")
_CHANGED: Final = Repair(RepairResult.CHANGED, "Left alone: it has changed meanwhile. Compare it again.")
_BUSY: Final = Repair(RepairResult.BUSY, "Left alone: the order is being changed by others. Compare it again.")
_WAITS: Final = Repair(RepairResult.WAITS, "The inventory could not be told; the sweeper repeats it.")


def repair_stock(difference: Difference) -> Repair:
    """Put it right, unless order or reservation have changed since they were compared.

    What the inventory is to be told is written down under the order's lock before it is told, so that the sweeper
    goes on where a crash ends this. Raises InventoryError when the inventory cannot be reached.
    """
    if difference.order_id is None:
        return _release(difference)
    order = read_with_items(difference.order_id)
    if stamp_of(order) != difference.stamp:
        return _CHANGED
    match difference.kind:
        case DifferenceKind.RELEASED:
            return _hold_anew(order)
        case DifferenceKind.NOT_RELEASED:
            return _tell(order, "release", difference.reservation)
        case DifferenceKind.NOT_CONFIRMED:
            return _tell(order, "confirm", difference.reservation)
        case _:
            return _tell(order, "adjust", difference.reservation)


def _tell(order: Order, action: str, reservation: Reservation | None) -> Repair:
    # The inventory may know a later revision than we do: when our database came from a backup, for instance.
    revision = max(order.stock_revision, reservation.revision if reservation else 0) + 1
    if refused := _write(order, stock_action=action, stock_revision=revision):
        return refused
    if settle_order(order.pk):
        return _REPAIRED
    now = read_with_items(order.pk)
    match _refusal(now):
        case StockShortage() | UnknownProduct() as refusal:
            return _out_of_stock(refusal)
        case ReservationReleased():
            current = read_with_items(order.pk)  # its stock fields are others since it was told
            return _hold_anew(current) if current.version == order.version else _CHANGED
        case _:
            return _WAITS


def _refusal(order: Order) -> InventoryError | None:
    """Why the inventory refuses to adjust the reservation. The sweeper is then not to repeat it for ever."""
    if order.stock_action != "adjust" or order.reservation_id is None:
        return None
    (answer,) = get_inventory().hold([hold_request_of(order, order.reservation_id)])
    if not isinstance(answer, StockShortage | UnknownProduct | ReservationReleased):
        return None
    noted = Order.all_objects.filter(pk=order.pk, stock_action=order.stock_action, stock_revision=order.stock_revision)
    noted.update(stock_action=None)
    return answer


def _hold_anew(order: Order) -> Repair:
    """What was released never holds again: another reservation takes its place."""
    reservation_id, revision = new_id(), order.stock_revision + 1  # a late answer about the old one is none about it
    request = HoldRequest(reservation_id, order.stock_units(), revision, order.shipped_units())
    (answer,) = get_inventory().hold([request])
    if isinstance(answer, StockShortage | UnknownProduct):
        return _out_of_stock(answer)
    if not isinstance(answer, Held):
        raise answer
    action = None if order.status == OrderStatus.PENDING else "confirm"
    if refused := _write(order, reservation_id=reservation_id, stock_action=action, stock_revision=revision):
        get_inventory().release(reservation_id)  # what a crash leaves here is swept
        return refused
    return _REPAIRED if settle_order(order.pk) else _WAITS


def _write(order: Order, **stock_fields: Any) -> Repair | None:
    """Change the stock fields under the order's lock; return why not, when it is not as it was read."""
    try:
        with transaction.atomic(durable=True):
            locked = Order.all_objects.select_for_update().get(pk=order.pk)
            if stamp_of(locked) != stamp_of(order):
                return _CHANGED
            if "reservation_id" in stock_fields and not own([stock_fields["reservation_id"]]):
                return _CHANGED
            Order.all_objects.filter(pk=order.pk).update(**stock_fields)
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            return _BUSY
        raise
    return None


def _release(difference: Difference) -> Repair:
    """Give back what nobody owns, unless a placement joins it at this moment."""
    reservation = difference.reservation
    if reservation is None or not is_without_order(reservation):
        return _CHANGED
    inventory = get_inventory()
    standing = Order.all_objects.standing_on([reservation.reservation_id])
    try:
        released = reservation.state == ReservationState.HELD and inventory.release_untouched(
            reservation.reservation_id, before=reservation.updated_at, unless=standing.exists
        )
        # Confirmed, or not in the journal of what this service has asked for. Should a placement repeat it right
        # now, it is refused by the tombstone and takes another reservation.
        released = released or (
            is_without_order(reservation)
            and inventory.release_ownerless(reservation.reservation_id, unless=standing.exists)
        )
    except ReservationInUse:
        return _CHANGED
    except StockMiscounted as error:
        return Repair(RepairResult.WAITS, f"Not released. {error}")
    return _REPAIRED if released else _CHANGED


def _out_of_stock(refusal: InventoryError) -> Repair:
    told = f"Needs a decision, the stock is gone: {refusal} Amend or cancel the order, or restock and repair again."
    return Repair(RepairResult.OUT_OF_STOCK, told)
