"""An order's history as its events tell it: who changed what, when, why, and in which request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from events.models import Event, OutboxEntry, bucket_of
from events.sinks import enabled_sinks
from orders.event_payloads import (
    ORDER_CREATED,
    ORDER_DELETED,
    ORDER_RESTORED,
    ORDER_UPDATED,
    PERSONAL_FIELDS,
)
from orders.models import Order
from orders.statuses import OrderStatus

_MOST_EVENTS: Final = 100
_LONGEST_VALUE: Final = 200

_TITLES: Final = {
    ORDER_CREATED: ("Placed", "add_shopping_cart"),
    ORDER_UPDATED: ("Changed", "edit"),
    ORDER_DELETED: ("Deleted", "delete"),
    ORDER_RESTORED: ("Restored", "restore_from_trash"),
}
_STATUS_ICONS: Final = {
    OrderStatus.CONFIRMED: "check_circle",
    OrderStatus.SHIPPED: "local_shipping",
    OrderStatus.COMPLETED: "task_alt",
    OrderStatus.CANCELED: "cancel",
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`personal` values are not told by events; the order itself has the present one."""

    name: str
    before: str
    after: str
    personal: bool


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    event_id: UUID
    title: str
    icon: str
    version: int
    occurred_at: datetime
    actor: str
    reason: str
    request_id: str
    changes: list[FieldChange]
    waiting: list[OutboxEntry]


def timeline_of(order: Order) -> list[TimelineEntry]:
    """The latest events of the order, newest first, with the sinks that have not got them yet."""
    waiting: dict[UUID, list[OutboxEntry]] = {}
    for entry in undelivered(order.pk):
        waiting.setdefault(entry.event_id, []).append(entry)
    events = Event.objects.filter(stream_id=order.pk, storefront_id=order.storefront_id).order_by("-sequence")[
        :_MOST_EVENTS
    ]
    return [_entry(event, waiting.get(event.pk, [])) for event in events]


def undelivered(order_id: UUID) -> QuerySet[OutboxEntry]:
    """What sinks have still to get of the order. Sink and bucket are what the queue is indexed by."""
    return OutboxEntry.objects.filter(
        sink__in=enabled_sinks(), bucket=bucket_of(order_id), stream_id=order_id
    ).order_by("id")


def _entry(event: Event, waiting: list[OutboxEntry]) -> TimelineEntry:
    changes = event.data.get("changes") or {}
    title, icon = _TITLES.get(event.type, (event.type, "bolt"))
    if event.type == ORDER_UPDATED and (change := changes.get("status")):
        status = OrderStatus(change[1])
        title, icon = str(status.label), _STATUS_ICONS.get(status, icon)
    return TimelineEntry(
        event_id=event.pk,
        title=title,
        icon=icon,
        version=event.sequence,
        occurred_at=event.occurred_at,
        actor=event.actor,
        reason=event.reason,
        request_id=event.request_id,
        changes=list(_field_changes(changes)),
        waiting=waiting,
    )


def _field_changes(changes: Mapping[str, Iterable[Any]]) -> Iterator[FieldChange]:
    for name, (before, after) in sorted(changes.items()):
        yield FieldChange(name.replace("_", " "), _shown(before), _shown(after), personal=name in PERSONAL_FIELDS)


def _shown(value: Any) -> str:
    match value:
        case None | "":
            return "–"
        case bool():
            return "yes" if value else "no"
        case str() | int():
            text = str(value)
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
