"""What the embedded ledger counts, and how far it has come with each order's reservation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db import connection

from inventory_client.models import Stock
from inventory_client.recounting import Miscount
from orders.doctor.extent import Extent
from orders.doctor.findings import EXAMPLES_KEPT, Finding, Report
from orders.operations.recounting_stock import first_miscounts, oversold_stock
from orders.reading.windows import LARGEST_ID, Window

# An order's revision is committed before the inventory is told of it, so in no snapshot is it the smaller one. With an
# InventoryService elsewhere the table is empty; `manage.py reconcile_stock` asks that for it.
_BEHIND: Final = """
select o.id, o.number, o.stock_revision, reservation.revision
  from orders_order o join inventory_reservation reservation on reservation.id = o.reservation_id
 where o.id > %(after)s and o.id <= %(last)s
   and (%(storefront_id)s::bigint is null or o.storefront_id = %(storefront_id)s::bigint)
   and reservation.state <> 'released' and reservation.revision > o.stock_revision
 order by o.id
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


def revisions_behind(window: Window, extent: Extent) -> Iterator[Finding]:
    """Orders of whose reservation the ledger knows a later revision: it will refuse their next change."""
    with connection.cursor() as cursor:
        cursor.execute(
            _BEHIND, {"after": window.after, "last": window.last or LARGEST_ID, "storefront_id": extent.storefront_id}
        )
        rows = cursor.fetchall()
    for order_id, number, ours, theirs in rows:
        detail = f"stock_revision is {ours}, the reservation's revision {theirs}"
        yield Finding("stock_revision_behind", detail, order_id, number)


def _finding(miscount: Miscount) -> Finding:
    said = "no stock row" if miscount.reserved is None else f"{miscount.reserved} reserved"
    return Finding("stock_not_as_reservations", f"{miscount.product_id}: {said}, its reservations hold {miscount.held}")


def _oversold(stock: Stock) -> Finding:
    return Finding("stock_oversold", f"{stock.pk}: {stock.reserved} promised, {stock.on_hand} on hand")
