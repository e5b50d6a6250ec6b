"""Removing what was settled long ago, so that the inbox does not grow for ever."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from events.slices import remove_in_slices

_AT_ONCE: Final = 5000
_MOST_SLICES: Final = 200
_FIRST_OF_ALL: Final = datetime(1, 1, 1, tzinfo=UTC)
# Skipping what others hold: two sweepers do not wait for each other.
_EVENTS: Final = """
with due as materialized (
    select ctid, settled_at from events_inbox where settled_at >= %(after)s and settled_at < %(before)s
     order by settled_at limit %(limit)s for update skip locked
), forgotten as (
    delete from events_inbox where ctid = any (array(select ctid from due))
)
select count(*), max(settled_at) from due
"""
_STREAMS: Final = """
with due as materialized (
    select ctid, moved_at from events_inbox_stream where moved_at >= %(after)s and moved_at < %(before)s
     order by moved_at limit %(limit)s for update skip locked
), forgotten as (
    delete from events_inbox_stream where ctid = any (array(select ctid from due))
)
select count(*), max(moved_at) from due
"""


def forget_settled(*, before: datetime) -> int:
    """Forget events settled before then, and how far their streams had come; return how many events.

    Dead letters stay, whatever their age: they wait for a person. What is more than fits into one pass is for the next.
    """
    events, _ = (_forget(statement, before) for statement in (_EVENTS, _STREAMS))
    return events


def _forget(statement: str, before: datetime) -> int:
    return remove_in_slices(
        statement, {"before": before}, after=_FIRST_OF_ALL, limit=_AT_ONCE, most_slices=_MOST_SLICES
    )
