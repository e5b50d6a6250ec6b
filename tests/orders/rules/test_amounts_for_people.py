"""Amounts of minor units, as people write them."""

from __future__ import annotations

import re

import pytest

from orders.rules.currencies import CURRENT, RETIRED, format_amount, minor_units


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


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("12.90", "EUR", 1290),
        ("12.9", "EUR", 1290),
        ("12", "EUR", 1200),
        ("12,90", "EUR", 1290),
        ("12.9000", "EUR", 1290),
        ("-6.5", "USD", -650),
        ("0.07", "USD", 7),
        ("1290", "JPY", 1290),
        ("1290.00", "JPY", 1290),
        ("1.299", "KWD", 1299),
        ("1,2", "KWD", 1200),
        ("900719925474099.31", "EUR", 90071992547409931),  # no float is
    ],
)
def test_a_written_amount_is_exactly_so_many_minor_units(text, currency, amount):
    assert minor_units(text, currency) == amount


@pytest.mark.parametrize(
    ("text", "currency", "reason"),
    [
        ("1,234", "EUR", "Expected an amount such as 12.00, got '1,234'"),
        ("1,234", "KWD", "Expected an amount such as 12.000, got '1,234'"),
        ("1.234,56", "EUR", "Expected an amount such as 12.00, got '1.234,56'"),
        ("12.905", "EUR", "Expected at most 2 decimals in EUR, got '12.905'"),
        ("12.5", "JPY", "Expected at most 0 decimals in JPY, got '12.5'"),
        ("€12", "EUR", "Expected an amount such as 12.00, got '€12'"),
        ("1e3", "EUR", "Expected an amount such as 12.00, got '1e3'"),
        ("NaN", "EUR", "Expected an amount such as 12.00, got 'NaN'"),
        ("١٢", "EUR", "Expected an amount such as 12.00, got '١٢'"),
    ],
)
def test_what_could_mean_several_amounts_or_none_is_no_amount(text, currency, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        minor_units(text, currency)
