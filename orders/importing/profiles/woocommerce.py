"""WooCommerce: "Default – One Row per Item" of the extension Customer / Order / Coupon Export.

The order's own cells are repeated in each row. Amounts are without tax, and every cell is rounded by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from orders.importing.lines import LeftOut
from orders.importing.profiles.cells import Cells, told
from orders.importing.profiles.customers import customer_id
from orders.importing.profiles.shop import Shop
from orders.importing.rows import Row
from orders.rules.money import total_sum

REFERENCE: Final = "order_id"
NEEDED: Final = (
    REFERENCE, "date", "status", "shipping_total", "tax_total", "discount_total", "order_total", "order_currency",
    "payment_method", "customer_id", "billing_email", "item_name", "item_sku", "item_quantity", "item_subtotal",
)  # fmt: skip


class Stage(NamedTuple):
    """`status` is in the words of `marketplace.py`."""

    status: str
    is_paid: bool = False


_GUESTS: Final = frozenset({"0", ""})
_DRAFT: Final = "checkout-draft"
_REFUNDED: Final = "refunded"
STATUS_WORDS: Final = {
    _DRAFT: Stage("created"),
    "pending": Stage("created"),
    "on-hold": Stage("created"),
    "failed": Stage("created"),
    "processing": Stage("approved", is_paid=True),
    "completed": Stage("delivered", is_paid=True),
    _REFUNDED: Stage("canceled", is_paid=True),  # whole: nothing is to be sent any more
    "cancelled": Stage("canceled"),
}
# Paid at the door: when the order is completed, not before.
PAID_ON_DELIVERY: Final = "cod"
_NO_ORDER: Final = LeftOut("not_yet_sold", "It is the draft of a checkout: no order yet.")
_FACTS: Final = {
    "order_number": "order_number",
    "woocommerce_status": "status",
    "shipping_method": "shipping_method",
    "coupons": "coupons",
    "fee_amount": "fee_total",
}


def order(cells: Cells, shop: Shop) -> dict[str, Any] | LeftOut:
    cells.currency = cells.text("order_currency").upper()
    word = cells.text("status").lower().removeprefix("wc-")
    stage = cells.meaning("status", word, STATUS_WORDS) or Stage("created")
    if word == _DRAFT:
        return _NO_ORDER
    reference, email = cells.text(REFERENCE), cells.text("billing_email")
    customer = cells.text("customer_id")
    return told(
        storefront=shop.storefront,
        external_reference=reference,
        customer_id=customer if customer not in _GUESTS else customer_id(email=email, otherwise=reference),
        currency=cells.currency,
        placed_at=cells.moment("date"),
        **_amounts(cells, shop),
        contact=told(email=email, phone=cells.text("billing_phone")),
        shipping_address=_address(cells, "shipping"),
        billing_address=_address(cells, "billing"),
        note=cells.text("customer_note"),
        metadata=cells.facts(_FACTS),
        **_life(cells, stage, is_refunded=word == _REFUNDED),
    )


def _amounts(cells: Cells, shop: Shop) -> dict[str, Any]:
    """The amounts that make the export's own total; where none do, the check of the order tells.

    Cells are without tax and rounded. Where customers see prices with the tax in them, it is these that are exact.
    """
    readings = [_sums(cells, tax_included=included) for included in shop.tax_readings]
    return next(filter(_makes_its_total, readings), readings[0])


def _sums(cells: Cells, *, tax_included: bool) -> dict[str, Any]:
    """A fee is charged like shipping, and one below zero is a discount.

    Discounts and taxes of single items are left out where, rounded by themselves, they are more than the order's.
    """

    def amount(name: str, tax: str, row: Row | None = None) -> int:
        return cells.amount(name, row) + (cells.amount(tax, row) if tax_included else 0)

    items = []
    for row in cells.rows:
        line = amount("item_subtotal", "item_subtotal_tax", row)
        paid = amount("item_total", "item_total_tax", row) if cells.text("item_total", row) else line
        items.append(_item(cells, row, line, discount=line - paid))
    fee = amount("fee_total", "fee_tax_total")
    of_items = sum(item["discount_amount"] for item in items)
    discount = (of_items if tax_included else cells.amount("discount_total")) + max(0, -fee)
    tax = cells.amount("tax_total")
    for field, of_order in (("discount_amount", discount), ("tax_amount", tax)):
        if sum(item[field] for item in items) > of_order or any(item[field] < 0 for item in items):
            for item in items:
                del item[field]
    return {
        "items": items,
        "shipping_amount": amount("shipping_total", "shipping_tax_total") + max(0, fee),
        "tax_amount": tax,
        "discount_amount": discount,
        "tax_included": tax_included,
        "total_amount": cells.amount("order_total"),
    }


def _makes_its_total(sums: Mapping[str, Any]) -> bool:
    total: int = sums["total_amount"]
    return total == total_sum(
        sum(item["amount"] for item in sums["items"]),
        shipping=sums["shipping_amount"],
        tax=sums["tax_amount"],
        discount=sums["discount_amount"],
        tax_included=sums["tax_included"],
    )


def _item(cells: Cells, row: Row, amount: int, *, discount: int) -> dict[str, Any]:
    """What has no SKU is known by the id of its product, else by its name."""
    quantity = cells.quantity("item_quantity", row)
    names = (cells.text(column, row) for column in ("item_sku", "item_product_id", "item_name"))
    return told(
        product_id=next(filter(None, names), ""),
        name=cells.text("item_name", row),
        quantity=quantity,
        unit_amount=amount // quantity if quantity and amount % quantity == 0 else None,
        amount=amount,
        discount_amount=discount,
        tax_amount=cells.amount("item_total_tax", row),
    )


def _life(cells: Cells, stage: Stage, *, is_refunded: bool) -> dict[str, Any]:
    """The export has no stamp but the order's own. What was given back had been paid."""
    method, total = cells.text("payment_method"), cells.amount("order_total")
    refunded = cells.amount("refunded_total") or (total if is_refunded else 0)
    waits_for_the_door = method == PAID_ON_DELIVERY and stage.status != "delivered"
    is_paid = refunded > 0 or (stage.is_paid and not waits_for_the_door)
    return {
        "payments": [{"method": method[:100] or "unknown", "amount": total}] if is_paid and total > 0 else [],
        "history": told(
            status=stage.status,
            approved_at=cells.moment("date") if is_paid else None,
            refunded_amount=refunded,
        ),
    }


def _address(cells: Cells, kind: str) -> dict[str, str] | None:
    state = f"{kind}_state_code"
    columns = {
        "line1": f"{kind}_address_1",
        "line2": f"{kind}_address_2",
        "city": f"{kind}_city",
        "region": state if cells.text(state) else f"{kind}_state",
        "postal_code": f"{kind}_postcode",
        "country": f"{kind}_country",
    }
    name = " ".join(filter(None, (cells.text(f"{kind}_first_name"), cells.text(f"{kind}_last_name"))))
    return cells.address(columns, company=cells.text(f"{kind}_company"), name=name)
