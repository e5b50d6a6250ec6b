"""Which imported orders are here already, and whose they are.

An order is known again by its storefront and external_reference, so the same orders can be sent again
after any crash, and by two imports at once: each exists once.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from audit.recording import record
from orders.importing.lines import ImportedOrder, LeftOut
from orders.models import Storefront
from orders.models.audited import STOREFRONT
from orders.rules import errors
from orders.rules.currencies import CURRENT

# By the index order_reference_once, whatever is asked for: one statement, planned once.
_EXISTING_SQL: Final = """
select storefront_id, external_reference, orders_order.id
from unnest(%s::bigint[], %s::text[]) as wanted (storefront_id, external_reference)
join orders_order using (storefront_id, external_reference)
where orders_order.external_reference is not null
"""


class ImportResult(Enum):
    PLACED = "placed"
    MOVED = "moved forward"
    SKIPPED = "skipped"  # it was there already


ImportOutcome = ImportResult | LeftOut | errors.OrderError
Reference = tuple[int, str]


def storefronts_of(orders: Iterable[ImportedOrder], *, by: str) -> dict[str, Storefront]:
    """The orders' storefronts by code. A missing one is made, with the currency of its first order if it is in use."""
    currencies: dict[str, str] = {}
    for order in orders:
        currencies.setdefault(order.storefront, order.currency or "")
    storefronts = Storefront.objects.in_bulk(list(currencies), field_name="code")
    for code in currencies.keys() - storefronts.keys():
        with transaction.atomic():
            storefront, made = Storefront.objects.get_or_create(
                code=code,
                defaults={
                    "name": code.replace("-", " ").title(),
                    "number_prefix": Storefront.number_prefix_for(code),
                    "currency": currencies[code] if currencies[code] in CURRENT else "",
                },
            )
            if made:
                values = STOREFRONT.values_of(storefront)
                record(storefront, STOREFRONT, by=by, action="Made", before={}, after=values)
        storefronts[code] = storefront
    return storefronts


def existing(references: Iterable[Reference]) -> dict[Reference, UUID]:
    """Those that some order has, also a deleted one, with its id."""
    wanted = list(references)
    with connection.cursor() as cursor:
        cursor.execute(
            _EXISTING_SQL, [[storefront for storefront, _ in wanted], [reference for _, reference in wanted]]
        )
        return {(storefront, reference): order_id for storefront, reference, order_id in cursor.fetchall()}
