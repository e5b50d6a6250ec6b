"""ISO 4217: the currencies in use, those that were, and the digits of their minor unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# List one (amendment 179), without what nobody is paid in: metals, funds, units of account, codes for tests.
_TWO_DIGITS: Final = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE
CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR
KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB
PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY
TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
"""
_NO_DIGITS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DIGITS: Final = "BHD IQD JOD KWD LYD OMR TND"

# List three: withdrawn, as BGN on 2026-01-01; with the digits they had while they were in use.
_RETIRED_TWO_DIGITS: Final = """
AFA ANG ATS AYM AZM BGL BGN CSD CUC CYP DEM EEK FIM FRF GHC GWP HRK IEP LTL LVL MRO MTL MZM NLG RUR SDD SIT SKK SLL SRG
STD TMM VEB VEF YUM ZMK ZWD ZWL ZWN ZWR
"""
_RETIRED_NO_DIGITS: Final = "ADP BEF BYB BYR ESP GRD ITL LUF MGF PTE ROL TPE TRL"

CURRENT: Final[Mapping[str, int]] = {
    **dict.fromkeys(_TWO_DIGITS.split(), 2),
    **dict.fromkeys(_NO_DIGITS.split(), 0),
    **dict.fromkeys(_THREE_DIGITS.split(), 3),
}
# Nobody pays in these any more; orders of that time are still in them.
RETIRED: Final[Mapping[str, int]] = {
    **dict.fromkeys(_RETIRED_TWO_DIGITS.split(), 2),
    **dict.fromkeys(_RETIRED_NO_DIGITS.split(), 0),
}
MINOR_DIGITS: Final[Mapping[str, int]] = {**RETIRED, **CURRENT}

_DECIMAL: Final = re.compile(r"(?P<sign>-?)(?P<whole>[0-9]{1,15})(?:(?P<mark>[.,])(?P<part>[0-9]{1,15}))?")


def format_amount(amount: int | None, currency: str | None) -> str:
    """An amount of minor units for people: (1299, "AUD") is "12.99 AUD"; nothing is "–"."""
    if amount is None:
        return "–"
    digits = MINOR_DIGITS.get(currency or "", 2)
    sign, units = ("-" if amount < 0 else ""), str(abs(amount)).rjust(digits + 1, "0")
    number = f"{units[:-digits]}.{units[-digits:]}" if digits else units
    return f"{sign}{number} {currency}" if currency else f"{sign}{number}"


def minor_units(text: str, currency: str) -> int:
    """The inverse of `format_amount`, exactly: ("12.90", "EUR") is 1290, ("12.9", "KWD") 12900, ("1290", "JPY") 1290.

    A comma may stand for the decimal point, unless three digits follow it: then it may separate thousands. Raises
    ValueError for anything else, and for more decimals than the currency (ISO 4217) has.
    """
    digits = MINOR_DIGITS.get(currency, 2)
    match = _DECIMAL.fullmatch(text)
    if match is None or (match["mark"] == "," and len(match["part"]) == 3):
        example = format_amount(12 * 10**digits, currency or None)
        raise ValueError(f"Expected an amount such as {example.split()[0]}, got {text[:40]!r}")
    part = (match["part"] or "").rstrip("0")
    if len(part) > digits:
        raise ValueError(f"Expected at most {digits} decimals in {currency or 'the currency'}, got {text[:40]!r}")
    amount = int(match["whole"] + part.ljust(digits, "0"))
    return -amount if match["sign"] else amount
