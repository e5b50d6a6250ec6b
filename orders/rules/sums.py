"""What the amounts of an order add up to, in minor units of its currency."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orders.rules.errors import FieldError, InvalidRequest, TotalsMismatch

# Sums stay exact in every JSON reader up to here (RFC 8259 §6).
MAX_AMOUNT: Final = 2**53 - 1

_FORMULAS: Final = {
    "items_amount": "the sum of quantity × unit_amount",
    "total_amount": "items + shipping + tax − discount",
}


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
        raise InvalidRequest(
            [FieldError(f"/{name}", "out_of_range", f"{name} is {amount}; it must be 0 to {MAX_AMOUNT}.")]
        )
