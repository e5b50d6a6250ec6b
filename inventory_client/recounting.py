"""Does the embedded ledger count what its reservations hold? And counting anew where it does not.

A reservation and the counts of its products change in one transaction. So the error of a count is the same in every
snapshot, whatever is under way, until somebody mends it: it is found without a lock, and taken off the count as that
is by then. Only for a product without a stock row nobody counts meanwhile; its reservations have to stand still.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from django.db import connection, transaction

# All reservations are read, which may take longer than a request may.
_PATIENCE: Final = "select set_config('statement_timeout', '30min', true)"
_MISCOUNTS: Final = """
with held as (
    select product_id collate "C" as product_id, sum(quantity - coalesce(gone, 0))::bigint as units,
           coalesce(sum(gone), 0)::bigint as gone
      from inventory_reservation
     cross join unnest(product_ids, quantities, shipped) as line (product_id, quantity, gone)
     where state <> 'released' and (%(among)s::text[] is null or product_ids && %(among)s::text[])
     group by 1
)
select product_id, coalesce(held.units, 0), stock.reserved, coalesce(held.gone, 0), stock.shipped, count(*) over ()
  from inventory_stock stock full join held using (product_id)
 where (stock.reserved, stock.shipped) is distinct from (coalesce(held.units, 0), coalesce(held.gone, 0))
   and product_id > %(after)s and (%(among)s::text[] is null or product_id = any (%(among)s::text[]))
 order by product_id limit %(limit)s
"""
# One recount at a time: two would take the same error off twice. Placements go on.
_ALONE: Final = "lock table inventory_stock in share update exclusive mode"
# In the order in which a hold locks them.
_LOCK: Final = """
select product_id, on_hand, reserved, shipped from inventory_stock
 where product_id = any (%s::text[]) order by product_id for update
"""
_CORRECT: Final = """
update inventory_stock stock
   set on_hand = counted.on_hand, reserved = counted.reserved, shipped = counted.shipped,
       oversold = greatest(counted.reserved - counted.on_hand, 0), updated_at = clock_timestamp()
  from unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[]) as counted (product_id, on_hand, reserved, shipped)
 where stock.product_id = counted.product_id
"""
# A release that finds no stock row counts nothing: none may end between being counted here and the row's commit.
# Reservations are locked before stock, in the order of their ids, as a hold does it.
_ADD: Final = """
with held as materialized (
    select product_ids, quantities, shipped from inventory_reservation
     where state <> 'released' and product_ids && %(products)s::text[]
     order by id for share
)
insert into inventory_stock (product_id, on_hand, reserved, shipped, updated_at)
select product_id, sum(quantity - coalesce(gone, 0)), sum(quantity - coalesce(gone, 0)), coalesce(sum(gone), 0),
       clock_timestamp()
  from held cross join unnest(product_ids, quantities, shipped) as line (product_id, quantity, gone)
 where product_id = any (%(products)s::text[])
 group by product_id order by product_id collate "C"
    on conflict (product_id) do nothing
returning product_id
"""


class Miscount(NamedTuple):
    """`reserved` and `shipped` are what the product's stock row says, None when it has none; `held` and `gone` what its
    reservations hold, and what of them has been shipped.
    """

    product_id: str
    held: int
    reserved: int | None
    gone: int = 0
    shipped: int | None = 0

    def expected(self) -> str:
        return self._in_words(self.held, self.gone)

    def found(self) -> str:
        return "no stock row" if self.reserved is None else self._in_words(self.reserved, self.shipped)

    def _in_words(self, reserved: int, shipped: int | None) -> str:
        return f"{reserved} reserved" if self.gone == (self.shipped or 0) else f"{reserved} reserved, {shipped} shipped"


class Miscounts(NamedTuple):
    """The first products that are counted wrong, in the order of their ids, and how many there are in all."""

    products: list[Miscount]
    in_all: int


def miscounts(*, after: str = "", limit: int = 1000) -> Miscounts:
    """What the ledger counts wrong of the products after this one. It takes no lock, and one pass over all rows."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PATIENCE)
        cursor.execute(_MISCOUNTS, {"among": None, "after": after, "limit": limit})
        rows = cursor.fetchall()
    return Miscounts([Miscount(*row[:-1]) for row in rows], rows[0][-1] if rows else 0)


def recount(product_ids: Sequence[str]) -> dict[str, int]:
    """Make the ledger count what these products' reservations hold; placements and releases go on meanwhile.

    Units that were shipped and not counted so are taken off what is on hand, and the other way round.

    Returns those that were counted wrong, each with the units that are promised beyond what is on hand. A person has
    to decide about these; nothing more of such a product is sold until there are as many as are promised.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_PATIENCE)
        cursor.execute(_ALONE)
        cursor.execute(_MISCOUNTS, {"among": list(product_ids), "after": "", "limit": None})
        missing = {
            product_id: (held - reserved, gone - shipped)
            for product_id, held, reserved, gone, shipped, _ in cursor
            if reserved is not None
        }
        cursor.execute(_LOCK, [list(missing)])
        counts = []
        for product_id, on_hand, reserved, shipped in cursor:
            held_more, gone_more = missing[product_id]
            counts.append((product_id, on_hand - gone_more, reserved + held_more, shipped + gone_more))
        cursor.execute(_CORRECT, [[count[column] for count in counts] for column in range(4)])
    return {product_id: max(0, promised - on_hand) for product_id, on_hand, promised, _ in counts}


def add_products(product_ids: Sequence[str]) -> set[str]:
    """Give products that only their reservations know a stock row: what they hold is on hand, and nothing more.

    Returns those that had none. While it reads, their reservations cannot be changed or released.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_PATIENCE)
        cursor.execute(_ADD, {"products": list(product_ids)})
        return {product_id for (product_id,) in cursor.fetchall()}
