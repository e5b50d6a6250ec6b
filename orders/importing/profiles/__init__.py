"""Exports of other systems as they come: which columns they have, and what these mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from orders.importing.lines import LeftOut
from orders.importing.profiles import amazon, shopify, woocommerce
from orders.importing.profiles.cells import Cells
from orders.importing.profiles.shop import Shop
from orders.importing.rows import Key, Row, UnreadableHeader


class Profile(NamedTuple):
    """`reference` is the column that tells orders apart, `needed` all columns without which there is no order."""

    system: str
    reference: str
    needed: Sequence[str]
    order: Callable[[Cells, Shop], dict[str, Any] | LeftOut]
    quoted_tabs: bool = True


PROFILES: Final = {
    "amazon": Profile("Amazon", amazon.REFERENCE, amazon.NEEDED, amazon.order, quoted_tabs=False),
    "shopify": Profile("Shopify", shopify.REFERENCE, shopify.NEEDED, shopify.order),
    "woocommerce": Profile("WooCommerce", woocommerce.REFERENCE, woocommerce.NEEDED, woocommerce.order),
}


class Export:
    """The layout of a profile's files. Columns that it does not need or know are left alone."""

    def __init__(self, profile: Profile, shop: Shop) -> None:
        self._profile = profile
        self._shop = shop
        self.quoted_tabs = profile.quoted_tabs

    def check(self, columns: Sequence[str]) -> None:
        missing = [name for name in self._profile.needed if name not in columns]
        twice = sorted({name for name in self._profile.needed if columns.count(name) > 1})
        if missing:
            raise UnreadableHeader(
                f"The header lacks: {', '.join(missing)}. An export of {self._profile.system} has these columns; is it "
                "one, and as it came?"
            )
        if twice:
            raise UnreadableHeader(f"The header names twice: {', '.join(twice)}. Name each column once.")

    def key(self, row: Row, before: Key | None) -> Key:
        """A row without a reference goes on with the order above it."""
        reference = row.cells[self._profile.reference]
        return before if before is not None and not reference else (self._shop.storefront, reference)

    def order(self, rows: Sequence[Row]) -> dict[str, Any] | LeftOut:
        cells = Cells(rows, zone=self._shop.zone)
        order = self._profile.order(cells, self._shop)
        cells.refuse_wrong()
        return order
