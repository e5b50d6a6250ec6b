"""What the event log tells of orders, against what they are now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection

from events.models import Event
from orders.announcing.payloads import without_personal_data
from orders.doctor.chain import Told, broken_links
from orders.doctor.findings import Finding
from orders.reading.documents import SELECT_DOCUMENT
from orders.rules.statuses import OrderStatus

# One statement, so one snapshot: an order and its events belong together, whatever happens meanwhile.
_TOLD: Final = f"""
select o.id, o.number, o.version, o.deleted_at is not null, told.count, told.first, told.last, latest.document,
       ({SELECT_DOCUMENT} where orders_order.id = o.id)
  from orders_order o
 cross join lateral (
    select count(*) as count, min(sequence) as first, max(sequence) as last
      from events_event event where event.stream_id = o.id
 ) as told
  left join lateral (
    select event.data ->> 'order' as document
      from events_event event where event.stream_id = o.id and event.sequence = o.version limit 1
 ) as latest on true
 where o.id = any (%s)
"""  # noqa: S608 - made of constants of this project


def told_wrongly(order_ids: list[UUID]) -> Iterator[Finding]:
    """Whose events are not numbered up to their version, or do not lead step by step to what they are."""
    with connection.cursor() as cursor:
        cursor.execute(_TOLD, [order_ids])
        rows = cursor.fetchall()
    for order_id, number, version, _, count, first, last, document, now in rows:
        if (count, first, last) != (version, 1, version):
            detail = f"version {version}, but {count} events, numbered {first} to {last}" if count else "no event"
            yield Finding("events_not_as_version", detail, order_id, number)
        if document is not None:
            fields = _differing(orjson.loads(document), orjson.loads(now))
            if fields:
                detail = f"version {version}: {', '.join(fields)}"
                yield Finding("event_not_as_order", detail, order_id, number)
    yield from broken_links({row[0]: Told(*row[1:4]) for row in rows})


def came_as_it_stood(order_id: UUID) -> bool:
    """Whether an earlier release imported the order in the middle of its life, without the facts that led there."""
    first = Event.objects.filter(stream_id=order_id, sequence=1).values_list("data__order__status", flat=True).first()
    return first not in (None, OrderStatus.PENDING)


def _differing(told: Any, now: dict[str, Any]) -> list[str]:
    """The fields of the event's document that are otherwise now.

    Documents have gained fields since early events were written; what those could not tell is no difference.
    """
    if not isinstance(told, dict):
        return ["order"]
    return [name for name, value in without_personal_data(told).items() if not _same(value, now.get(name))]


def _same(told: Any, now: Any) -> bool:
    if isinstance(told, dict) and isinstance(now, dict):
        return all(_same(value, now.get(name)) for name, value in told.items())
    if isinstance(told, list) and isinstance(now, list):
        return len(told) == len(now) and all(map(_same, told, now))
    return bool(told == now)
