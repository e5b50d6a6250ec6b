"""Reading the feed: a page of what stands behind a position."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection

# So many positions are looked at for one page, however few of them are of the types that are wanted.
MOST_LOOKED_AT: Final = 1000

_PAGE: Final = """
with extent as (
    select coalesce((select position from events_feed_head where storefront_id = %(storefront_id)s), 0) as head
), slice as (
    select position, event_id from events_feed
    where storefront_id = %(storefront_id)s and position > %(after)s order by position limit %(looked_at)s
), found as (
    select slice.position, e.id, e.storefront_id, e.source, e.stream_id, e.sequence, e.type, e.occurred_at, e.actor,
           told.reason, e.request_id, e.trace, told.data::text as data
    from slice join events_event e on e.id = slice.event_id
    cross join lateral events_told(e, %(personal)s) as told
    where %(types)s::text[] is null or e.type = any(%(types)s::text[])
    order by slice.position limit %(limit)s + 1
), counted as (
    select *, row_number() over so_far as place, sum(octet_length(data)) over so_far as bytes
    from found window so_far as (order by position rows unbounded preceding)
)
select extent.head, (select max(position) from slice), (select max(position) from found),
       counted.position, counted.id, counted.storefront_id, counted.source, counted.stream_id, counted.sequence,
       counted.type, counted.occurred_at, counted.actor, counted.reason, counted.request_id, counted.trace, counted.data
from extent
left join counted on place = 1 or (place <= %(limit)s and bytes <= %(most_bytes)s)
order by counted.position
"""


class FeedEvent(NamedTuple):
    """A row of the log at its position; `data` is JSON text."""

    position: int
    id: UUID
    storefront_id: int
    source: str
    stream_id: UUID
    sequence: int
    type: str
    occurred_at: datetime
    actor: str
    reason: str
    request_id: str
    trace: str
    data: str


class FeedPage(NamedTuple):
    """`position` is where to go on; `head` the last one there was. With `has_more` there is more behind it already."""

    events: list[FeedEvent]
    position: int
    head: int

    @property
    def has_more(self) -> bool:
        return self.position < self.head


def read_page(
    storefront_id: int,
    *,
    after: int,
    types: Collection[str] = (),
    limit: int,
    most_bytes: int,
    personal: bool = False,
    looked_at: int = MOST_LOOKED_AT,
) -> FeedPage:
    """What follows the position `after`, by one query: of these types, or of all; what tells of people if `personal`.

    It ends early where its events would be more than `most_bytes`, or so many positions were looked at: it may
    be empty, and have more behind it.
    """
    values = {
        "storefront_id": storefront_id,
        "after": after,
        "types": list(types) or None,
        "limit": limit,
        "most_bytes": most_bytes,
        "personal": personal,
        "looked_at": looked_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, values)
        rows = cursor.fetchall()
    head, last_looked_at, last_found = rows[0][:3]
    events = [FeedEvent(*row[3:]) for row in rows if row[3] is not None]
    if last_found is not None and events[-1].position < last_found:
        return FeedPage(events, events[-1].position, head)
    return FeedPage(events, after if last_looked_at is None else last_looked_at, head)
