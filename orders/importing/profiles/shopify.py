"""Shopify: the CSV of "Export orders". An order's own cells stand in its first row; each further row is an item."""

from __future__ import annotations

from datetime import datetime
from itertools import product
from typing import Any, Final, NamedTuple

from orders.importing.profiles.cells import Cells, told
from orders.importing.profiles.customers import customer_id
from orders.importing.profiles.shop import Shop
from orders.importing.rows import Row
from orders.rules.money import total_sum

REFERENCE: Final = "Name"
NEEDED: Final = (
    REFERENCE, "Email", "Financial Status", "Paid at", "Fulfillment Status", "Currency", "Subtotal", "Shipping",
    "Taxes", "Total", "Discount Amount", "Created at", "Lineitem quantity", "Lineitem name", "Lineitem price",
    "Lineitem sku", "Lineitem fulfillment status", "Cancelled at",
)  # fmt: skip


class Paid(NamedTuple):
    """How far the money came. `kept` is False when an authorization came to nothing."""

    authorized: bool = False
    captured: bool = False
    kept: bool = True


_REFUNDED: Final = "refunded"
FINANCIAL_WORDS: Final = {
    "pending": Paid(),
    "authorized": Paid(authorized=True),
    "expired": Paid(authorized=True, kept=False),
    "voided": Paid(authorized=True, kept=False),
    "partially_paid": Paid(captured=True),
    "paid": Paid(captured=True),
    "partially_refunded": Paid(captured=True),
    _REFUNDED: Paid(captured=True),
}
# Of the order and of its items: have all units left, some, or none?
FULFILLMENT_WORDS: Final = {
    "fulfilled": "all",
    "partial": "some",
    "": "none",
    "unfulfilled": "none",
    "pending": "none",
    "restocked": "none",
}
_FACTS: Final = {
    "shopify_id": "Id",
    "discount_code": "Discount Code",
    "shipping_method": "Shipping Method",
    "channel": "Source",
    "cancelled_at": "Cancelled at",
    "duties_amount": "Duties",
}


def order(cells: Cells, shop: Shop) -> dict[str, Any]:
    cells.currency = cells.text("Currency").upper()
    created_at = cells.moment("Created at")
    rows = [
        row for row in cells.rows if any(cells.text(column, row) for column in ("Lineitem name", "Lineitem quantity"))
    ]
    items = [_item(cells, row) for row in rows]
    money = _money(cells, items, shop)
    payments, history = _payments(cells, created_at)
    return told(
        storefront=shop.storefront,
        external_reference=cells.text(REFERENCE),
        customer_id=customer_id(email=cells.text("Email"), otherwise=cells.text(REFERENCE)),
        currency=cells.currency,
        placed_at=created_at,
        items=items,
        **money,
        contact=told(email=cells.text("Email"), phone=cells.first("Phone", "Shipping Phone", "Billing Phone")),
        shipping_address=_address(cells, "Shipping"),
        billing_address=_address(cells, "Billing"),
        note=cells.text("Notes"),
        tags=[tag.strip() for tag in cells.text("Tags").split(",") if tag.strip()],
        metadata=cells.facts(_FACTS),
        payments=payments,
        history=history | _fulfillment(cells, rows, captured="approved_at" in history),
    )


def _item(cells: Cells, row: Row) -> dict[str, Any]:
    """What has no SKU is known by its name."""
    return told(
        product_id=cells.text("Lineitem sku", row) or cells.text("Lineitem name", row),
        name=cells.text("Lineitem name", row),
        quantity=cells.quantity("Lineitem quantity", row),
        unit_amount=cells.amount("Lineitem price", row),
        discount_amount=cells.amount("Lineitem discount", row),
    )


