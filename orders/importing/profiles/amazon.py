"""Amazon Seller Central: the tab-separated report "All Orders". A row for each item, with the amounts of all its units.

There is no total in it that the sums could be checked with.
"""

from __future__ import annotations

from typing import Any, Final

from orders.importing.lines import LeftOut
from orders.importing.marketplace import STATUS_OF
from orders.importing.profiles.cells import Cells, told
from orders.importing.profiles.shop import Shop
from orders.importing.rows import Row
from orders.rules.money import total_sum
from orders.rules.statuses import OrderStatus

REFERENCE: Final = "amazon-order-id"
NEEDED: Final = (
    REFERENCE, "purchase-date", "last-updated-date", "order-status", "sales-channel", "product-name", "sku", "asin",
    "item-status", "quantity", "currency", "item-price", "item-tax", "shipping-price", "shipping-tax",
    "item-promotion-discount", "ship-promotion-discount",
)  # fmt: skip

_PENDING: Final = "pending"
# What it is in the words of `marketplace.py`. The report's words are those of the order, and of each item.
STATUS_WORDS: Final = {
    _PENDING: "created",
    "pending - waiting for pick up": "approved",
    "unshipped": "approved",
    "partiallyshipped": "shipped",
    "partially shipped": "shipped",
    "shipping": "approved",
    "shipped": "shipped",
    "complete": "shipped",
    "shipped - picked up": "shipped",
    "shipped - out for delivery": "shipped",
    "shipped - delivered to buyer": "delivered",
    "shipped - returning to seller": "shipped",
    "shipped - returned to seller": "shipped",
    "shipped - rejected by buyer": "shipped",
    "shipped - damaged": "shipped",
    "shipped - lost in transit": "shipped",
    "cancelled": "canceled",
    "canceled": "canceled",
    "unfulfillable": "unavailable",
}
# Elsewhere prices have the tax in them.
TAX_IS_ADDED: Final = frozenset({"amazon.com", "amazon.ca"})
_NOT_YET: Final = LeftOut(
    "not_yet_sold",
    "It is pending at Amazon, where neither prices nor the sale are settled yet: import a later report.",
)
_FACTS: Final = {
    "amazon_status": "order-status",
    "channel": "sales-channel",
    "fulfillment_channel": "fulfillment-channel",
    "merchant_order_id": "merchant-order-id",
    "purchase_order_number": "purchase-order-number",
    "promotion_ids": "promotion-ids",
    "shipping_method": "ship-service-level",
}


def order(cells: Cells, shop: Shop) -> dict[str, Any] | LeftOut:
    status = cells.word("order-status", STATUS_WORDS)
    if cells.text("order-status").lower() == _PENDING:
        return _NOT_YET
    cells.currency = cells.text("currency").upper()
    sold = [row for row in cells.rows if cells.quantity("quantity", row)]  # of what is canceled, 0 units are told
    items = [_item(cells, row) for row in sold]
    canceled = [_came_to(cells, row, status) is OrderStatus.CANCELED for row in sold]
    charged = [row for row, is_canceled in zip(sold, canceled, strict=True) if not is_canceled]
    tax_included = _tax_included(cells, shop)
    is_sold = status is not None and STATUS_OF[status] is not OrderStatus.CANCELED
    return told(
        storefront=shop.storefront,
        external_reference=cells.text(REFERENCE),
        customer_id=cells.text(REFERENCE),  # the report does not tell who bought
        currency=cells.currency,
        placed_at=cells.moment("purchase-date"),
        tax_included=tax_included,
        **_money(cells, sold, charged),
        shipping_address=_address(cells),
        metadata=cells.facts(_FACTS),
        payments=_payments(cells, charged, tax_included=tax_included) if is_sold else [],
        history=_history(cells, sold, canceled, status),
    ) | {"items": items}


