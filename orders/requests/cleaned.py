"""Which texts of a request are cleaned rather than refused, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import force_setattr

from orders.rules.cleaning import clean_code, clean_letters, clean_text

Cleaning = Mapping[str, Callable[[str], str | None]]

# Of a contact or an address, what is blank is not given.
CONTACT: Final[Cleaning] = {"email": clean_text, "phone": clean_code}
ADDRESS: Final[Cleaning] = {
    **dict.fromkeys(("name", "line1", "line2", "city", "region"), clean_text),
    "postal_code": clean_code,
    "country": clean_letters,
}
# A blank currency is none, and is refused as that.
CURRENCY: Final[Cleaning] = {"currency": lambda text: clean_letters(text) or ""}


def clean(part: Struct, cleaning: Cleaning) -> None:
    """Clean the texts that are given, in place: for `__post_init__`, before anybody has seen the struct."""
    for name, cleaned in cleaning.items():
        given = getattr(part, name)
        if isinstance(given, str) and (text := cleaned(given)) != given:
            force_setattr(part, name, text)
