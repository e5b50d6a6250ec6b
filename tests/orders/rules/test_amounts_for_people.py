"""Amounts of minor units, as people write them."""

from __future__ import annotations

import pytest

from orders.rules.currencies import CURRENT, RETIRED, format_amount


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (1299, "AUD", "12.99 AUD"),
        (7, "AUD", "0.07 AUD"),
        (0, "AUD", "0.00 AUD"),
        (-1, "AUD", "-0.01 AUD"),
        (-1299, "AUD", "-12.99 AUD"),
        (1299, "JPY", "1299 JPY"),
        (1299, "KWD", "1.299 KWD"),
        (1299, "DEM", "12.99 DEM"),
        (1299, "HRK", "12.99 HRK"),
        (1299, "ITL", "1299 ITL"),
        (1299, None, "12.99"),
        (None, "AUD", "–"),
    ],
)
def test_the_currency_decides_where_the_point_is(amount, currency, written):
    assert format_amount(amount, currency) == written


@pytest.mark.parametrize(
    ("digits", "currencies"),
    [
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
    ],
)
def test_these_have_not_two_digits(digits, currencies):
    assert {currency for currency, known in CURRENT.items() if known == digits} == set(currencies.split())
    assert set(CURRENT.values()) == {0, 2, 3}


def test_these_of_the_past_had_no_digits_and_all_others_two():
    without = {currency for currency, known in RETIRED.items() if known == 0}

    assert " ".join(sorted(without)) == "ADP BEF BYB BYR ESP GRD ITL LUF MGF PTE ROL TPE TRL"
    assert set(RETIRED.values()) == {0, 2}


def test_a_currency_is_in_use_or_of_the_past():
    assert CURRENT.keys().isdisjoint(RETIRED)
    assert {"EUR", "XCG", "ZWG", "SLE"} <= CURRENT.keys()
    assert {"BGN", "HRK", "ANG", "CUC", "ZWL", "SLL"} <= RETIRED.keys()
