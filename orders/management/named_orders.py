"""Orders as people name them on a command line: by id or by number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple
from uuid import UUID

from orders.models import Order, Storefront


class NamedOrder(NamedTuple):
    order_id: UUID
    number: str
    storefront: str
    deleted: bool


def orders_named(names: Collection[str], storefronts: Iterable[Storefront]) -> dict[str, list[NamedOrder]]:
    """By name: one order, none, or, for a number, one in each of several storefronts. Deleted ones too."""
    keys = {name: _id_in(name) or name.upper() for name in names}
    # With the storefronts named, the unique index of numbers answers.
    orders = Order.all_objects.filter(storefront__in=storefronts).select_related("storefront")
    by_id = orders.filter(pk__in=[key for key in keys.values() if isinstance(key, UUID)])
    by_number = orders.filter(number__in=[key for key in keys.values() if isinstance(key, str)])
    found: dict[UUID | str, list[NamedOrder]] = defaultdict(list)
    for order in by_id:
        found[order.pk].append(_named(order))
    for order in by_number:
        found[order.number].append(_named(order))
    return {name: found[key] for name, key in keys.items()}


def _named(order: Order) -> NamedOrder:
    return NamedOrder(order.pk, order.number, order.storefront.code, order.deleted_at is not None)


def _id_in(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
