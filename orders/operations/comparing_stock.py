"""Orders against the inventory's reservations, both ways: what differs.

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

from django.conf import settings

from inventory_client.current import get_inventory
from inventory_client.values import Reservation, ReservationState
from orders.models import Order
from orders.models.querysets import OrderQuerySet
from orders.reading.windows import windows
from orders.rules import clock
from orders.rules.ids import time_floor
from orders.rules.statuses import OrderStatus

_ORDERS_AT_ONCE: Final = 500
_READINGS: Final = 5
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


class DifferenceKind(StrEnum):
    MISSING = "missing"
    RELEASED = "released"
    OTHER_LINES = "other_lines"
    OTHER_SHIPPED = "other_shipped"
    NOT_CONFIRMED = "not_confirmed"
    NOT_RELEASED = "not_released"
    LATER_REVISION = "later_revision"
    WITHOUT_ORDER = "without_order"


REMEDIES: Final[dict[DifferenceKind, str]] = {
    DifferenceKind.MISSING: "hold the stock under this reservation",
    DifferenceKind.RELEASED: "hold the stock under a new reservation",
    DifferenceKind.OTHER_LINES: "make the reservation hold these units",
    DifferenceKind.OTHER_SHIPPED: "tell the inventory which of these units have left",
    DifferenceKind.NOT_CONFIRMED: "confirm the reservation",
    DifferenceKind.NOT_RELEASED: "release the reservation",
    DifferenceKind.LATER_REVISION: "go on from the inventory's revision",
    DifferenceKind.WITHOUT_ORDER: "release the reservation",
}


@dataclass(frozen=True, slots=True)
class Stand:
    """How a reservation stands, or should. `state` is None when the inventory does not know it.

    `shipped` is None when the inventory does not keep how many units of each line have left.
    """

    state: ReservationState | None
    lines: Mapping[str, int] = field(default_factory=dict)
    shipped: Mapping[str, int] | None = field(default_factory=dict)

    def __str__(self) -> str:
        if self.state is None:
            return "unknown"
        lines = ", ".join(
            f"{units} × {product_id}{self._left(product_id)}" for product_id, units in sorted(self.lines.items())
        )
        return self.state if self.state is ReservationState.RELEASED else f"{self.state} {lines}"

    def _left(self, product_id: str) -> str:
        shipped = (self.shipped or {}).get(product_id)
        return f" ({shipped} shipped)" if shipped else ""


class Stamp(NamedTuple):
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
    stamp: Stamp | None = None

    @property
    def found(self) -> Stand:
        found = self.reservation
        return Stand(None) if found is None else Stand(found.state, found.lines, found.shipped)

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


def stock_differences(*, since: datetime | None, storefront_id: int | None) -> Iterator[Difference | Untold]:
    """Compare orders placed since then with the inventory, and what changed there since then with orders.

    With a storefront, reservations without an order are left out: nobody knows whose they are. It takes no lock and
    little memory. Raises InventoryError when the inventory cannot be asked.
    """
    oldest = UUID(int=0) if since is None else time_floor(since)
    for window in windows(Order, rows=_ORDERS_AT_ONCE, since=oldest):
        yield from _compared_together(_of_storefront(storefront_id, **window.of("pk")))
    for reservations in _changed_reservations(since or _EVER):
        owners = _owners_of(reservations)
        if storefront_id is None:
            ownerless = (reservation for reservation in reservations if reservation.reservation_id not in owners)
            yield from map(_without_order, filter(is_without_order, ownerless))
        older = [order_id for order_id in owners.values() if order_id < oldest]
        yield from _compared_together(_of_storefront(storefront_id, pk__in=older))


def _of_storefront(storefront_id: int | None, **which: Any) -> OrderQuerySet:
    """Of these orders the storefront's, or all; deleted ones too."""
    orders: OrderQuerySet = Order.all_objects.filter(**which)
    return orders if storefront_id is None else orders.of_storefront(storefront_id)


