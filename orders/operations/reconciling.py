"""Orders against the inventory's reservations, both ways: what differs, and how it is put right.

Orders change while they are compared, and the inventory is told only after the commit. So a difference is told only
when the order was the same before and after the inventory was asked, and nothing of it was still to be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import OperationalError, transaction
from django.utils import timezone

from inventory_client.current import get_inventory
from inventory_client.errors import InventoryError, ReservationReleased, StockShortage, UnknownProduct
from inventory_client.values import Held, HoldRequest, Reservation, ReservationState
from orders.models import Order
from orders.operations.inventory_upkeep import settle_order
from orders.reading.windows import windows
from orders.rules.ids import new_id, time_floor
from orders.rules.statuses import OrderStatus

_ORDERS_AT_ONCE: Final = 500
_READINGS: Final = 5
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


class DifferenceKind(StrEnum):
    MISSING = "missing"
    RELEASED = "released"
    OTHER_LINES = "other_lines"
    NOT_CONFIRMED = "not_confirmed"
    NOT_RELEASED = "not_released"
    WITHOUT_ORDER = "without_order"


REMEDIES: Final[dict[DifferenceKind, str]] = {
    DifferenceKind.MISSING: "hold the stock under this reservation",
    DifferenceKind.RELEASED: "hold the stock under a new reservation",
    DifferenceKind.OTHER_LINES: "make the reservation hold these units",
    DifferenceKind.NOT_CONFIRMED: "confirm the reservation",
    DifferenceKind.NOT_RELEASED: "release the reservation",
    DifferenceKind.WITHOUT_ORDER: "release the reservation",
}


@dataclass(frozen=True, slots=True)
class Stand:
    """How a reservation stands, or should. `state` is None when the inventory does not know it."""

    state: ReservationState | None
    lines: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.state is None:
            return "unknown"
        lines = ", ".join(f"{units} × {product_id}" for product_id, units in sorted(self.lines.items()))
        return self.state if self.state is ReservationState.RELEASED else f"{self.state} {lines}"


class _Stamp(NamedTuple):
    """Of this something changes whenever an order's stock does, or is about to."""

    version: int
    reservation_id: UUID | None
    stock_revision: int
    stock_action: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A reservation that is not what its order says, or that no order stands on: then `order_id` is None."""

    kind: DifferenceKind
    reservation_id: UUID
    expected: Stand
    reservation: Reservation | None
    order_id: UUID | None = None
    number: str | None = None
    stamp: _Stamp | None = None

    @property
    def found(self) -> Stand:
        return Stand(None) if self.reservation is None else Stand(self.reservation.state, self.reservation.lines)

    @property
    def remedy(self) -> str:
        return REMEDIES[self.kind]


@dataclass(frozen=True, slots=True)
class Untold:
    """The inventory has still to be told `action`. The sweeper does that, so this is no difference yet."""

    order_id: UUID
    number: str
    reservation_id: UUID
    action: str


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


# --- comparing ---------------------------------------------------------------------------------------


def stock_differences(*, since: datetime | None, storefront_id: int | None) -> Iterator[Difference | Untold]:
    """Compare orders placed since then with the inventory, and what changed there since then with orders.

    With a storefront, reservations without an order are left out: nobody knows whose they are. It takes no lock and
    little memory. Raises InventoryError when the inventory cannot be asked.
    """
    oldest = UUID(int=0) if since is None else time_floor(since)
    for order in _reserving_orders(oldest, storefront_id):
        if found := _compared(order):
            yield found
    for reservations in _changed_reservations(since or _EVER):
        owners = _owners_of(reservations)
        for reservation in reservations:
            owner = owners.get(reservation.reservation_id)
            if owner is None:
                if storefront_id is None and _is_without_order(reservation):
                    yield _without_order(reservation)
            elif owner.order_id < oldest and storefront_id in (None, owner.storefront_id):
                found = _compared(_read(owner.order_id))
                if found is not None:
                    yield found


def _reserving_orders(oldest: UUID, storefront_id: int | None) -> Iterator[Order]:
    """Orders that have a reservation, deleted ones too."""
    for window in windows(Order, rows=_ORDERS_AT_ONCE, since=oldest):
        orders = Order.all_objects.filter(**window.of("pk")).exclude(reservation_id=None)
        if storefront_id is not None:
            orders = orders.of_storefront(storefront_id)
        yield from orders.prefetch_related("items").order_by("pk")


def _changed_reservations(since: datetime) -> Iterator[list[Reservation]]:
    """Batches of them, oldest change first. Those touched just now may be getting their order this moment."""
    untouched_since = timezone.now() - timedelta(seconds=settings.HOLD_GRACE_SECONDS)
    while reservations := get_inventory().changed_since(since):
        yield [reservation for reservation in reservations if reservation.updated_at < untouched_since]
        newest = reservations[-1].updated_at
        if newest >= untouched_since:
            return
        since = newest + _TICK  # all that share a time come together


class _Owner(NamedTuple):
    order_id: UUID
    storefront_id: int


def _owners_of(reservations: list[Reservation]) -> dict[UUID, _Owner]:
    """By reservation id."""
    orders = Order.all_objects.standing_on([reservation.reservation_id for reservation in reservations])
    return {
        reservation_id: _Owner(order_id, storefront_id)
        for reservation_id, order_id, storefront_id in orders.values_list("reservation_id", "pk", "storefront_id")
    }


def _compared(order: Order) -> Difference | Untold | None:
    """What is wrong with the order's reservation, once it is certain."""
    for _ in range(_READINGS):
        reservation_id = order.reservation_id
        if reservation_id is None:
            return None
        reservation = get_inventory().get(reservation_id)
        kind = _difference(order, reservation)
        if kind is None and order.stock_action is None:
            return None
        now = _read(order.pk)
        if _stamp(now) == _stamp(order):
            # What is gone can be told nothing, so the sweeper would try in vain.
            if order.stock_action is not None and kind not in (DifferenceKind.MISSING, DifferenceKind.RELEASED):
                return Untold(order.pk, order.number, reservation_id, order.stock_action)
            if kind is not None:
                expected = _expected(order)
                return Difference(kind, reservation_id, expected, reservation, order.pk, order.number, _stamp(order))
        order = now
    return None  # it changes faster than it can be compared


