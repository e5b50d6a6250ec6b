"""How many units of a product there are, in the embedded ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from audit.models import Entry
from audit.recording import Audited, Change, entry_about
from inventory_client.models import Stock

AUDITED: Final = Audited(("on_hand",))


# Rows are locked in the byte order of product ids, as a hold does it.
# A level below what is reserved leaves its row alone, unless it is a rise: then fewer are promised beyond it.
SET_LEVELS = """
insert into inventory_stock as stock (product_id, on_hand, reserved, updated_at)
select product_id, on_hand, 0, clock_timestamp()
  from unnest(%s::text[], %s::bigint[]) as wanted (product_id, on_hand)
 order by product_id collate "C"
    on conflict (product_id) do update
       set on_hand = excluded.on_hand, oversold = greatest(stock.reserved - excluded.on_hand, 0),
           version = stock.version + (stock.on_hand <> excluded.on_hand)::integer, updated_at = excluded.updated_at
 where excluded.on_hand >= least(stock.reserved, stock.on_hand)
returning product_id
"""
# Read in the same order, and before: what was there is logged.
LEVELS = """
select product_id, on_hand, reserved, version from inventory_stock
 where product_id = any(%s) order by product_id collate "C" for update
"""
CHANGE_LEVELS = """
update inventory_stock stock
   set on_hand = on_hand + changed.units, oversold = greatest(reserved - (on_hand + changed.units), 0),
       version = version + 1, updated_at = clock_timestamp()
  from unnest(%s::text[], %s::bigint[]) as changed (product_id, units)
 where stock.product_id = changed.product_id
"""
ADD = """
insert into inventory_stock (product_id, on_hand) values (%s, %s) on conflict (product_id) do nothing returning 1
"""
RESERVED = "select product_id, reserved from inventory_stock where product_id = any(%s) order by product_id"

MOST_CHANGED: Final = 2**31 - 1  # at once, by people
_MOST_ON_HAND: Final = 2**63 - 1


class Level(NamedTuple):
    """Units on the shelf, how many of them are held for orders, and how often a person has changed them."""

    on_hand: int
    reserved: int
    version: int

    def __str__(self) -> str:
        return f"{self.on_hand} on hand, {self.reserved} of them held, {self.on_hand - self.reserved} free"


class LevelRefused(ValueError):
    """Said in words; no level was changed."""


class LevelBelowReserved(LevelRefused):
    """Fewer units than are reserved."""

    def __init__(self, too_few: Mapping[str, tuple[int, int]]) -> None:
        reserved = "; ".join(
            f"{product_id}: {units} units are reserved, so {on_hand} on hand are too few"
            for product_id, (units, on_hand) in too_few.items()
        )
        super().__init__(f"{reserved}. Set at least what is reserved, or release reservations first.")


class LevelChangedMeanwhile(LevelRefused):
    """Somebody has changed it since it was looked at; what orders took is no such change."""

    def __init__(self, product_id: str, level: Level) -> None:
        self.level = level
        super().__init__(
            f"Somebody has changed the stock of {product_id} meanwhile: it is {level} now. Nothing was done with what "
            "you sent; send it again if it is still right."
        )


def add_product(product_id: str, on_hand: int, *, by: str) -> None:
    """A product that is new, with its units on hand. Raises LevelRefused when there is stock of it already."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ADD, [product_id, on_hand])
        if cursor.fetchone() is None:
            level = _levels(cursor, [product_id])[product_id]
            raise LevelRefused(f"There is stock of {product_id} already: {level}. Change it on its page.")
        _log({product_id: on_hand}, {}, by, "")


def change_stock_levels(
    changes: Mapping[str, int], *, reason: str, by: str, versions: Mapping[str, int] | None = None
) -> None:
    """So many units more of each product, or less: all or none. It is logged with the reason, as done by `by`.

    What is on hand is what it becomes at this moment, whatever orders have taken of it. With the versions that were
    seen, two people do not do the same twice. Raises LevelRefused.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        before = _levels(cursor, changes)
        if unknown := [product_id for product_id in changes if product_id not in before]:
            raise LevelRefused(f"There is no stock of {', '.join(unknown)} yet: set its level first.")
        for product_id, seen in (versions or {}).items():
            if before[product_id].version != seen:
                raise LevelChangedMeanwhile(product_id, before[product_id])
        after = {product_id: before[product_id].on_hand + units for product_id, units in changes.items()}
        too_few = {
            product_id: (before[product_id].reserved, on_hand)
            for product_id, on_hand in after.items()
            if on_hand < min(before[product_id].reserved, before[product_id].on_hand)
        }
        if too_few:
            raise LevelBelowReserved(too_few)
        if too_many := [product_id for product_id, on_hand in after.items() if on_hand > _MOST_ON_HAND]:
            raise LevelRefused(f"{', '.join(too_many)}: more than {_MOST_ON_HAND} on hand cannot be counted.")
        cursor.execute(CHANGE_LEVELS, [list(changes), list(changes.values())])
        _log(after, before, by, reason)


def set_stock_levels(levels: Mapping[str, int], *, by: str = "", reason: str = "") -> None:
    """Set the units on hand of each product, all or none; products that are new are added.

    What changes is logged as done by `by`, an actor; without one, as in tests, nothing is. Raises LevelBelowReserved,
    or ValueError for a negative level.
    """
    for product_id, on_hand in levels.items():
        if on_hand < 0:
            raise ValueError(f"{product_id}: {on_hand} units on hand; expected 0 or more.")
    with transaction.atomic(), connection.cursor() as cursor:
        if by:
            _log(levels, _levels(cursor, levels), by, reason)
        cursor.execute(SET_LEVELS, [list(levels), list(levels.values())])
        done = {product_id for (product_id,) in cursor.fetchall()}
        refused = [product_id for product_id in levels if product_id not in done]
        if refused:
            cursor.execute(RESERVED, [refused])
            raise LevelBelowReserved({product_id: (units, levels[product_id]) for product_id, units in cursor})


def _levels(cursor: CursorWrapper, product_ids: Iterable[str]) -> dict[str, Level]:
    """As they are, and stay until the transaction ends."""
    cursor.execute(LEVELS, [list(product_ids)])
    return {product_id: Level(*counts) for product_id, *counts in cursor.fetchall()}


def _log(levels: Mapping[str, int], before: Mapping[str, Level], by: str, reason: str) -> None:
    def changes(product_id: str, on_hand: int) -> list[Change]:
        was = before[product_id].on_hand if product_id in before else None
        told: list[Change] = [{"field": "on_hand", "before": was, "after": on_hand}]
        return [*told, {"field": "reason", "before": None, "after": reason}] if reason else told

    Entry.objects.bulk_create(
        entry_about(
            Stock(product_id=product_id),
            key=product_id,
            by=by,
            action="Changed" if product_id in before else "Made",
            changes=changes(product_id, on_hand),
        )
        for product_id, on_hand in levels.items()
        if product_id not in before or before[product_id].on_hand != on_hand
    )