def _compared_together(orders: OrderQuerySet) -> Iterator[Difference | Untold]:
    """What is wrong with the reservations of these orders, a bounded number of them."""
    reserving = list(orders.exclude(reservation_id=None).prefetch_related("items").order_by("pk"))
    reservations = get_inventory().get_all([order.reservation_id for order in reserving if order.reservation_id])
    for order in reserving:
        if order.reservation_id and (found := _compared(order, reservations.get(order.reservation_id))):
            yield found


def _changed_reservations(since: datetime) -> Iterator[list[Reservation]]:
    """Batches of them, oldest change first. Those touched just now may be getting their order this moment."""
    untouched_since = clock.now() - timedelta(seconds=settings.HOLD_GRACE_SECONDS)
    while reservations := get_inventory().changed_since(since):
        yield [reservation for reservation in reservations if reservation.updated_at < untouched_since]
        newest = reservations[-1].updated_at
        if newest >= untouched_since:
            return
        since = newest + _TICK  # all that share a time come together


def _owners_of(reservations: list[Reservation]) -> dict[UUID, UUID]:
    """Ids of orders, by reservation id."""
    orders = Order.all_objects.standing_on([reservation.reservation_id for reservation in reservations])
    return dict(orders.values_list("reservation_id", "pk"))


def _compared(order: Order, reservation: Reservation | None) -> Difference | Untold | None:
    """What is wrong with the order's reservation, which was read after the order, once it is certain."""
    for _ in range(_READINGS):
        reservation_id = order.reservation_id
        if reservation_id is None:
            return None
        kind = _difference(order, reservation)
        if kind is None and order.stock_action is None:
            return None
        now = read_with_items(order.pk)
        if stamp_of(now) == stamp_of(order):
            # What is gone can be told nothing, so the sweeper would try in vain.
            if order.stock_action is not None and kind not in (DifferenceKind.MISSING, DifferenceKind.RELEASED):
                return Untold(order.pk, order.number, reservation_id, order.stock_action)
            if kind is not None:
                expected = _expected(order)
                return Difference(kind, reservation_id, expected, reservation, order.pk, order.number, stamp_of(order))
        order = now
        reservation = None if order.reservation_id is None else get_inventory().get(order.reservation_id)
    return None  # it changes faster than it can be compared


def read_with_items(order_id: UUID) -> Order:
    order: Order = Order.all_objects.get(pk=order_id)
    order.stock_units()  # loads the items
    return order


def stamp_of(order: Order) -> Stamp:
    return Stamp(order.version, order.reservation_id, order.stock_revision, order.stock_action)


def _expected(order: Order) -> Stand:
    units = order.stock_units()
    pending = order.status == OrderStatus.PENDING
    if order.status == OrderStatus.CANCELED or (pending and order.deleted_at is not None) or not units:
        return Stand(ReservationState.RELEASED)
    return Stand(ReservationState.HELD if pending else ReservationState.CONFIRMED, units, order.shipped_units())


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
    if reservation.shipped is not None and dict(reservation.shipped) != expected.shipped:
        return DifferenceKind.OTHER_SHIPPED
    if (expected.state, reservation.state) == (ReservationState.CONFIRMED, ReservationState.HELD):
        return DifferenceKind.NOT_CONFIRMED
    if reservation.revision > order.stock_revision:
        return DifferenceKind.LATER_REVISION  # the next change of its units would be refused
    return None


def _without_order(reservation: Reservation) -> Difference:
    expected = Stand(ReservationState.RELEASED)
    return Difference(DifferenceKind.WITHOUT_ORDER, reservation.reservation_id, expected, reservation)


def is_without_order(reservation: Reservation) -> bool:
    """Whether it holds stock for nobody now, and has not been touched since it was listed."""
    if reservation.state == ReservationState.RELEASED:
        return False
    now = get_inventory().get(reservation.reservation_id)
    if now is None or (now.state, now.updated_at) != (reservation.state, reservation.updated_at):
        return False
    return not Order.all_objects.standing_on([reservation.reservation_id]).exists()
