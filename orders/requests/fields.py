"""What a single value of a request may be: lengths, ranges, patterns."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta

from inventory_client.wire import IDENTIFIER_IN_WORDS, IDENTIFIER_PATTERN
from orders.rules.emails import EMAIL_PATTERN
from orders.rules.limits import MAX_METADATA_ENTRIES, MAX_TAGS, MAX_UNITS
from orders.rules.money import MAX_AMOUNT

Text40 = Annotated[str, Meta(max_length=40)]
Text100 = Annotated[str, Meta(min_length=1, max_length=100)]
Text300 = Annotated[str, Meta(max_length=300)]
_IDENTIFIER: Final = "Without control characters, and without blanks at its ends."
Identifier100 = Annotated[str, Meta(min_length=1, max_length=100, pattern=IDENTIFIER_PATTERN, description=_IDENTIFIER)]
Identifier200 = Annotated[str, Meta(min_length=1, max_length=200, pattern=IDENTIFIER_PATTERN, description=_IDENTIFIER)]
Note = Annotated[str, Meta(max_length=5000)]
Reason = Annotated[str, Meta(max_length=500, description="Why; kept with the change.")]
CommentText = Annotated[str, Meta(min_length=1, max_length=2000)]
# Contacts, addresses and currencies are cleaned (`cleaned.py`), and what they are is looked at then: these patterns
# only tell what is taken.
Email = Annotated[
    str,
    Meta(
        max_length=254,
        description="As browsers take it (WHATWG HTML, valid e-mail address). Blanks around it are dropped.",
        extra_json_schema={"pattern": rf"^\s*({EMAIL_PATTERN})?\s*$"},
    ),
]
Phone = Annotated[
    str,
    Meta(
        max_length=300,
        description="As the customer writes it: any text. `phone_e164` is made of it where it is a number.",
    ),
]
Country = Annotated[
    str,
    Meta(
        max_length=40,
        description="ISO 3166-1 alpha-2, or XK for Kosovo, in any case.",
        extra_json_schema={"pattern": r"^\s*([A-Za-z]{2})?\s*$"},
    ),
]
Currency = Annotated[
    str,
    Meta(
        max_length=40,
        description="ISO 4217, in any case.",
        extra_json_schema={"pattern": r"^\s*[A-Za-z]{3}\s*$"},
    ),
]
LINK_PATTERN: Final = r"^https?://\S+$(?!\n)"
TrackingLink = Annotated[str, Meta(max_length=500, pattern=LINK_PATTERN)]
Metadata = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=40)], Annotated[str, Meta(max_length=500)]],
    Meta(max_length=MAX_METADATA_ENTRIES),
]
MetadataPatch = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=40)], Annotated[str, Meta(max_length=500)] | None],
    Meta(description="Entries to be put in or, where null, taken out; the others stay"),
]
Tags = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=40)]],
    Meta(max_length=MAX_TAGS, description="A set: kept sorted, each once"),
]

Quantity = Annotated[int, Meta(ge=1, le=MAX_UNITS)]
QuantityOrZero = Annotated[int, Meta(ge=0, le=MAX_UNITS)]
Amount = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]
UnitAmount = Annotated[Amount, Meta(description="Minor units of the currency")]
MovedAmount = Annotated[int, Meta(ge=1, le=MAX_AMOUNT, description="Minor units of the currency")]
Moment = Annotated[datetime, Meta(tz=True)]

# What is said where a text does not match.
IN_WORDS: Final = {
    IDENTIFIER_PATTERN: IDENTIFIER_IN_WORDS,
    LINK_PATTERN: "Expected a whole address that begins with https:// or http://",
}
