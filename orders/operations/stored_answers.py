"""Which of the answers kept for repeats tell of an order, and their removal from them.

No index leads from an order to them: it would cost every placement. So they are read once for many orders, before any
of these is locked, and only those from about when one of the orders changed: an answer is stored in the transaction of
its change. An order that still has the version it had before they were read has no others, and of one that has changed
since only later answers are read again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson
from django.db import connection, transaction

from events.models import Event
from orders.models import IdempotentAnswer, Order
from orders.operations.redacting import Redaction
from orders.rules import clock
from orders.rules.ids import time_of

_ID: Final = re.compile(rb'"([0-9a-f-]{36})"')
_READ_AT_ONCE: Final = 500
# Between the time of a change and that of its answer: both are the database's, one as it is counted on by a process.
_APART: Final = timedelta(minutes=10)
_STORED_WITHIN: Final = """
select answer.key, answer.body
  from unnest(%s::timestamptz[], %s::timestamptz[]) as period (since, until)
  join orders_idempotentanswer as answer on answer.created_at between period.since and period.until
 where answer.storefront_id = %s
"""

Window = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class FoundAnswers:
    """By order: the keys of the answers that tell of it, and the version it had before they were looked for."""

    keys: Mapping[UUID, Collection[str]]
    versions: Mapping[UUID, int]
    looked_at: datetime


def find_answers(orders: Sequence[Order]) -> FoundAnswers:
    """Read the answers of their storefront, all orders being of one, once. Call it before the orders are locked.

    Answers from when none of them changed are not read.
    """
    looked_at = clock.now()
    versions = {order.pk: order.version for order in orders}
    windows = _windows_around(_changes_of(orders))
    return FoundAnswers(_keys(orders[0].storefront_id, versions, windows) if windows else {}, versions, looked_at)


def redact_answers(order: Order, redaction: Redaction, found: FoundAnswers | None) -> None:
    """Remove its customer from the answers that tell of the order, whose row is held; from what was found and what has
    been stored since. They are no documents of their orders: whoever repeats gets what is left.
    """
    if found is None or order.pk not in found.versions:
        found = find_answers([order])
    keys = set(found.keys.get(order.pk, ()))
    if order.version != found.versions[order.pk]:
        since = [(found.looked_at - _APART, datetime.max.replace(tzinfo=UTC))]
        keys |= _keys(order.storefront_id, [order.pk], since).get(order.pk, set())
    if not keys:
        return
    of_storefront = IdempotentAnswer.objects.filter(storefront_id=order.storefront_id)
    # Another order's erasure may be at the same answer of a batch.
    for key, body in of_storefront.filter(key__in=keys).select_for_update().order_by("key").values_list("key", "body"):
        left = orjson.dumps(redaction.answer(orjson.loads(bytes(body))))
        of_storefront.filter(key=key).update(body=left)


def _changes_of(orders: Sequence[Order]) -> list[datetime]:
    """When each change was made, whatever time it tells: an event's id has the time it was made."""
    events = Event.objects.filter(
        storefront_id=orders[0].storefront_id, stream_id__in=[order.pk for order in orders]
    ).values_list("pk", flat=True)
    return sorted(map(time_of, events))


def _windows_around(moments: Iterable[datetime]) -> list[Window]:
    """What lies not too far from one of the moments, which are in order; none overlaps with the next."""
    windows: list[Window] = []
    for moment in moments:
        since, until = moment - _APART, moment + _APART
        if windows and since <= windows[-1][1]:
            windows[-1] = (windows[-1][0], until)
        else:
            windows.append((since, until))
    return windows


def _keys(storefront_id: int, order_ids: Collection[UUID], windows: Sequence[Window]) -> dict[UUID, set[str]]:
    """By order id: the keys of the answers in which it stands. One after the other, however many there are."""
    wanted = {str(order_id).encode(): order_id for order_id in order_ids}
    found: dict[UUID, set[str]] = defaultdict(set)
    sinces, untils = zip(*windows, strict=True)
    # Outside of a transaction the server would first write all of them to its disk.
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(_STORED_WITHIN, [list(sinces), list(untils), storefront_id])
        while answers := cursor.fetchmany(_READ_AT_ONCE):
            for key, body in answers:
                for order_id in wanted.keys() & set(_ID.findall(bytes(body))):
                    found[wanted[order_id]].add(key)
    return found
