"""Telephone numbers in E.164, and what a search for one looks for."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.rules.phones import e164, phone_country, searched_number


@pytest.mark.parametrize(
    ("typed", "country", "number"),
    [
        ("+61 2 5550 1234", None, "+61255501234"),
        ("+61 2 5550 1234", "DE", "+61255501234"),
        ("+61 (0)2 5550-1234", None, "+61255501234"),
        ("0061 2 5550 1234", None, "+61255501234"),
        ("0061 2 5550 1234", "AU", "+61255501234"),
        ("0011 49 176 12345678", "AU", "+4917612345678"),
        ("02 5550 1234", "AU", "+61255501234"),
        ("(02) 5550.1234 ext. 7", "AU", "+61255501234"),
        ("0176/12345678", "DE", "+4917612345678"),
        ("06 1234 5678", "IT", "+390612345678"),
        ("8 (912) 345-67-89", "RU", "+79123456789"),
        ("(212) 555-0123", "US", "+12125550123"),
        ("+1 (555) 010-0199", None, "+15550100199"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("044 123 456", "XK", "+38344123456"),
        ("tel: 02 5550 1234", "AU", "+61255501234"),
    ],
)
def test_a_number_is_read_as_it_is_dialled_in_its_country(typed, country, number):
    assert e164(typed, country=country) == number


@pytest.mark.parametrize(
    ("typed", "country"),
    [
        (None, "AU"),
        ("call me", "AU"),
        ("02 5550 1234", None),
        ("02 5550 1234", "AQ"),
        ("02 5550 1234", "ZZ"),
        ("5550 1234", "AU"),
        ("(555) 010-0199", "US"),
        ("123", "AU"),
        ("+999 123 4567", None),
        ("+61 2 5550 1234 5678 9012", None),
        ("+49 800 123456789012", None),
        ("0120 1234 5678 9012 3456", "JP"),
        ("x" * 300, "AU"),
        ("1" * 300, "US"),
        ("+", None),
    ],
)
def test_what_cannot_be_told_is_none(typed, country):
    assert e164(typed, country=country) is None


@given(
    phone=st.text(st.sampled_from("+0123456789 ()-./;=#*,extphone٣３") | st.characters(exclude_categories=["Cs"]))
    | st.from_regex(r"\+?[0-9]{3,25}", fullmatch=True),
    country=st.sampled_from([None, "AU", "DE", "JP", "ID", "US", "RU", "AQ", "ZZ"]),
)
@settings(max_examples=500, deadline=None)
def test_whatever_is_typed_is_a_number_of_at_most_fifteen_digits_or_none(phone, country):
    number = e164(phone, country=country)

    assert number is None or re.fullmatch(r"\+[1-9][0-9]{2,14}", number)


def test_the_shipping_addresses_country_goes_before_the_billing_addresses():
    assert phone_country({"country": "AU"}, {"country": "DE"}) == "AU"
    assert phone_country({"country": None}, {"country": "DE"}) == "DE"
    assert phone_country(None, {"country": "DE"}) == "DE"
    assert phone_country({"city": "Perth"}, None) is None


@pytest.mark.parametrize(
    ("term", "looked_for"),
    [
        ("+61 2 5550 1234", "+61255501234"),
        ("+61 (0)2 5550 1234", "+61255501234"),
        ("0061 2 5550 1234", "61255501234"),
        ("(02) 5550-1234", "255501234"),
        ("０２ ５５５０ １２３４", "255501234"),
        ("55501234", "55501234"),
        ("8 (912) 345-67-89", "9123456789"),
        ("8 800 123", "8800123"),
        ("1 212 555 0123", "12125550123"),
        ("+61255", None),
        ("50 12", None),
        ("AU-7K3M9QXD4F", None),
        ("cus123456", None),
        ("2026-11-30", "20261130"),
        ("", None),
    ],
)
def test_a_search_looks_for_what_every_way_of_writing_a_number_has_in_common(term, looked_for):
    assert searched_number(term) == looked_for
