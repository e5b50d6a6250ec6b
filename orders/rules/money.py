"""What the amounts of an order add up to, and what its payments come to. All in minor units of its currency."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orders.rules.currencies import MINOR_DIGITS
from orders.rules.errors import FieldError, InvalidRequest, TotalsMismatch
from orders.rules.statuses import PaymentStatus

# Sums stay exact in every JSON reader up to here (RFC 8259 §6).
MAX_AMOUNT: Final = 2**53 - 1

_FORMULAS: Final = {
    "items_amount": "the sum of quantity × unit_amount",
    "total_amount": "items + shipping + tax − discount",
}


def unknown_currency(currency: str | None) -> list[FieldError]:
    """Nothing, or the one thing that is wrong with it. ISO 4217 has more: metals, funds, codes for tests."""
    if currency is None or currency in MINOR_DIGITS:
        return []
    detail = f"{currency} is not a currency that can be paid with; use one of ISO 4217, such as EUR"
    return [FieldError("/currency", "unknown_currency", detail)]


def items_sum(priced: Iterable[tuple[int, int]]) -> int:
    """Of quantities with their unit amounts."""
    return sum(quantity * unit_amount for quantity, unit_amount in priced)


def total_sum(items: int, *, shipping: int, tax: int, discount: int) -> int:
    return items + shipping + tax - discount


def refuse_wrong_sum(name: str, *, expected: int, given: int | None) -> None:
    """`name` is items_amount or total_amount; a sum nobody gave cannot be wrong. Raises TotalsMismatch."""
    if given is not None and given != expected:
        raise TotalsMismatch(name, expected=expected, got=given, formula=_FORMULAS[name])


def refuse_sum_out_of_range(name: str, amount: int | None) -> None:
    """Raises InvalidRequest."""
    if amount is not None and not 0 <= amount <= MAX_AMOUNT:
        raise InvalidRequest.at(f"/{name}", "out_of_range", f"{name} is {amount}; it must be 0 to {MAX_AMOUNT}.")


def payment_status_of(*, authorized: int, captured: int, kept: int, due: int | None) -> PaymentStatus:
    """`kept` is what was captured and not given back, `due` what is owed in all; None when nobody knows."""
    if captured == 0:
        return PaymentStatus.AUTHORIZED if authorized > 0 else PaymentStatus.UNPAID
    gave_back = kept < captured
    if gave_back and kept <= 0:
        return PaymentStatus.REFUNDED
    if kept == due or (due is None and not gave_back):
        return PaymentStatus.PAID
    if gave_back or due is None:
        return PaymentStatus.PARTIALLY_REFUNDED
    return PaymentStatus.PARTIALLY_PAID if kept < due else PaymentStatus.OVERPAID
