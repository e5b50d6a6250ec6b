"""How a message is read: an event in the JSON format of CloudEvents 1.0, or none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

MOST_BYTES: Final = 1_048_576
_LONGEST: Final = 500
# Two of them have to fit into an entry of an index, which has 2,704 bytes for them; a letter can have four.
_MOST_BYTES_OF_A_NAME: Final = 1_200
_SEQUENCE: Final = re.compile(r"\d{1,18}")

# PostgreSQL's text cannot hold U+0000.
_Name = Annotated[str, Meta(min_length=1, max_length=_LONGEST, pattern="^[^\0]+$")]


class Unreadable(ValueError):
    """The message is no event that could ever be handled; says why."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event as its handler gets it. `data` is what the JSON says, None when the event has none.

    Without a `sequence` nobody knows whether it is the newest. `trace` is the sender's `traceparent`.
    """

    id: str
    source: str
    type: str
    subject: str = ""
    sequence: int | None = None
    time: datetime | None = None
    trace: str = ""
    data: Any = None


class _Envelope(Struct):
    specversion: str
    id: _Name
    source: _Name
    type: _Name
    subject: Annotated[str, Meta(max_length=_LONGEST, pattern="^[^\0]*$")] | None = None
    sequence: str | int | None = None
    time: Annotated[datetime, Meta(tz=True)] | None = None
    traceparent: str | None = None
    data: Any = None


def read(body: bytes) -> Incoming:
    """Raises Unreadable. Attributes that nobody here asks for are left alone."""
    if len(body) > MOST_BYTES:
        raise Unreadable(f"The message has {len(body):,} bytes; {MOST_BYTES:,} are taken.")
    try:
        told = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # msgspec.ValidationError as well
        raise Unreadable(f"The message is no event in the JSON format of CloudEvents: {error}.") from None
    if not told.specversion.startswith("1."):
        raise Unreadable(f"The event is of CloudEvents {told.specversion[:20]!r}; expected 1.0.")
    for name in ("id", "source", "subject"):
        if len((getattr(told, name) or "").encode()) > _MOST_BYTES_OF_A_NAME:
            raise Unreadable(f"The event's {name} has more than {_MOST_BYTES_OF_A_NAME:,} bytes.")
    return Incoming(
        id=told.id,
        source=told.source,
        type=told.type,
        subject=told.subject or "",
        sequence=_number(told.sequence),
        time=told.time,
        trace=told.traceparent or "",
        data=told.data,
    )


def _number(sequence: str | int | None) -> int | None:
    """As a number, however many zeros stand before it."""
    if sequence is None:
        return None
    if not _SEQUENCE.fullmatch(str(sequence)):
        raise Unreadable(f"The event's sequence is {str(sequence)[:40]!r}; expected a whole number, 0 or more.")
    return int(sequence)
