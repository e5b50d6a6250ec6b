"""The embedded ledger against itself: does it count what its reservations hold, and what of that is shipped?

It is one question for all storefronts, and none that an InventoryService elsewhere would answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Final

import psycopg
from django.db import OperationalError
from django.db.models import F, QuerySet

from inventory_client.current import get_inventory
from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Stock
from inventory_client.recounting import Miscount, Miscounts, add_products, miscounts, recount
from orders.operations.repairing_stock import Repair, RepairResult

_AT_ONCE: Final = 1000


class MiscountKind(StrEnum):
    MISCOUNTED = "miscounted"
    NOT_COUNTED = "not_counted"

    @classmethod
    def of(cls, miscount: Miscount) -> MiscountKind:
        return cls.NOT_COUNTED if miscount.reserved is None else cls.MISCOUNTED

    @property
    def remedy(self) -> str:
        return _REMEDIES[self]


_REMEDIES: Final[dict[MiscountKind, str]] = {
    MiscountKind.MISCOUNTED: "count its reserved and shipped units anew",
    MiscountKind.NOT_COUNTED: "add the product with the units that are reserved, and none to sell",
}
_REPAIRED: Final = Repair(RepairResult.REPAIRED, "Repaired.")
_ADDED: Final = Repair(RepairResult.REPAIRED, "Repaired. Set the product's level: until then it has none to sell.")
_CHANGED: Final = Repair(RepairResult.CHANGED, "Left alone: it has changed meanwhile. Compare it again.")
_BUSY: Final = Repair(RepairResult.BUSY, "Left alone: others are at work on it. Compare it again.")


def first_miscounts(limit: int) -> Miscounts:
    """The first of the products that the ledger counts wrong, and how many there are; none without a ledger here."""
    if not isinstance(get_inventory(), EmbeddedLedger):
        return Miscounts([], 0)
    return miscounts(limit=limit)


def oversold_stock() -> QuerySet[Stock]:
    """The products of which more is promised than there is on hand; none without a ledger here."""
    if not isinstance(get_inventory(), EmbeddedLedger):
        return Stock.objects.none()
    return Stock.objects.filter(reserved__gt=F("on_hand")).order_by("pk")


def pages_of_miscounts() -> Iterator[Sequence[Miscount]]:
    """All products that the ledger counts wrong, a bounded number at once; each page costs a pass over the ledger."""
    page = first_miscounts(_AT_ONCE)
    while page.products:
        yield page.products
        if page.in_all == len(page.products):
            return
        page = miscounts(after=page.products[-1].product_id, limit=_AT_ONCE)


def repair_counts(wrong: Sequence[Miscount]) -> list[Repair]:
    """Count these products anew; what became of each, in their order."""
    unknown = [miscount.product_id for miscount in wrong if miscount.reserved is None]
    known = [miscount.product_id for miscount in wrong if miscount.reserved is not None]
    repairs = {**_unless_busy(_add, unknown), **_unless_busy(_correct, known)}
    return [repairs[miscount.product_id] for miscount in wrong]


def _add(product_ids: Sequence[str]) -> dict[str, Repair]:
    added = add_products(product_ids)
    return {product_id: _ADDED if product_id in added else _CHANGED for product_id in product_ids}


def _correct(product_ids: Sequence[str]) -> dict[str, Repair]:
    oversold = recount(product_ids)
    return {
        product_id: _corrected(oversold[product_id]) if product_id in oversold else _CHANGED
        for product_id in product_ids
    }


def _corrected(oversold: int) -> Repair:
    if not oversold:
        return _REPAIRED
    told = (
        f"Needs a decision: {oversold} more units are promised than there are on hand. Nothing more of it is sold "
        "until that is mended. Restock, or amend or cancel orders."
    )
    return Repair(RepairResult.OUT_OF_STOCK, told)


def _unless_busy(repair: Callable[[Sequence[str]], dict[str, Repair]], product_ids: Sequence[str]) -> dict[str, Repair]:
    if not product_ids:
        return {}
    try:
        return repair(product_ids)
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            return dict.fromkeys(product_ids, _BUSY)
        raise
