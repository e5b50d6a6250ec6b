"""The embedded ledger's part of an order's own transaction: what its reservation becomes, where nobody is in the way.

Nothing here waits for anybody: what others have locked at this moment is left alone, all of it, and told after the
commit. So whatever the caller has locked, the order's row first of all, no deadlock can come of these statements, and
no order waits for a product that everybody wants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection

from inventory_client.values import HoldRequest

_CONFIRM: Final = """
with free as materialized (
    select id from inventory_reservation where id = %s and state = 'held' for update skip locked
)
update inventory_reservation set state = 'confirmed', updated_at = clock_timestamp() where id in (select id from free)
"""
# As inventory_release() does it. Units that the ledger does not count as reserved are its business, and a person's.
_RELEASE: Final = """
with reservation as materialized (
    select id, product_ids, quantities, shipped from inventory_reservation
     where id = %s and state <> 'released' for update skip locked
), line as materialized (
    select product_id collate "C" as product_id, quantity - coalesce(gone, 0) as units, coalesce(gone, 0) as gone
      from reservation cross join unnest(product_ids, quantities, shipped) as line (product_id, quantity, gone)
), free as materialized (
    select stock.product_id, line.units, line.gone from inventory_stock stock join line using (product_id)
     where stock.reserved >= line.units and stock.shipped >= line.gone
     order by stock.product_id for update of stock skip locked
), released as (
    update inventory_reservation set state = 'released', updated_at = clock_timestamp()
     where id in (select id from reservation) and (select count(*) from free) = (select count(*) from line)
    returning id
), returned as (
    update inventory_stock stock
       set on_hand = stock.on_hand + free.gone, reserved = stock.reserved - free.units,
           shipped = stock.shipped - free.gone, updated_at = clock_timestamp()
      from free where stock.product_id = free.product_id and exists (select from released)
)
select from released
"""
# As inventory_hold() does it where no product is wanted more of than before: then it needs none that is free.
_ADJUST: Final = """
with reservation as materialized (
    select id, product_ids, quantities, shipped from inventory_reservation
     where id = %(id)s and state <> 'released' and revision < %(revision)s for update skip locked
), had as (
    select product_id collate "C" as product_id, quantity, coalesce(gone, 0) as gone
      from reservation cross join unnest(product_ids, quantities, shipped) as line (product_id, quantity, gone)
), wanted as (
    select product_id collate "C" as product_id, quantity, gone
      from unnest(%(product_ids)s::text[], %(quantities)s::integer[], %(shipped)s::integer[])
           as line (product_id, quantity, gone)
), changed as materialized (
    select product_id, coalesce(wanted.quantity, 0) - coalesce(had.quantity, 0) as more,
           coalesce(wanted.gone, 0) - coalesce(had.gone, 0) as gone
      from had full join wanted using (product_id)
     where (had.quantity, had.gone) is distinct from (wanted.quantity, wanted.gone)
), free as materialized (
    select stock.product_id, changed.more, changed.gone from inventory_stock stock join changed using (product_id)
     where changed.more <= 0 and stock.reserved + changed.more >= changed.gone and stock.shipped + changed.gone >= 0
     order by stock.product_id for update of stock skip locked
), adjusted as (
    update inventory_reservation
       set state = case when %(confirmed)s then 'confirmed' else state end, revision = %(revision)s,
           product_ids = %(product_ids)s::text[], quantities = %(quantities)s::integer[],
           shipped = case when 0 = all (%(shipped)s::integer[]) then '{}' else %(shipped)s::integer[] end,
           updated_at = clock_timestamp()
     where id in (select id from reservation) and (select count(*) from free) = (select count(*) from changed)
    returning id
), counted as (
    update inventory_stock stock
       set on_hand = stock.on_hand - free.gone, reserved = stock.reserved + free.more - free.gone,
           shipped = stock.shipped + free.gone, updated_at = clock_timestamp()
      from free where stock.product_id = free.product_id and exists (select from adjusted)
)
select from adjusted
"""


def confirm_within(reservation_id: UUID) -> bool:
    """Make a hold permanent when the caller's transaction commits; False when it is not held, or others are at it."""
    return _done(_CONFIRM, [reservation_id])


def release_within(reservation_id: UUID) -> bool:
    """Give the stock back when the caller's transaction commits; False when others are at it, or at one of its
    products, and when there is nothing to give back.
    """
    return _done(_RELEASE, [reservation_id])


def adjust_within(request: HoldRequest, *, confirmed: bool) -> bool:
    """Make the reservation exactly these lines when the caller's transaction commits, and `confirmed` if it is to be.

    False when it would hold more of a product than it does, which can be refused; when it is released or has this
    revision already; and when others are at it, or at a product of which it would hold, or count as shipped, others.
    """
    lines = sorted(request.lines.items())
    parameters = {
        "id": request.reservation_id,
        "revision": request.revision,
        "product_ids": [product_id for product_id, _ in lines],
        "quantities": [quantity for _, quantity in lines],
        "shipped": [request.shipped.get(product_id, 0) for product_id, _ in lines],
        "confirmed": confirmed,
    }
    return _done(_ADJUST, parameters)


def _done(statement: str, parameters: Sequence[Any] | dict[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return bool(cursor.rowcount)
