"""What has happened to an order, as its events tell it. Personal data is beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import F, Func, IntegerField, Q, Sum, TextField, Window
from django.db.models.functions import Cast, RowNumber

from events.models import Event, PersonalData
from orders.announcing.payloads import ORDER_CREATED
from orders.reading.documents import instant
from orders.rules.limits import MAX_PAGE_BYTES
from orders.rules.statuses import OrderStatus

Changes = dict[str, list[Any]]

_ORDER_BEFORE: Final = """
select (data -> 'order')::text from events_event
 where stream_id = %s and storefront_id = %s and sequence = (
    select max(sequence) - 1 from events_event
     where stream_id = %s and storefront_id = %s and data #> '{changes,status,1}' = %s::jsonb)
"""
_NEWEST_FIRST: Final = F("sequence").desc()
_PLACE: Final = Window(RowNumber(), order_by=_NEWEST_FIRST)
_BYTES: Final = Func(Cast("data", TextField()), function="octet_length", output_field=IntegerField())
_BYTES_SO_FAR: Final = Window(Sum(_BYTES), order_by=_NEWEST_FIRST)


def timeline_page(order_id: UUID, *, storefront_id: int, before: int | None, limit: int) -> dict[str, Any]:
    """Who did what, when, why and from which request: newest first, below version `before`.

    It ends early where its events would be more than MAX_PAGE_BYTES. `next_before` is where to go on, None at
    the beginning of the order's life.
    """
    events = Event.objects.filter(stream_id=order_id, storefront_id=storefront_id)
    if before is not None:
        events = events.filter(sequence__lt=before)
    newest = events.order_by("-sequence").values("pk")[:limit]
    counted = Event.objects.filter(pk__in=newest).with_reasons().annotate(place=_PLACE, bytes_so_far=_BYTES_SO_FAR)
    page = list(counted.filter(Q(place=1) | Q(bytes_so_far__lte=MAX_PAGE_BYTES)).order_by("-sequence"))
    changes = changes_told(page)
    return {
        "results": [_entry(event, changes[event.sequence]) for event in page],
        "next_before": page[-1].sequence if page and page[-1].sequence > 1 else None,
    }


def changes_told(events: Sequence[Event]) -> dict[int, Changes]:
    """By sequence: each changed field before and after, of events of one order.

    Metadata is told too, though it stands beside the log: whoever reads orders sees it. Once erased it is empty.
    """
    told: dict[int, Changes] = {event.sequence: dict(event.data.get("changes") or {}) for event in events}
    beside = {sequence for sequence, changes in told.items() if changes.get("metadata") == [None, None]}
    if beside:
        of_order = PersonalData.objects.filter(stream_id=events[0].stream_id, fields__has_key="metadata")
        value: dict[str, Any] = {}
        set_at = dict(of_order.filter(sequence__lte=max(beside)).values_list("sequence", "fields__metadata"))
        for sequence in sorted(set_at.keys() | beside):
            before, value = value, set_at.get(sequence, {})
            if sequence in beside:
                told[sequence]["metadata"] = [before, value]
    return told


def order_at(order_id: UUID, version: int, *, storefront_id: int) -> dict[str, Any] | None:
    """The order as it was at that version; what tells of a person is left out: contact, addresses, note, metadata."""
    data = (
        Event.objects.filter(stream_id=order_id, storefront_id=storefront_id, sequence=version)
        .values_list("data", flat=True)
        .first()
    )
    order: dict[str, Any] | None = data and data["order"]
    return order


def change_to(status: OrderStatus, order_id: UUID, *, storefront_id: int) -> Event | None:
    """The latest event by which it came to have that status; None of what came with it, by an import."""
    events = Event.objects.filter(stream_id=order_id, storefront_id=storefront_id, data__changes__status__1=status)
    return events.order_by("-sequence").first()


def order_before(status: OrderStatus, order_id: UUID, *, storefront_id: int) -> dict[str, Any] | None:
    """The order as it was before it came to have that status, the last time, as `order_at` tells it; None if it has
    not, or came with it, by an import.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ORDER_BEFORE, [order_id, storefront_id, order_id, storefront_id, orjson.dumps(status).decode()])
        row = cursor.fetchone()
    order: dict[str, Any] | None = row and orjson.loads(row[0])
    return order


def changes_of(part: str, order_id: UUID, *, storefront_id: int) -> Iterator[Event]:
    """The events that tell other `refunds`, `shipments` … than before, newest first; whole orders stand in them, so
    few are read at once.
    """
    events = Event.objects.filter(stream_id=order_id, storefront_id=storefront_id, data__changes__has_key=part)
    return events.order_by("-sequence").iterator(chunk_size=20)


def operation_of(event: Event) -> str:
    """What was done: events of earlier releases tell it by their type alone."""
    told: str | None = event.data.get("operation")
    return told or ("place" if event.type == ORDER_CREATED else event.type.removeprefix("order."))


def _entry(event: Event, changes: Changes) -> dict[str, Any]:
    return {
        "event_id": str(event.pk),
        "version": event.sequence,
        "type": event.type,
        "operation": operation_of(event),
        "occurred_at": instant(event.occurred_at),
        "actor": event.actor,
        "reason": event.told_reason,
        "cause": event.data.get("cause"),
        "request_id": event.request_id,
        "changes": {name: {"before": before, "after": after} for name, (before, after) in changes.items()},
        "instructions": event.data.get("instructions", []),
    }
