"""What the amounts of an order add up to, and what its payments come to. All in minor units of its currency."""

from __future__ import annotations

import re
from typing import Final

from orders.rules.currencies import CURRENT, RETIRED
from orders.rules.errors import FieldError, InvalidRequest, TotalsMismatch
from orders.rules.statuses import PaymentStatus

# Sums stay exact in every JSON reader up to here (RFC 8259 §6).
MAX_AMOUNT: Final = 2**53 - 1

_FORMULAS: Final = {
    "items_amount": "the sum of quantity × unit_amount, or of the items' amounts",
    "total_amount": "items + shipping + tax − discount",
    "discount_amount": "at least the sum of the items' discounts",
    "tax_amount": "at least the sum of the items' taxes",
}


def unknown_currency(currency: str | None, *, retired_too: bool = False) -> list[FieldError]:
    """Nothing, or the one thing that is wrong with it; `retired_too` is for what was paid while they were in use.

    ISO 4217 has more: metals, funds, codes for tests.
    """
    if currency is None or currency in CURRENT or (retired_too and currency in RETIRED):
        return []
    if currency in RETIRED:
        detail = f"{currency} is no longer in use, and only orders imported with their history can be in it"
        return [FieldError("/currency", "retired_currency", f"{detail}; use a current one of ISO 4217, such as EUR")]
    if not re.fullmatch("[A-Z]{3}", currency):
        detail = f"{currency[:20]!r} is not the three letters of a currency, such as EUR (ISO 4217)"
        return [FieldError("/currency", "wrong_format", detail)]
    detail = f"{currency} is not a currency that can be paid with; use one of ISO 4217, such as EUR"
    return [FieldError("/currency", "unknown_currency", detail)]


def total_sum(items: int, *, shipping: int, tax: int, discount: int, tax_included: bool = False) -> int:
    """`tax_included` says that the prices of the items have the tax in them already."""
    return items + shipping + (0 if tax_included else tax) - discount


def refuse_wrong_sum(name: str, *, expected: int, given: int | None, tax_included: bool = False) -> None:
    """`name` is items_amount or total_amount; a sum nobody gave cannot be wrong. Raises TotalsMismatch."""
    if given is not None and given != expected:
        formula = _FORMULAS[name].replace(" + tax", "" if tax_included else " + tax")
        raise TotalsMismatch(name, expected=expected, got=given, formula=formula)


def refuse_less_than_items(name: str, *, of_items: int, given: int) -> None:
    """`name` is discount_amount or tax_amount: those of the items are part of the order's. Raises TotalsMismatch."""
    if given < of_items:
        raise TotalsMismatch(name, expected=of_items, got=given, formula=_FORMULAS[name])


def refuse_discount_beyond(amount: int | None, discount: int | None, *, pointer: str) -> None:
    """Raises InvalidRequest for a discount of more than the line costs."""
    if discount and discount > (amount or 0):
        detail = f"{discount} is more than the item's amount of {amount or 0}"
        raise InvalidRequest.beside_order(pointer, "out_of_range", detail)


def refuse_sum_out_of_range(name: str, amount: int | None) -> None:
    """Raises InvalidRequest."""
    if amount is not None and not 0 <= amount <= MAX_AMOUNT:
        raise InvalidRequest.beside_order(
            f"/{name}", "out_of_range", f"{name} is {amount}; it must be 0 to {MAX_AMOUNT}."
        )


def payment_status_of(
    *, authorized: int, captured: int, kept: int, ordered: int | None, due: int | None, total: int | None
) -> PaymentStatus:
    """`kept` is what was captured and not given back, `due` what is owed in all, and `ordered` what would be, had
    nothing come back and no goodwill been shown: money given back for these makes an order partially refunded, not
    unpaid. None when nobody knows. An order that costs nothing is paid.
    """
    if captured == 0:
        if total == 0:
            return PaymentStatus.PAID
        return PaymentStatus.AUTHORIZED if authorized > 0 else PaymentStatus.UNPAID
    gave_back = kept < captured
    if gave_back and kept <= 0:
        return PaymentStatus.REFUNDED
    if kept == ordered or (ordered is None and not gave_back):
        return PaymentStatus.PAID
    if gave_back or due is None or ordered is None:
        return PaymentStatus.PARTIALLY_REFUNDED
    if kept < due:
        return PaymentStatus.PARTIALLY_PAID
    return PaymentStatus.OVERPAID if kept > ordered else PaymentStatus.PAID
