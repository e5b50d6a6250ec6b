"""An order as everyone sees it: in the API, in events, in webhooks. Fields are added, never renamed.

Two forms of one thing: `order_document.sql` builds it from stored rows, in the query that reads them;
`new_order_document` builds it for an order that is about to be written. A test holds them together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection

from orders.models import Order

# An expression over a row of orders_order.
DOCUMENT_SQL: Final = (Path(__file__).parent.parent / "sql" / "order_document.sql").read_text()

# Conditions on orders_order follow it.
SELECT_DOCUMENT: Final = f"select ({DOCUMENT_SQL})::text from orders_order "  # noqa: S608 - a constant of this package
_READ_SQL: Final = (
    f"select orders_order.version, ({DOCUMENT_SQL})::text from orders_order "  # noqa: S608 - constants of this package
    "where orders_order.id = %s and orders_order.storefront_id = %s and orders_order.deleted_at is null"
)

_NO_MONEY_YET: Final = dict.fromkeys(
    (
        "credited_amount",
        "canceled_amount",
        "authorized_amount",
        "captured_amount",
        "refunded_amount",
        "charged_back_amount",
    ),
    0,
)
NO_ADDRESS: Final[Mapping[str, str | None]] = dict.fromkeys(
    ("name", "line1", "line2", "city", "region", "postal_code", "country")
)


def instant(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, always with microseconds."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_document(order_id: UUID, *, storefront_id: int) -> tuple[int, str] | None:
    """Version and JSON of one live order of the storefront, by one query."""
    with connection.cursor() as cursor:
        cursor.execute(_READ_SQL, [order_id, storefront_id])
        row: tuple[int, str] | None = cursor.fetchone()
    return row


def document_of(order: Order) -> dict[str, Any]:
    """The document of an order, deleted or not, as its rows stand in this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(SELECT_DOCUMENT + "where orders_order.id = %s", [order.pk])
        (text,) = cursor.fetchone()
    document: dict[str, Any] = orjson.loads(text)
    return document


def new_order_document(
    order: Mapping[str, Any],
    items: Iterable[Mapping[str, Any]],
    *,
    storefront_code: str,
) -> dict[str, Any]:
    """The document of an order that is about to be written, from the rows that will be."""
    return {
        "id": order["id"],
        "number": order["number"],
        "storefront": storefront_code,
        "external_reference": order["external_reference"],
        "version": order["version"],
        "status": order["status"],
        "payment_status": order["payment_status"],
        "fulfillment_status": order["fulfillment_status"],
        "cancel_reason": order["cancel_reason"],
        "customer_id": order["customer_id"],
        "currency": order["currency"],
        "items": [
            {
                "id": item["id"],
                "product_id": item["product_id"],
                "name": item["name"],
                "quantity": item["quantity"],
                "unit_amount": item["unit_amount"],
                "amount": _line_amount(item),
                "discount_amount": item["discount_amount"],
                "tax_amount": item["tax_amount"],
                "canceled": item["canceled"],
                "shipped": item["shipped"],
                "returned": 0,
                "restocked": 0,
            }
            for item in items
        ],
        "items_amount": order["items_amount"],
        "shipping_amount": order["shipping_amount"],
        "tax_amount": order["tax_amount"],
        "discount_amount": order["discount_amount"],
        "tax_included": order["tax_included"],
        "total_amount": order["total_amount"],
        **_NO_MONEY_YET,
        "due_amount": order["total_amount"],
        "balance_amount": order["total_amount"],
        "contact": {
            "email": order["contact_email"],
            "phone": order["contact_phone"],
            "phone_e164": order["contact_phone_e164"],
        },
        "shipping_address": order["shipping_address"] or NO_ADDRESS,
        "billing_address": order["billing_address"],
        "shipments": [],
        "payments": [],
        "credits": [],
        "refunds": [],
        "returns": [],
        "holds": order["holds"],
        "note": order["note"],
        "metadata": order["metadata"],
        "tags": order["tags"],
        "reserved_until": instant(order["reserved_until"]),
        "placed_at": instant(order["placed_at"]),
        "updated_at": instant(order["updated_at"]),
    }


def _line_amount(item: Mapping[str, Any]) -> int | None:
    if item["amount"] is not None or item["unit_amount"] is None:
        amount: int | None = item["amount"]
        return amount
    product: int = item["quantity"] * item["unit_amount"]
    return product
