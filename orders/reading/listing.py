"""Pages of orders: newest first, by keyset, so that the last page costs what the first does. No counts."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from orders.reading.documents import DOCUMENT_SQL
from orders.rules.errors import InvalidRequest
from orders.rules.limits import MAX_PAGE_BYTES

# Direction, microseconds since 1970, id.
_CURSOR: Final = struct.Struct("!?q16s")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


# Each of these is answered from an index of the storefront's orders.
_CONDITIONS: Final = {
    "status": "orders_order.status = any(%s)",
    "customer_id": "orders_order.customer_id = %s",
    "external_reference": "orders_order.external_reference = %s",
    "number": "orders_order.number = %s",
    "placed_after": "orders_order.placed_at >= %s",
    "placed_before": "orders_order.placed_at < %s",
}
# The first half is implied by the second: it is what an index can begin at.
_OLDER: Final = "orders_order.placed_at <= %s and (orders_order.placed_at < %s or orders_order.id < %s)"
_YOUNGER: Final = "orders_order.placed_at >= %s and (orders_order.placed_at > %s or orders_order.id > %s)"
_NEWEST_FIRST: Final = "orders_order.placed_at desc, orders_order.id desc"
_OLDEST_FIRST: Final = "orders_order.placed_at, orders_order.id"
# The whole page is one value: what comes in one piece is received in one piece. `place` counts from the cursor, and
# what fits is the beginning: as many as were asked for, and as many bytes as a page may have, commas included. The
# limits stand in the statement itself: with unknown ones the planner thinks anew each time.
_PAGE: Final = """
select string_agg(document, ',' order by place {direction}) filter (where fits),
       max(place) filter (where fits), max(place),
       max(placed_at) filter (where place = 1), max(id::text) filter (where place = 1),
       (array_agg(placed_at order by place desc) filter (where fits))[1],
       (array_agg(id order by place desc) filter (where fits))[1]
  from (
    select place, placed_at, id, document, place = 1 or place <= {limit} and bytes <= {most_bytes} as fits from (
        select row_number() over found_so_far as place,
               sum(octet_length(document) + 1) over found_so_far as bytes, found.* from (
            select orders_order.placed_at, orders_order.id, {document}::text as document from orders_order
             where {where} order by {order} limit {limit} + 1
        ) found window found_so_far as (rows unbounded preceding)
    ) counted
) page
"""


class Cursor(NamedTuple):
    """Where a page begins: after (or, read backwards, before) an order."""

    placed_at: datetime
    order_id: UUID
    backwards: bool

    def __str__(self) -> str:
        raw = _CURSOR.pack(self.backwards, (self.placed_at - _EPOCH) // _MICROSECOND, self.order_id.bytes)
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Raises InvalidRequest for what this service has not given out."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            backwards, microseconds, order_id = _CURSOR.unpack(raw)
            return cls(_EPOCH + microseconds * _MICROSECOND, UUID(bytes=order_id), backwards)
        except (ValueError, OverflowError, struct.error):
            raise InvalidRequest.at(
                "cursor",
                "invalid_cursor",
                "This cursor is not one of ours: take it from next or previous, or leave it out",
            ) from None


class Page(NamedTuple):
    """The documents of a page, joined by commas, and where the pages after and before it begin."""

    documents: str
    next: Cursor | None
    previous: Cursor | None


def page_of(
    storefront_id: int, conditions: Mapping[str, Any], *, cursor: Cursor | None, limit: int, oldest_first: bool
) -> Page:
    """One page of the storefront's orders, by one query; the keys of `conditions` are those of `_CONDITIONS`.

    Read away from the cursor, one order too many to know whether there are more; that one is left out. So is
    what would make the page larger than MAX_PAGE_BYTES: it begins the next one.
    """
    backwards = cursor is not None and cursor.backwards
    ascending = oldest_first != backwards
    where = ["orders_order.storefront_id = %s", "orders_order.deleted_at is null"]
    where += [_CONDITIONS[name] for name in conditions]
    values = [storefront_id, *conditions.values()]
    if cursor is not None:
        where.append(_YOUNGER if ascending else _OLDER)
        values += [cursor.placed_at, cursor.placed_at, cursor.order_id]
    statement = _PAGE.format(
        direction="desc" if backwards else "",
        document=DOCUMENT_SQL,
        where=" and ".join(where),
        order=_OLDEST_FIRST if ascending else _NEWEST_FIRST,
        limit=limit,
        most_bytes=MAX_PAGE_BYTES,
    )
    with connection.cursor() as database:
        database.execute(statement, values)
        documents, kept, found, near_at, near_id, far_at, far_id = database.fetchone()
    if not found:
        return Page("", next=None, previous=None)
    near = Cursor(near_at, UUID(near_id), not backwards)
    far = Cursor(far_at, far_id, backwards) if found > kept else None
    if backwards:
        return Page(documents, next=near, previous=far)
    return Page(documents, next=far, previous=near if cursor is not None else None)
