"""Telephone numbers: what was typed, as the one form that every system dials (ITU-T E.164)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

from orders.rules.cleaning import clean_code

# A plus sign and fifteen digits.
LONGEST_E164: Final = 16
# The least that a search looks for; fewer would be anybody's.
_LEAST_DIGITS: Final = 6
_WITH_TRUNK_8: Final = 11
_LOOKS_LIKE_ONE: Final = re.compile(r"\+?[0-9 ()./\-\u2010-\u2015\u2212]+")
_NO_DIGITS: Final = re.compile(r"\D")


def e164(phone: str | None, *, country: str | None) -> str | None:
    """The number as `+` and digits; None when it cannot be told which one is meant, or none is.

    `country` (ISO 3166-1 alpha-2) says how a number without its country's code is dialled. The library reads a
    country's rules when they are first needed, and keeps them.
    """
    if phone is None:
        return None
    number = _parsed(phone, country)
    if number is None and phone.startswith("00"):  # how most of the world dials abroad
        number = _parsed(f"+{phone[2:]}", None)
    if number is None:
        return None
    # Some countries have longer ones within, such as service numbers, which nobody dials from abroad.
    told = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return told if len(told) <= LONGEST_E164 else None


def phone_country(*addresses: Mapping[str, str | None] | None) -> str | None:
    """That of the first address that names one: the shipping address goes before the billing address."""
    return next((country for address in addresses if address and (country := address.get("country"))), None)


def searched_number(term: str) -> str | None:
    """What a search looks for: a whole number in E.164 with its `+`, or the digits that a number ends with.

    None when the term does not look like a telephone number. Zeros before a number within its country, or before
    that of a country, are how it is dialled, and are not looked for; so is the 8 of Russia and Kazakhstan.
    """
    cleaned = clean_code(term)
    if cleaned is None or not _LOOKS_LIKE_ONE.fullmatch(cleaned):
        return None
    if cleaned.startswith("+") and (whole := e164(cleaned, country=None)):
        return whole
    digits = _NO_DIGITS.sub("", cleaned).lstrip("0")
    if len(digits) == _WITH_TRUNK_8:
        digits = digits.removeprefix("8")
    return digits if len(digits) >= _LEAST_DIGITS else None


def _parsed(phone: str, country: str | None) -> phonenumbers.PhoneNumber | None:
    """A number that names its country counts when its length is possible: which ranges are in use changes faster than
    any list of them. One that does not has to be in use: otherwise half a number would pass for another one.
    """
    try:
        number = phonenumbers.parse(phone, country)
    except NumberParseException:
        return None
    if phone.startswith("+"):
        counts = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    else:
        counts = phonenumbers.is_valid_number(number)
    return number if counts else None
