"""What people type and paste, as they meant it: blanks of all kinds, marks nobody sees, digits of other scripts."""

from __future__ import annotations

import unicodedata
from typing import Final

# All that has the Unicode property White_Space; in one line of text each is a blank.
_BLANKS: Final = dict.fromkeys(
    [*range(0x09, 0x0E), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000], " "
)
# Soft hyphen, zero-width space, word joiner, byte order mark, and what only says in which direction text runs (UAX #9):
# copied along with it, and then two texts that look the same differ.
_UNSEEN: Final = dict.fromkeys(
    [0xAD, 0x61C, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF]
)
_CLEANED: Final = {**_BLANKS, **_UNSEEN}
# They join letters or keep them apart, which spelling needs in Persian and the scripts of India.
_JOINERS: Final = "\u200c\u200d"
_WITHOUT_JOINERS: Final = dict.fromkeys(map(ord, _JOINERS))
# The full-width forms of ASCII stand in its order.
_FULL_WIDTH: Final = range(0xFF01, 0xFF5F)
_FROM_FULL_WIDTH: Final = 0xFF01 - 0x21


def clean_text(text: str) -> str | None:
    """One line for people, such as a name or a street; None when there is nothing to be seen in it."""
    if not (text.isascii() and text.isprintable()):
        text = text.replace("\r\n", "\n").translate(_CLEANED)
        if not text.strip(_JOINERS + " "):
            return None
    return text.strip() or None


def clean_code(text: str) -> str | None:
    """The same of a phone number, postal code or other code, which has no joiners; its digits and full-width forms
    become those of ASCII.
    """
    cleaned = clean_text(text if text.isascii() else text.translate(_WITHOUT_JOINERS))
    if cleaned is None or cleaned.isascii():
        return cleaned
    return "".join(map(_in_ascii, cleaned))


def clean_letters(text: str) -> str | None:
    """The same of a code of capital letters, such as a country or a currency."""
    cleaned = clean_code(text)
    # What is no code stays as it is: capitals of other letters can be those of ASCII, as of "ß".
    return cleaned.upper() if cleaned is not None and cleaned.isascii() else cleaned


def _in_ascii(character: str) -> str:
    if ord(character) in _FULL_WIDTH:
        return chr(ord(character) - _FROM_FULL_WIDTH)
    return str(unicodedata.decimal(character)) if character.isdecimal() else character
