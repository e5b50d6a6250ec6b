"""An order as everyone sees it: in the API, in events, in webhooks. Fields are added, never renamed.

Two forms of one thing: `order_document.sql` builds it from stored rows, in the query that reads them;
`new_order_document` builds it for an order that is about to be written, `whole_document` for one that has lived
before it is. Tests hold them together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection

from orders.models import Order
from orders.models.prepared import Prepared

# An expression over a row of orders_order.
DOCUMENT_SQL: Final = (Path(__file__).parent.parent / "sql" / "order_document.sql").read_text()

# Conditions on orders_order follow it.
SELECT_DOCUMENT: Final = f"select ({DOCUMENT_SQL})::text from orders_order "  # noqa: S608 - a constant of this package
# Building the document is most of a read's work, so it is left undone where the version is the one that is known.
_READ: Final = Prepared(
    "read_order",
    f"select orders_order.version, "  # noqa: S608 - constants of this package
    f"case when orders_order.version = $3::int then null else ({DOCUMENT_SQL})::text end from orders_order "
    "where orders_order.id = $1::uuid and orders_order.storefront_id = $2::int and orders_order.deleted_at is null",
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
    return None if moment is None else f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"


def read_document(order_id: UUID, *, storefront_id: int) -> tuple[int, bytes] | None:
    """Version and JSON of one live order of the storefront, by one query."""
    match read_unless_known(order_id, storefront_id=storefront_id, known=None):
        case (version, bytes(document)):
            return version, document
    return None


def read_unless_known(order_id: UUID, *, storefront_id: int, known: int | None) -> tuple[int, bytes | None] | None:
    """The same for somebody who may have the order already: without the JSON where its version is `known`."""
    match _READ.row(str(order_id), str(storefront_id), None if known is None else str(known)):
        case [bytes(version), document]:
            return int(version), document
    return None


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


def whole_document(order: Order) -> dict[str, Any]:
    """The document of an order as it is in memory, with all its parts: it may not be written yet, or not as it is.

    Later changes of the order do not reach into it.
    """
    parts = order.parts
    document = new_order_document(vars(order), map(vars, parts.lines), storefront_code=order.storefront.code)
    for line, item in zip(document["items"], parts.lines, strict=True):
        line["returned"], line["restocked"] = item.returned, item.restocked
    due = order.due_amount
    return document | {
        **{name: getattr(order, name) for name in _NO_MONEY_YET},
        "due_amount": due,
        "balance_amount": None if due is None else due - order.kept_amount,
        "shipments": [
            {
                "id": parcel.pk,
                "items": [{"item_id": line.item_id, "quantity": line.quantity} for line in parcel.contents],
                "tracking_company": parcel.tracking_company,
                "tracking_number": parcel.tracking_number,
                "tracking_link": parcel.tracking_link,
                "packed_at": instant(parcel.packed_at),
                "shipped_at": instant(parcel.shipped_at),
                "delivered_at": instant(parcel.delivered_at),
            }
            for parcel in _by_id(parts.parcels)
        ],
        "payments": [
            {
                "id": fact.pk,
                "kind": fact.kind,
                "amount": fact.amount,
                "currency": fact.currency,
                "psp": fact.psp,
                "psp_reference": fact.psp_reference,
                "parent_reference": fact.parent_reference,
                "refund_id": fact.refund_id,
                "corrects": fact.corrects_id,
                "late": fact.late,
                "occurred_at": instant(fact.occurred_at),
                "recorded_at": instant(fact.recorded_at),
            }
            for fact in _by_id(parts.payments)
        ],
        "credits": [
            {
                "id": credit.pk,
                "cause": credit.cause,
                "amount": credit.amount,
                "lines": credit.lines,
                "shipping_amount": credit.shipping_amount,
                "return_id": credit.part_of_id,
                "refund_id": credit.refund_id,
                "created_at": instant(credit.created_at),
            }
            for credit in _by_id(parts.credits)
        ],
        "refunds": [
            {
                "id": asked.pk,
                "amount": asked.amount,
                "goodwill_amount": asked.goodwill_amount,
                "settled_amount": asked.settled_amount,
                "state": asked.state,
                "return_id": asked.part_of_id,
                "credit_id": asked.credit_id,
                "lines": asked.lines,
                "shipping_amount": asked.shipping_amount,
                "requested_by": asked.requested_by,
                "requested_at": instant(asked.requested_at),
                "decided_by": asked.decided_by,
                "decided_at": instant(asked.decided_at),
            }
            for asked in _by_id(parts.refunds)
        ],
        "returns": [
            {
                "id": back.pk,
                "state": back.state,
                "cause": back.cause,
                "items": [
                    {
                        "item_id": line.item_id,
                        "quantity": line.quantity,
                        "received": line.received,
                        "condition": line.condition,
                        "restocked": line.restocked,
                    }
                    for line in back.contents
                ],
                "requested_at": instant(back.requested_at),
                "decided_at": instant(back.decided_at),
                "received_at": instant(back.received_at),
            }
            for back in _by_id(parts.returns)
        ],
        "holds": list(order.holds),
        "metadata": dict(order.metadata),
        "tags": list(order.tags),
    }


def _by_id(rows: Iterable[Any]) -> list[Any]:
    return sorted(rows, key=attrgetter("pk"))


def _line_amount(item: Mapping[str, Any]) -> int | None:
    if item["amount"] is not None or item["unit_amount"] is None:
        amount: int | None = item["amount"]
        return amount
    product: int = item["quantity"] * item["unit_amount"]
    return product