def _item(cells: Cells, row: Row) -> dict[str, Any]:
    return told(
        product_id=cells.text("sku", row) or cells.text("asin", row),
        name=cells.text("product-name", row),
        quantity=cells.quantity("quantity", row),
        amount=cells.amount("item-price", row) if cells.currency else None,
        discount_amount=_off(cells, "item-promotion-discount", row),
        tax_amount=cells.amount("item-tax", row),
    )


def _money(cells: Cells, sold: list[Row], charged: list[Row]) -> dict[str, int]:
    """Of the whole order. Nothing is shipped or wrapped of what is canceled."""
    return {
        "shipping_amount": sum(_shipping(cells, row) for row in charged),
        "tax_amount": sum(cells.amount("item-tax", row) for row in sold)
        + sum(_shipping_tax(cells, row) for row in charged),
        "discount_amount": sum(_off(cells, "item-promotion-discount", row) for row in sold)
        + sum(_off(cells, "ship-promotion-discount", row) for row in charged),
    }


def _payments(cells: Cells, charged: list[Row], *, tax_included: bool) -> list[dict[str, Any]]:
    """What Amazon took from the buyer."""
    amount = sum(
        total_sum(
            cells.amount("item-price", row),
            shipping=_shipping(cells, row),
            tax=cells.amount("item-tax", row) + _shipping_tax(cells, row),
            discount=_off(cells, "item-promotion-discount", row) + _off(cells, "ship-promotion-discount", row),
            tax_included=tax_included,
        )
        for row in charged
    )
    return [{"method": "Amazon", "amount": amount}] if amount > 0 else []


def _history(cells: Cells, sold: list[Row], canceled: list[bool], status: str | None) -> dict[str, Any]:
    """The report has one stamp for whatever came last."""
    updated_at = cells.latest("last-updated-date")
    if status is None:
        return {}
    if STATUS_OF[status] is OrderStatus.CANCELED:
        return told(status=status, canceled_at=updated_at)
    shipped = [_came_to(cells, row, status) in (OrderStatus.SHIPPED, OrderStatus.COMPLETED) for row in sold]
    units = [cells.quantity("quantity", row) for row in sold]
    whole = all(shipped) or not (any(shipped) or any(canceled))
    return told(
        status=status,
        approved_at=cells.moment("purchase-date"),
        shipped_at=updated_at if any(shipped) and status != "delivered" else None,
        delivered_at=updated_at if status == "delivered" else None,
        items=[]
        if whole
        else [
            {"shipped": count if has_left else 0, "canceled": count if is_canceled else 0}
            for count, has_left, is_canceled in zip(units, shipped, canceled, strict=True)
        ],
    )


def _came_to(cells: Cells, row: Row, of_order: str | None) -> OrderStatus | None:
    """The item itself; one that tells nothing is as its order."""
    of_item = cells.word("item-status", STATUS_WORDS, row) if cells.text("item-status", row) else of_order
    return STATUS_OF[of_item] if of_item is not None else None


def _tax_included(cells: Cells, shop: Shop) -> bool:
    if shop.tax_included is not None:
        return shop.tax_included
    channel = cells.text("sales-channel").lower()
    if not channel.startswith("amazon.") and any(cells.amount("item-tax", row) for row in cells.rows):
        detail = f"{channel!r} does not tell whether prices have the tax in them: say --tax included or --tax added"
        cells.wrong("sales-channel", "not_told", detail)
    return channel not in TAX_IS_ADDED


def _shipping(cells: Cells, row: Row) -> int:
    return cells.amount("shipping-price", row) + cells.amount("gift-wrap-price", row)


def _shipping_tax(cells: Cells, row: Row) -> int:
    return cells.amount("shipping-tax", row) + cells.amount("gift-wrap-tax", row)


def _off(cells: Cells, column: str, row: Row) -> int:
    """A discount; some reports have it below zero."""
    return abs(cells.amount(column, row))


def _address(cells: Cells) -> dict[str, str] | None:
    columns = {
        "city": "ship-city",
        "region": "ship-state",
        "postal_code": "ship-postal-code",
        "country": "ship-country",
    }
    return cells.address(columns, company="", name="")
