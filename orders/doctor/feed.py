"""Does each event stand in the feed once, behind those before it of its order, and without a gap?

Consumers rely on it: whoever has read up to a position never looks before it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.db import connection

from events.lag import feed_lag_seconds
from events.models import Event
from orders.doctor.extent import Extent
from orders.doctor.findings import Finding
from orders.reading.windows import LARGEST_ID, Window, windows

_EVENTS_AT_ONCE: Final = 5000
_POSITIONS_AT_ONCE: Final = 20_000
_SWEEP_PATIENCE: Final = timedelta(hours=1)

# Those from before there was a feed get their positions from the sweeper, and until then nobody else's.
_NOT_AS_LOG: Final = """
select e.id, e.stream_id, feed.position, arrival.id is not null as arrives, feed.storefront_id = e.storefront_id as its,
       before.position as before
from events_event e
left join events_feed feed on feed.event_id = e.id
left join events_feed_arrival arrival on arrival.storefront_id = e.storefront_id and arrival.event_id = e.id
left join events_event earlier on earlier.stream_id = e.stream_id and earlier.storefront_id = e.storefront_id
    and earlier.sequence = e.sequence - 1
left join events_feed before on before.event_id = earlier.id
where e.id > %(after)s and e.id <= %(last)s
    and (%(storefront_id)s::integer is null or e.storefront_id = %(storefront_id)s::integer)
    and ((feed.position is null) = (arrival.id is null) and not exists (select from events_feed_history)
        or feed.storefront_id <> e.storefront_id or before.position > feed.position)
order by e.id
"""
# Of one statement, as the head grows with what stands before it.
_HEADS: Final = """
select storefront_id, position, coalesce((select max(position) from events_feed entry
                                           where entry.storefront_id = head.storefront_id), 0)
from events_feed_head head
where %(storefront_id)s::integer is null or storefront_id = %(storefront_id)s::integer order by storefront_id
"""
_GAPS: Final = """
select expected.position, entry.event_id
from generate_series(%(first)s::bigint, %(last)s::bigint) as expected (position)
left join events_feed entry on entry.storefront_id = %(storefront_id)s and entry.position = expected.position
left join events_event e on e.id = entry.event_id
where e.id is null order by expected.position
"""


def misplaced(extent: Extent) -> Iterator[Finding]:
    """Events the feed does not have or has in the wrong place; positions without an event; what waits for too long."""
    for window in windows(Event, since=extent.oldest_id, rows=_EVENTS_AT_ONCE):
        yield from _not_as_log(window, extent)
    if extent.since is None:
        yield from _gaps(extent)
    waiting = feed_lag_seconds()
    if waiting > _SWEEP_PATIENCE.total_seconds():
        yield Finding("feed_late", f"the oldest event without a position has been waiting for {waiting:,.0f} seconds")


def _not_as_log(window: Window, extent: Extent) -> Iterator[Finding]:
    last = LARGEST_ID if window.last is None else window.last
    for event_id, stream_id, position, arrives, its, before in _rows(
        _NOT_AS_LOG, after=window.after, last=last, storefront_id=extent.storefront_id
    ):
        if position is None:
            yield Finding("event_not_in_feed", f"event {event_id}", stream_id)
        elif arrives:
            yield Finding("feed_not_as_log", f"event {event_id} is at {position}, and to get another one", stream_id)
        elif not its:
            yield Finding("feed_not_as_log", f"event {event_id} stands in another storefront's feed", stream_id)
        else:
            detail = f"event {event_id} is at {position}, the one before it of its order at {before}"
            yield Finding("feed_not_as_log", detail, stream_id)


def _gaps(extent: Extent) -> Iterator[Finding]:
    for storefront_id, head, last in _rows(_HEADS, storefront_id=extent.storefront_id):
        if last > head:
            yield Finding("feed_gap", f"storefront {storefront_id}: positions go to {last}, the head is {head}")
        for first in range(1, head + 1, _POSITIONS_AT_ONCE):
            until = min(head, first + _POSITIONS_AT_ONCE - 1)
            for position, event_id in _rows(_GAPS, first=first, last=until, storefront_id=storefront_id):
                missing = "nothing" if event_id is None else f"event {event_id}, which the log does not have,"
                yield Finding("feed_gap", f"storefront {storefront_id}: {missing} stands at {position}")


def _rows(statement: str, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