def _read(order_id: UUID) -> Order:
    order: Order = Order.all_objects.get(pk=order_id)
    order.stock_units()  # loads the items
    return order


def _stamp(order: Order) -> _Stamp:
    return _Stamp(order.version, order.reservation_id, order.stock_revision, order.stock_action)


def _expected(order: Order) -> Stand:
    units = order.stock_units()
    pending = order.status == OrderStatus.PENDING
    if order.status == OrderStatus.CANCELED or (pending and order.deleted_at is not None) or not units:
        return Stand(ReservationState.RELEASED)
    return Stand(ReservationState.HELD if pending else ReservationState.CONFIRMED, units)


def _difference(order: Order, reservation: Reservation | None) -> DifferenceKind | None:
    """A reservation that is confirmed already while its order is pending holds the stock as well."""
    expected = _expected(order)
    gone = reservation is None or reservation.state == ReservationState.RELEASED
    if expected.state is ReservationState.RELEASED:
        return None if gone else DifferenceKind.NOT_RELEASED
    if reservation is None:
        return DifferenceKind.MISSING
    if gone:
        return DifferenceKind.RELEASED
    if dict(reservation.lines) != expected.lines:
        return DifferenceKind.OTHER_LINES
    if (expected.state, reservation.state) == (ReservationState.CONFIRMED, ReservationState.HELD):
        return DifferenceKind.NOT_CONFIRMED
    return None


def _without_order(reservation: Reservation) -> Difference:
    expected = Stand(ReservationState.RELEASED)
    return Difference(DifferenceKind.WITHOUT_ORDER, reservation.reservation_id, expected, reservation)


