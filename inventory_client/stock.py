"""How many units of a product there are, in the embedded ledger."""

from collections.abc import Mapping

from django.db import connection, transaction

# Rows are locked in the byte order of product ids, as a hold does it.
# A level below what is reserved leaves its row alone, unless it is a rise: then fewer are promised beyond it.
SET_LEVELS = """
insert into inventory_stock as stock (product_id, on_hand, reserved, updated_at)
select product_id, on_hand, 0, clock_timestamp()
  from unnest(%s::text[], %s::bigint[]) as wanted (product_id, on_hand)
 order by product_id collate "C"
    on conflict (product_id) do update
       set on_hand = excluded.on_hand, oversold = greatest(stock.reserved - excluded.on_hand, 0),
           updated_at = excluded.updated_at
 where excluded.on_hand >= least(stock.reserved, stock.on_hand)
returning product_id
"""
RESERVED = "select product_id, reserved from inventory_stock where product_id = any(%s) order by product_id"


class LevelBelowReserved(ValueError):
    """Fewer units than are reserved; no level was changed."""


def set_stock_levels(levels: Mapping[str, int]) -> None:
    """Set the units on hand of each product, all or none; products that are new are added.

    Raises LevelBelowReserved, or ValueError for a negative level.
    """
    for product_id, on_hand in levels.items():
        if on_hand < 0:
            raise ValueError(f"{product_id}: {on_hand} units on hand; expected 0 or more.")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SET_LEVELS, [list(levels), list(levels.values())])
        done = {product_id for (product_id,) in cursor.fetchall()}
        refused = [product_id for product_id in levels if product_id not in done]
        if refused:
            cursor.execute(RESERVED, [refused])
            reserved = "; ".join(
                f"{product_id}: {units} units are reserved, so {levels[product_id]} on hand are too few"
                for product_id, units in cursor.fetchall()
            )
            raise LevelBelowReserved(f"{reserved}. Set at least what is reserved, or release reservations first.")
