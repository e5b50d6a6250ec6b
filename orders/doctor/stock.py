"""What the embedded ledger counts, and how far it has come with each order's reservation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from django.db import connection

from inventory_client.models import Stock
from inventory_client.recounting import Miscount
from orders.doctor.extent import Extent
from orders.doctor.findings import EXAMPLES_KEPT, Finding, Report
from orders.operations.recounting_stock import first_miscounts, oversold_stock

# An order's revision is committed before the inventory is told of it, so in no snapshot is it the smaller one. With an
# InventoryService elsewhere the table is empty; `manage.py reconcile_stock` asks that for it.
_BEHIND: Final = """
select o.id, o.number, o.stock_revision, reservation.revision
  from orders_order o join inventory_reservation reservation on reservation.id = o.reservation_id
 where o.id = any (%s)
   and reservation.state <> 'released' and reservation.revision > o.stock_revision
 order by o.id
"""


# What of an order has left the shelf and is not back, against what its reservation says; an order of which the ledger
# has still to be told is no finding yet.
_SHIPPED: Final = """
with left_shelf as (
    select order_id, product_id, sum(shipped - restocked)::bigint as units
      from orders_orderitem where order_id = any (%(ids)s) group by order_id, product_id
    having sum(shipped - restocked) > 0
), told as (
    select o.id as order_id, o.number, o.stock_action, reservation.product_ids, reservation.shipped
      from orders_order o join inventory_reservation reservation on reservation.id = o.reservation_id
     where o.id = any (%(ids)s) and reservation.state <> 'released'
), counted as (
    select order_id, product_id, units
      from told cross join unnest(product_ids, shipped) as line (product_id, units) where units > 0
)
select told.order_id, told.number, product_id, coalesce(left_shelf.units, 0), coalesce(counted.units, 0)
  from left_shelf full join counted using (order_id, product_id) join told using (order_id)
 where told.stock_action is null and left_shelf.units is distinct from counted.units
 order by told.order_id, product_id
"""


def look_into_counts(report: Report, extent: Extent) -> None:
    """Add what the ledger counts wrong, and of what it has too little, to the report.

    Of all storefronts and times together, or not at all.
    """
    if extent.storefront_id is not None or extent.since is not None:
        return
    found = first_miscounts(EXAMPLES_KEPT)
    report.add_counted("stock_not_as_reservations", found.in_all, map(_finding, found.products))
    oversold = oversold_stock()
    report.add_counted("stock_oversold", oversold.count(), map(_oversold, oversold[:EXAMPLES_KEPT]))


def revisions_behind(order_ids: list[UUID]) -> Iterator[Finding]:
    """Of whose reservation the ledger knows a later revision: it will refuse their next change."""
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, [order_ids])
        rows = cursor.fetchall()
    for order_id, number, ours, theirs in rows:
        detail = f"stock_revision is {ours}, the reservation's revision {theirs}"
        yield Finding("stock_revision_behind", detail, order_id, number)


def shipped_not_as_told(order_ids: list[UUID]) -> Iterator[Finding]:
    """Of which other units have left the shelf than their reservation says: so many are on hand wrongly, or missing."""
    with connection.cursor() as cursor:
        cursor.execute(_SHIPPED, {"ids": order_ids})
        rows = cursor.fetchall()
    for order_id, number, product_id, ours, theirs in rows:
        detail = f"{product_id}: {ours} have left the shelf, its reservation says {theirs}"
        yield Finding("stock_shipped_not_as_order", detail, order_id, number)


def _finding(miscount: Miscount) -> Finding:
    detail = f"{miscount.product_id}: {miscount.found()}; of its reservations {miscount.expected()}"
    return Finding("stock_not_as_reservations", detail)


def _oversold(stock: Stock) -> Finding:
    return Finding("stock_oversold", f"{stock.pk}: {stock.reserved} promised, {stock.on_hand} on hand")
