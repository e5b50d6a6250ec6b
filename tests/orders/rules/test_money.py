"""What amounts add up to, which sums are refused, and what an order's payments come to."""

from __future__ import annotations

import pytest

from orders.rules.errors import InvalidRequest, TotalsMismatch
from orders.rules.money import (
    MAX_AMOUNT,
    payment_status_of,
    refuse_sum_out_of_range,
    refuse_wrong_sum,
    total_sum,
    unknown_currency,
)


def test_the_total_is_items_shipping_and_tax_without_the_discount():
    assert total_sum(2000, shipping=700, tax=300, discount=100) == 2900
    assert total_sum(2000, shipping=700, tax=300, discount=100, tax_included=True) == 2600


@pytest.mark.parametrize("given", [None, 2900])
def test_a_sum_that_nobody_gave_or_that_is_right_is_not_refused(given):
    refuse_wrong_sum("total_amount", expected=2900, given=given)


def test_a_wrong_sum_is_told_with_what_it_should_be():
    with pytest.raises(TotalsMismatch) as refused:
        refuse_wrong_sum("total_amount", expected=2900, given=3000)

    assert str(refused.value) == (
        "total_amount is 3000, but items + shipping + tax − discount is 2900: a difference of 100."
    )
    assert refused.value.extra == {"expected": 2900, "got": 3000, "difference": 100}


@pytest.mark.parametrize("amount", [None, 0, 9_007_199_254_740_991])
def test_sums_may_be_nothing_and_as_large_as_every_reader_of_json_can_tell_apart(amount):
    refuse_sum_out_of_range("items_amount", amount)


@pytest.mark.parametrize("amount", [-1, 9_007_199_254_740_992])
def test_sums_beyond_that_are_refused(amount):
    with pytest.raises(InvalidRequest) as refused:
        refuse_sum_out_of_range("items_amount", amount)

    (error,) = refused.value.errors
    assert (error["pointer"], error["code"]) == ("/items_amount", "out_of_range")
    assert error["detail"] == f"items_amount is {amount}; it must be 0 to {MAX_AMOUNT}."


def test_only_currencies_that_can_be_paid_with_are_known():
    assert unknown_currency(None) == unknown_currency("EUR") == []
    (error,) = unknown_currency("XAU")
    assert (error.pointer, error.code) == ("/currency", "unknown_currency")


def test_a_currency_that_was_retired_is_known_for_the_past_alone():
    assert unknown_currency("HRK", retired_too=True) == []
    (error,) = unknown_currency("HRK")
    assert (error.pointer, error.code) == ("/currency", "retired_currency")
    (error,) = unknown_currency("XAU", retired_too=True)
    assert error.code == "unknown_currency"


@pytest.mark.parametrize(
    ("authorized", "captured", "kept", "ordered", "due", "status"),
    [
        (0, 0, 0, 1000, 1000, "unpaid"),
        (1, 0, 0, 1000, 1000, "authorized"),
        (1000, 1, 1, 1000, 1000, "partially_paid"),
        (0, 999, 999, 1000, 1000, "partially_paid"),
        (0, 1000, 1000, 1000, 1000, "paid"),
        (0, 1001, 1001, 1000, 1000, "overpaid"),
        (0, 1000, 0, 1000, 1000, "refunded"),
        (0, 1000, 0, 0, 0, "refunded"),
        (0, 1000, -1, 1000, 1000, "refunded"),
        (0, 1000, 1, 1000, 1000, "partially_refunded"),
        (0, 1000, 1, 0, 0, "partially_refunded"),
        (0, 2000, 1000, 1000, 1000, "paid"),
        (0, 3000, 2000, 1000, 1000, "partially_refunded"),
        (0, 1, 1, None, None, "paid"),
        (0, 2, 1, None, None, "partially_refunded"),
        (0, 2, 0, None, None, "refunded"),
        (0, 1, 1, 0, 0, "overpaid"),
        # Units of 1000 came back, or 1000 were goodwill.
        (0, 2000, 1000, 2000, 1000, "partially_refunded"),
        (0, 2000, 2000, 2000, 1000, "paid"),
        (0, 1000, 1000, 2000, 1000, "paid"),
        (0, 999, 999, 2000, 1000, "partially_paid"),
        (0, 2001, 2001, 2000, 1000, "overpaid"),
    ],
)
def test_payments_come_to_one_status(authorized, captured, kept, ordered, due, status):
    sums = {"authorized": authorized, "captured": captured, "kept": kept, "ordered": ordered, "due": due}
    assert payment_status_of(**sums, total=ordered) == status


def test_what_costs_nothing_is_paid():
    sums = {"authorized": 0, "captured": 0, "kept": 0, "ordered": 0, "due": 0}
    assert payment_status_of(**sums, total=0) == "paid"
    assert payment_status_of(**sums, total=1000) == "unpaid"
