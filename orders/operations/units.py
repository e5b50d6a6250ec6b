"""Which units of an order, and which of its refunds or returns, are meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar
from uuid import UUID

from msgspec import UNSET, UnsetType

from orders.models import Order, Refund, Return
from orders.rules import errors


class AskedUnits(Protocol):
    """Some units of one item."""

    @property
    def item_id(self) -> UUID: ...
    @property
    def quantity(self) -> int: ...


Part = TypeVar("Part", Refund, Return)


def chosen_units(
    order: Order, asked: Iterable[AskedUnits] | UnsetType, *, available: Mapping[UUID, int], verb: str
) -> dict[UUID, int]:
    """Units by item id: those asked for, or all that are available.

    `verb` completes "… can be" in the refusal. Raises UnknownPart or QuantityExceeded.
    """
    if asked is UNSET:
        return {item_id: units for item_id, units in available.items() if units > 0}
    chosen: Counter[UUID] = Counter()
    for units in asked:
        chosen[units.item_id] += units.quantity
    products = {item.pk: item.product_id for item in order.lines}
    exceeded = []
    for item_id, quantity in chosen.items():
        if item_id not in products:
            raise errors.UnknownPart("item", item_id)
        if quantity > (left := max(0, available.get(item_id, 0))):
            exceeded.append(errors.ExceededLine(item_id, products[item_id], quantity, left))
    if exceeded:
        raise errors.QuantityExceeded(verb, exceeded)
    return dict(chosen)


def open_units(order: Order) -> dict[UUID, int]:
    return {item.pk: item.open for item in order.lines}


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
        candidates = [part for part in parts if fits(part)]
        if len(candidates) > 1:
            raise errors.Ambiguous(what, [part.pk for part in candidates])
        return candidates[0]
    for part in parts:
        if part.pk == part_id:
            if not fits(part):
                raise errors.WrongState(what, part.state, state)
            return part
    raise errors.UnknownPart(what, part_id)
