"""Which units of an order, and which of its refunds, returns or parcels, are meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar
from uuid import UUID

from msgspec import UNSET, UnsetType

from orders.models import Order, Refund, Return, Shipment
from orders.rules import errors


class AskedUnits(Protocol):
    """Some units of one item."""

    @property
    def item_id(self) -> UUID: ...
    @property
    def quantity(self) -> int: ...


Part = TypeVar("Part", Refund, Return, Shipment)


def chosen_units(
    order: Order, asked: Iterable[AskedUnits] | UnsetType, *, available: Mapping[UUID, int], verb: str
) -> dict[UUID, int]:
    """Units by item id: those asked for, or all that are available.

    `verb` completes "… can be" in the refusal. Raises UnknownPart or QuantityExceeded.
    """
    if asked is UNSET:
        return {item_id: units for item_id, units in available.items() if units > 0}
    chosen: Counter[UUID] = Counter()
    places: dict[UUID, int] = {}
    for place, units in enumerate(asked):
        chosen[units.item_id] += units.quantity
        places.setdefault(units.item_id, place)
    products = {item.pk: item.product_id for item in order.lines}
    exceeded = []
    for item_id, quantity in chosen.items():
        if item_id not in products:
            raise errors.UnknownPart("item", item_id, f"/items/{places[item_id]}/item_id")
        if quantity > (left := max(0, available.get(item_id, 0))):
            exceeded.append(errors.ExceededLine(item_id, products[item_id], quantity, left))
    if exceeded:
        raise errors.QuantityExceeded(verb, exceeded)
    return dict(chosen)


def open_units(order: Order) -> dict[UUID, int]:
    return {item.pk: item.open for item in order.lines}


def units_by_parcel(order: Order) -> tuple[list[tuple[Shipment, dict[UUID, int]]], dict[UUID, int]]:
    """What can leave: packed parcels with what of their units is open still, and the open units that are in none."""
    left = Counter(open_units(order))
    packed = []
    for parcel in order.parts.parcels:
        if parcel.shipped_at is None:
            units = {item_id: min(quantity, left[item_id]) for item_id, quantity in parcel.units().items()}
            units = {item_id: quantity for item_id, quantity in units.items() if quantity > 0}
            if units:
                left.subtract(units)
                packed.append((parcel, units))
    return packed, dict(+left)


def part_meant(
    what: str,
    parts: Iterable[Part],
    part_id: UUID | UnsetType,
    *,
    state: str,
    fits: Callable[[Part], bool] | None = None,
) -> Part:
    """The part with the id; without one the only one in the state (or that `fits`, where more than the state tells).

    Raises UnknownPart, WrongState, or Ambiguous when several are in the state. At least one is.
    """
    fits = fits or (lambda part: part.state == state)
    if part_id is UNSET:
        meant, *others = (part for part in parts if fits(part))
        if others:
            raise errors.Ambiguous(what, [part.pk for part in (meant, *others)])
        return meant
    for part in parts:
        if part.pk == part_id:
            if not fits(part):
                raise errors.WrongState(what, part.state, state)
            return part
    raise errors.UnknownPart(what, part_id)