def _money(cells: Cells, items: list[dict[str, Any]], shop: Shop) -> dict[str, Any]:
    """The order's sums, with the discount and the kind of tax that make its total. Where none does, its check tells.

    `Discount Amount` has all discounts, but in some exports those of single items stand apart; of what was taken off
    the shipping, `Shipping` is less already. `Subtotal` is what the items cost in the end.
    """
    goods = sum(item["quantity"] * item["unit_amount"] for item in items)
    shipping = cells.amount("Shipping") + cells.amount("Duties")  # both on top of whatever the items cost
    tax, total = cells.amount("Taxes"), cells.amount("Total")
    given = cells.amount("Discount Amount")
    of_items = sum(item["discount_amount"] for item in items)
    off_goods = goods - cells.amount("Subtotal")
    discounts = [given]
    if 0 <= off_goods < given or off_goods == given + of_items:
        discounts.append(off_goods)

    def missed(guess: tuple[int, bool]) -> int:
        discount, tax_included = guess
        return abs(total - total_sum(goods, shipping=shipping, tax=tax, discount=discount, tax_included=tax_included))

    discount, tax_included = min(product(discounts, shop.tax_readings), key=missed)
    if of_items > discount:  # the prices are less by them already
        for item in items:
            item["discount_amount"] = 0
    return {
        "shipping_amount": shipping,
        "tax_amount": tax,
        "discount_amount": discount,
        "tax_included": tax_included,
        "total_amount": total,
    }


def _payments(cells: Cells, created_at: datetime | None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What was paid or promised, and when."""
    paid = cells.word("Financial Status", FINANCIAL_WORDS) or Paid()
    word = cells.text("Financial Status").lower()
    total = cells.amount("Total")
    if word == "partially_paid":
        if not cells.text("Outstanding Balance"):
            cells.wrong("Outstanding Balance", "required", "It is needed to tell how much of the order is paid")
        total -= cells.amount("Outstanding Balance")
    if not (paid.authorized or paid.captured):
        return [], {}
    refunded = cells.amount("Refunded Amount")
    if word == _REFUNDED:
        refunded = refunded or total
    if word == "partially_refunded" and not refunded:
        cells.wrong("Refunded Amount", "required", "It is needed to tell how much was given back")
    history = told(
        authorized_at=created_at if paid.authorized else None,
        voided_at=None if paid.kept else cells.moment("Cancelled at") or created_at,
        approved_at=cells.moment("Paid at") or created_at if paid.captured else None,
        refunded_amount=refunded if paid.captured else 0,
    )
    if total <= 0:  # what costs nothing is paid with nothing
        return [], history
    return [{"method": cells.text("Payment Method")[:100] or "unknown", "amount": total}], history


def _fulfillment(cells: Cells, rows: list[Row], *, captured: bool) -> dict[str, Any]:
    """How far it came. What has left cannot be canceled any more, whatever `Cancelled at` says; what has not and is
    refunded is not to be sent any more.
    """
    left = cells.word("Fulfillment Status", FULFILLMENT_WORDS)
    canceled_at = cells.moment("Cancelled at")
    shipped_at = cells.moment("Fulfilled at") if left in ("all", "some") else None
    if left == "all":
        return told(status="shipped", shipped_at=shipped_at)
    if canceled_at or cells.text("Financial Status").lower() == _REFUNDED:
        status = "canceled"
    elif left == "some":
        status = "shipped"
    else:
        status = "approved" if captured else "created"
    return told(
        status=status,
        shipped_at=shipped_at,
        canceled_at=canceled_at,
        items=[{"shipped": _units_left(cells, row)} for row in rows] if left == "some" else [],
    )


def _units_left(cells: Cells, row: Row) -> int:
    column = "Lineitem fulfillment status"
    left = cells.word(column, FULFILLMENT_WORDS, row)
    if left == "some":
        detail = "Some units of the item have left, and the export does not tell how many: import it once all have"
        cells.wrong(column, "not_told", detail, row)
    return cells.quantity("Lineitem quantity", row) if left == "all" else 0


def _address(cells: Cells, kind: str) -> dict[str, str] | None:
    street = f"{kind} Address1"
    columns = {
        "line1": street if cells.text(street) else f"{kind} Street",
        "line2": f"{kind} Address2",
        "city": f"{kind} City",
        "region": f"{kind} Province",
        "postal_code": f"{kind} Zip",
        "country": f"{kind} Country",
    }
    return cells.address(columns, company=cells.text(f"{kind} Company"), name=cells.text(f"{kind} Name"))
