"""Giving the events that were committed their positions. See `events/sql/events_feed.sql` for what that guarantees."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.db import connection

# More than two of the largest pages, so that whoever reads page after page never runs into what is not numbered yet.
MOST_AT_ONCE: Final = 2000
_MOST_OF_HISTORY_AT_ONCE: Final = 5000
# Each is a transaction of its own: whoever calls can be stopped in between.
_SLICES: Final = 20
# A walk from one storefront to the next, because PostgreSQL has no skip scan before version 18.
_ARRIVED_IN: Final = """
with recursive arrived (storefront_id) as (
    (select storefront_id from events_feed_arrival order by storefront_id limit 1)
    union all
    select (select a.storefront_id from events_feed_arrival a where a.storefront_id > arrived.storefront_id
             order by a.storefront_id limit 1)
    from arrived where arrived.storefront_id is not null
)
select storefront_id from arrived where storefront_id is not null
"""


def number_arrivals(storefront_id: int) -> int:
    """Number what has arrived in the storefront, up to MOST_AT_ONCE; return how many. Waits for nobody."""
    with connection.cursor() as cursor:
        cursor.execute("select events_feed_number(%s, %s)", [storefront_id, MOST_AT_ONCE])
        (numbered,) = cursor.fetchone()
    return int(numbered)


def heads_of(storefront_ids: Collection[int]) -> dict[int, int]:
    """Number what has arrived in these storefronts, and tell the last position of each that has any."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select events_feed_number(storefront_id, %s) from unnest(%s::integer[]) as storefront_id",
            [MOST_AT_ONCE, list(storefront_ids)],
        )
        cursor.execute(
            "select storefront_id, position from events_feed_head where storefront_id = any(%s)", [list(storefront_ids)]
        )
        return dict(cursor.fetchall())


def number_what_waits() -> int:
    """Number a bounded part of all that waits: events from before there was a feed first. Return how many."""
    total = 0
    with connection.cursor() as cursor:
        for _ in range(_SLICES):
            cursor.execute("select events_feed_number_history(%s)", [_MOST_OF_HISTORY_AT_ONCE])
            (numbered,) = cursor.fetchone()
            if numbered is None:
                break
            total += numbered
    for storefront_id in arrived_in():
        for _ in range(_SLICES):
            numbered = number_arrivals(storefront_id)
            total += numbered
            if numbered < MOST_AT_ONCE:
                break
    return total


def arrived_in() -> list[int]:
    """The storefronts with events that have no position yet."""
    with connection.cursor() as cursor:
        cursor.execute(_ARRIVED_IN)
        return [storefront_id for (storefront_id,) in cursor.fetchall()]
