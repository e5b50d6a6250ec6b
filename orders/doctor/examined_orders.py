"""Which orders are examined: all, or those that were placed or changed since a moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef

from events.models import Event
from orders.doctor.extent import Extent
from orders.models import Order
from orders.reading.windows import windows

_ORDERS_AT_ONCE: Final = 500


def pages_of_orders(extent: Extent) -> Iterator[Sequence[Order]]:
    """The extent's orders with all that belongs to them, a bounded number at once."""
    for window in windows(Order, since=extent.oldest_id, rows=_ORDERS_AT_ONCE):
        yield _in_extent(extent, **window.of("pk"))
    for ids in older_changed_orders(extent):
        yield _in_extent(extent, pk__in=ids)


def older_changed_orders(extent: Extent) -> Iterator[list[UUID]]:
    """Ids of orders that were placed before the moment and changed since.

    Every change is an event, and the ids of events carry the time. An order comes with the last of its events, so once.
    """
    if extent.oldest_id is None:
        return
    later = Event.objects.filter(stream_id=OuterRef("stream_id"), sequence__gt=OuterRef("sequence"))
    for window in windows(Event, since=extent.oldest_id, rows=_ORDERS_AT_ONCE):
        events = extent.of(Event.objects.filter(**window.of("pk"), stream_id__lt=extent.oldest_id))
        if ids := sorted(set(events.exclude(Exists(later)).values_list("stream_id", flat=True))):
            yield ids


def _in_extent(extent: Extent, **which: object) -> Sequence[Order]:
    return list(extent.of(Order.all_objects.filter(**which).with_parts().order_by("pk")))
