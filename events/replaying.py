"""Sending again what a sink has had: after it lost something, or for a new one that begins with the past."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from events.models import Event, OutboxEntry, bucket_of

logger = logging.getLogger(__name__)

_MOST_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events: those that are all of these. What is empty or None does not matter."""

    streams: Collection[UUID] = ()
    types: Collection[str] = ()
    sources: Collection[str] = ()
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_everything(self) -> bool:
        return not (self.streams or self.types or self.sources or self.since or self.until)

    def events(self) -> QuerySet[Event]:
        events = Event.objects.all()
        if self.streams:
            events = events.filter(stream_id__in=self.streams)
        if self.types:
            events = events.filter(type__in=self.types)
        if self.sources:
            events = events.filter(source__in=self.sources)
        if self.since is not None:
            events = events.filter(occurred_at__gte=self.since)
        if self.until is not None:
            events = events.filter(occurred_at__lt=self.until)
        return events


def replay(sink: str, selection: Selection, *, per_second: int, by: str, stop: threading.Event) -> Iterator[int]:
    """Queue the selected events for the sink once more, in order within each stream; yield how many, page by page.

    At most `per_second`, so that what happens now is not kept waiting behind the past. What is queued for the sink
    still is left as it is. Ends when `stop` is set.
    """
    logger.info("Events are replayed", extra={"sink": sink, "by": by})
    for page in _pages(selection.events(), size=min(per_second, _MOST_AT_ONCE)):
        queued = set(
            OutboxEntry.objects.filter(sink=sink, event_id__in=[event.pk for event in page]).values_list(
                "event_id", flat=True
            )
        )
        entries = [_entry(sink, event) for event in page if event.pk not in queued]
        OutboxEntry.objects.bulk_create(entries)
        yield len(entries)
        if stop.wait(len(entries) / per_second):
            return


def _pages(events: QuerySet[Event], *, size: int) -> Iterator[Sequence[Event]]:
    """In order of their streams, by the log's own index."""
    events = events.only("pk", "storefront_id", "stream_id", "sequence")
    events = events.order_by("stream_id", "storefront_id", "sequence")
    page = list(events[:size])
    while page:
        yield page
        last = page[-1]
        behind = Q(stream_id__gt=last.stream_id) | Q(
            stream_id=last.stream_id, storefront_id=last.storefront_id, sequence__gt=last.sequence
        )
        page = list(events.filter(behind, stream_id__gte=last.stream_id)[:size])


def _entry(sink: str, event: Event) -> OutboxEntry:
    return OutboxEntry(
        sink=sink,
        bucket=bucket_of(event.stream_id),
        event_id=event.pk,
        storefront_id=event.storefront_id,
        stream_id=event.stream_id,
        sequence=event.sequence,
        replay=True,
    )
