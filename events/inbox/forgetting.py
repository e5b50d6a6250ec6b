"""Removing what was settled long ago, so that the inbox does not grow for ever."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import connection

_AT_ONCE: Final = 5000
_MOST_SLICES: Final = 200
# Skipping what others hold: two sweepers do not wait for each other.
_FORGET: Final = (
    """
delete from events_inbox where ctid = any (array(
    select ctid from events_inbox where settled_at < %s limit %s for update skip locked
))
""",
    """
delete from events_inbox_stream where ctid = any (array(
    select ctid from events_inbox_stream where moved_at < %s limit %s for update skip locked
))
""",
)


def forget_settled(*, before: datetime) -> int:
    """Forget events settled before then, and how far their streams had come; return how many events.

    Dead letters stay, whatever their age: they wait for a person.
    """
    events, _ = (_forget(statement, before) for statement in _FORGET)
    return events


def _forget(statement: str, before: datetime) -> int:
    """In slices, each its own statement; what is more than fits into one pass is for the next."""
    forgotten = 0
    for _ in range(_MOST_SLICES):
        with connection.cursor() as cursor:
            cursor.execute(statement, [before, _AT_ONCE])
            count = int(cursor.rowcount)
        forgotten += count
        if count < _AT_ONCE:
            break
    return forgotten