def _is_without_order(reservation: Reservation) -> bool:
    """Whether it holds stock for nobody now, and has not been touched since it was listed."""
    if reservation.state == ReservationState.RELEASED:
        return False
    now = get_inventory().get(reservation.reservation_id)
    if now is None or (now.state, now.updated_at) != (reservation.state, reservation.updated_at):
        return False
    return not Order.all_objects.standing_on([reservation.reservation_id]).exists()


# --- repairing ---------------------------------------------------------------------------------------


def repair_stock(difference: Difference) -> Repair:
    """Put it right, unless order or reservation have changed since they were compared.

    What the inventory is to be told is written down under the order's lock before it is told, so that the sweeper
    goes on where a crash ends this. Raises InventoryError when the inventory cannot be reached.
    """
    if difference.order_id is None:
        return _release(difference)
    order = _read(difference.order_id)
    if _stamp(order) != difference.stamp:
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
    now = _read(order.pk)
    match _refusal(now):
        case StockShortage() | UnknownProduct() as refusal:
            return _out_of_stock(refusal)
        case ReservationReleased():
            return _hold_anew(_read(order.pk)) if now.version == order.version else _CHANGED
        case _:
            return _WAITS


def _refusal(order: Order) -> InventoryError | None:
    """Why the inventory refuses to adjust the reservation. The sweeper is then not to repeat it for ever."""
    if order.stock_action != "adjust" or order.reservation_id is None:
        return None
    (answer,) = get_inventory().hold([HoldRequest(order.reservation_id, order.stock_units(), order.stock_revision)])
    if not isinstance(answer, StockShortage | UnknownProduct | ReservationReleased):
        return None
    noted = Order.all_objects.filter(pk=order.pk, stock_action=order.stock_action, stock_revision=order.stock_revision)
    noted.update(stock_action=None)
    return answer


def _hold_anew(order: Order) -> Repair:
    """What was released never holds again: another reservation takes its place."""
    reservation_id = new_id()
    (answer,) = get_inventory().hold([HoldRequest(reservation_id, order.stock_units())])
    if isinstance(answer, StockShortage | UnknownProduct):
        return _out_of_stock(answer)
    if not isinstance(answer, Held):
        raise answer
    action = None if order.status == OrderStatus.PENDING else "confirm"
    if refused := _write(order, reservation_id=reservation_id, stock_action=action, stock_revision=1):
        get_inventory().release(reservation_id)  # what a crash leaves here is swept
        return refused
    return _REPAIRED if settle_order(order.pk) else _WAITS


def _write(order: Order, **stock_fields: Any) -> Repair | None:
    """Change the stock fields under the order's lock; return why not, when it is not as it was read."""
    try:
        with transaction.atomic(durable=True):
            locked = Order.all_objects.select_for_update().get(pk=order.pk)
            if _stamp(locked) != _stamp(order):
                return _CHANGED
            Order.all_objects.filter(pk=order.pk).update(**stock_fields)
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            return _BUSY
        raise
    return None


def _release(difference: Difference) -> Repair:
    """Give back what nobody owns. A hold is released only if no placement joins it at this moment."""
    reservation = difference.reservation
    if reservation is None or not _is_without_order(reservation):
        return _CHANGED
    inventory = get_inventory()
    released = reservation.state == ReservationState.HELD and inventory.release_untouched(
        reservation.reservation_id, before=reservation.updated_at
    )
    if not released:
        # Confirmed, or not in the journal of what this service has asked for. Should a placement repeat it right
        # now, it is refused by the tombstone and takes another reservation.
        if not _is_without_order(reservation):
            return _CHANGED
        inventory.release(reservation.reservation_id)
    return _REPAIRED


def _out_of_stock(refusal: InventoryError) -> Repair:
    told = f"Needs a decision, the stock is gone: {refusal} Amend or cancel the order, or restock and repair again."
    return Repair(RepairResult.OUT_OF_STOCK, told)
