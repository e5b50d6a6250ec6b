"""Does each row of the queue stand where its event says?

The relay relies on it: it claims an order's events by their bucket and sends them in the order of their rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db import connection

from events.lag import queued_sinks
from events.models import BUCKETS, Event, OutboxEntry, bucket_of
from orders.doctor.extent import Extent
from orders.doctor.findings import Finding
from orders.reading.windows import Window, windows

_ROWS_AT_ONCE: Final = 5000
_BUCKETS_AT_ONCE: Final = 8
# Within an order the rows' ids grow with the events' sequence.
_OUT_OF_ORDER: Final = """
select id, stream_id, sequence, before
  from (select id, stream_id, sequence, lag(sequence) over (partition by stream_id order by id) as before
          from events_outbox
         where sink = %(sink)s and bucket = any (%(buckets)s) and not replay
           and (%(storefront_id)s::bigint is null or storefront_id = %(storefront_id)s::bigint)) as queued
 where sequence <= before order by id
"""


def misqueued(extent: Extent) -> Iterator[Finding]:
    """Queue rows of no event, told otherwise than their event, standing twice or out of order."""
    for window in windows(OutboxEntry, rows=_ROWS_AT_ONCE):
        yield from _not_as_event(window, extent)
    for sink in queued_sinks():
        for first in range(0, BUCKETS, _BUCKETS_AT_ONCE):
            yield from _out_of_order(sink, range(first, first + _BUCKETS_AT_ONCE), extent)


def _not_as_event(window: Window, extent: Extent) -> Iterator[Finding]:
    entries = list(extent.of(OutboxEntry.objects.filter(**window.of("pk"))).order_by("pk"))
    events = Event.objects.only("id", "storefront_id", "stream_id", "sequence").in_bulk(
        {entry.event_id for entry in entries}
    )
    for entry in entries:
        where = f"entry {entry.pk} of events_outbox, event {entry.event_id}"
        event = events.get(entry.event_id)
        if event is None:
            yield Finding("queued_without_event", where, entry.stream_id)
            continue
        expected = {
            "storefront_id": event.storefront_id,
            "stream_id": event.stream_id,
            "sequence": event.sequence,
            "bucket": bucket_of(event.stream_id),
        }
        if wrong := [
            f"{name} is {getattr(entry, name)}, expected {value}"
            for name, value in expected.items()
            if getattr(entry, name) != value
        ]:
            yield Finding("queued_not_as_event", f"{where}: {', '.join(wrong)}", event.stream_id)


def _out_of_order(sink: str, buckets: range, extent: Extent) -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(_OUT_OF_ORDER, {"sink": sink, "buckets": list(buckets), "storefront_id": extent.storefront_id})
        rows = cursor.fetchall()
    for entry_id, stream_id, sequence, before in rows:
        detail = f"entry {entry_id} of events_outbox for {sink}: event {sequence} stands behind {before}"
        yield Finding("queued_out_of_order", detail, stream_id)
