"""Identifiers made here: time-ordered ids, readable order numbers, reservation ids."""

import hashlib
import re
import secrets
from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from orders.rules import clock

__all__ = [
    "NUMBER",
    "new_id",
    "new_id_at",
    "new_number",
    "new_timed_id",
    "reservation_id_for",
    "time_ceiling",
    "time_floor",
    "time_of",
]

# No I, L, O, U, 0 or 1: nothing that is misread on the phone, and no words.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_NUMBER_LENGTH = 10  # eight collided within 200,000 orders of a storefront
# As they stand in a text.
NUMBER = re.compile(rf"\b[A-Z0-9]{{1,8}}-[{_ALPHABET}]{{{_NUMBER_LENGTH}}}\b")

new_id = uuid7


def new_timed_id() -> UUID:
    """A UUIDv7 whose time is read: orders are listed by it, and how late an event is told."""
    return uuid7() if clock.host_is_right() else new_id_at(clock.now())


def new_id_at(moment: datetime) -> UUID:
    """A UUIDv7 (RFC 9562 §5.7) of a given moment: ids of imported orders sort by when they were placed."""
    milliseconds = int(moment.timestamp() * 1000)
    random = secrets.randbits(74)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & ((1 << 62) - 1))


def time_of(identifier: UUID) -> datetime:
    """The moment in a UUIDv7, to the millisecond."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)


def time_floor(moment: datetime) -> UUID:
    """The smallest UUIDv7 of a moment's millisecond: `id >= time_floor(t)` is `placed_at >= t`.

    UUIDv7 begins in 1970, so an earlier moment is taken for that.
    """
    return _smallest_of(int(moment.timestamp() * 1000))


def time_ceiling(moment: datetime) -> UUID:
    """Above every UUIDv7 of a moment's millisecond."""
    return _smallest_of(int(moment.timestamp() * 1000) + 1)


def _smallest_of(milliseconds: int) -> UUID:
    return UUID(int=max(0, milliseconds) << 80 | 0x7 << 76 | 0b10 << 62)


def new_number(prefix: str) -> str:
    """A readable order number, `AU-7K3M9QXD4F`: random, so no counter row makes placements wait."""
    random = secrets.randbelow(len(_ALPHABET) ** _NUMBER_LENGTH)
    letters = []
    for _ in range(_NUMBER_LENGTH):
        random, letter = divmod(random, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return f"{prefix}-{''.join(letters)}"


def reservation_id_for(storefront_id: int, idempotency_key: str, position: int, attempt: int) -> UUID:
    """The reservation a repeat of the same request will name again, whichever process handles it.

    `position` tells the orders of a batch apart. `attempt` counts on after a reservation has been
    released (by the sweeper, say), because an id that was released can never hold again.
    """
    text = f"{storefront_id}\0{idempotency_key}\0{position}\0{attempt}"
    digest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16])
    # A UUIDv8 (RFC 9562 §5.8): the version for ids of one's own making.
    return UUID(int=digest & ~(0xF << 76) & ~(0b11 << 62) | 0x8 << 76 | 0b10 << 62)
