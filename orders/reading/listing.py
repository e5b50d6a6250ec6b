"""Pages of orders: newest first, by keyset, so that the last page costs what the first does. No counts."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from django.db import connection
from django_filters import rest_framework as filters
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from orders.models import Order
from orders.reading.documents import DOCUMENT_SQL
from orders.rules.errors import FieldError, InvalidRequest
from orders.rules.statuses import OrderStatus

_DEFAULT_LIMIT: Final = 50
_LARGEST_LIMIT: Final = 200
# Direction, microseconds since 1970, id.
_CURSOR: Final = struct.Struct("!?q16s")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PAGING: Final = {"cursor", "limit", "ordering"}


class OrderFilter(filters.FilterSet):
    """What a list can be narrowed by, and how each is read."""

    status = filters.ChoiceFilter(choices=OrderStatus.choices)
    customer_id = filters.CharFilter()
    external_reference = filters.CharFilter()
    number = filters.CharFilter()
    placed_after = filters.IsoDateTimeFilter()
    placed_before = filters.IsoDateTimeFilter()


# Each of these is answered from an index of the storefront's orders.
_CONDITIONS: Final = {
    "status": "orders_order.status = %s",
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
# The whole page is one value: what comes in one piece is received in one piece. `place` counts from the cursor. The
# limit stands in the statement itself: with an unknown one the planner thinks anew each time.
_PAGE: Final = """
select string_agg(document, ',' order by place {direction}) filter (where place <= {limit}),
       max(place),
       max(placed_at) filter (where place = 1), max(id::text) filter (where place = 1),
       max(placed_at) filter (where place = {limit}), max(id::text) filter (where place = {limit})
  from (
    select row_number() over () as place, found.* from (
        select orders_order.placed_at, orders_order.id, {document}::text as document from orders_order
         where {where} order by {order} limit {limit} + 1
    ) found
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


def page_of(request: Request, *, storefront_id: int) -> bytes:
    """One page as JSON: `{"next", "previous", "results"}`, by one query. Raises InvalidRequest."""
    parameters = request.query_params
    unknown = sorted(set(parameters) - _PAGING - set(OrderFilter.base_filters))
    if unknown:
        known = ", ".join(sorted(_PAGING | set(OrderFilter.base_filters)))
        raise InvalidRequest(
            [FieldError(name, "unknown_parameter", f"There is no such parameter; known: {known}") for name in unknown]
        )
    empty = sorted(name for name in set(parameters) - _PAGING if not parameters[name])
    if empty:
        raise InvalidRequest(
            [
                FieldError(
                    name, "empty_parameter", "An empty filter would list everything: give a value, or leave it out"
                )
                for name in empty
            ]
        )
    limit = _limit_in(parameters.get("limit"))
    oldest_first = _oldest_first_in(parameters.get("ordering"))
    cursor = Cursor.read(parameters["cursor"]) if "cursor" in parameters else None
    conditions: dict[str, Any] = _filters_in(parameters) if set(parameters) - _PAGING else {}
    page = _page(storefront_id, conditions, cursor, limit, oldest_first)
    here = request._request.build_absolute_uri()
    return b'{"next":%s,"previous":%s,"results":[%s]}' % (
        orjson.dumps(page.next and replace_query_param(here, "cursor", str(page.next))),
        orjson.dumps(page.previous and replace_query_param(here, "cursor", str(page.previous))),
        page.documents.encode(),
    )


class _Page(NamedTuple):
    """The documents of a page, joined by commas, and where the pages after and before it begin."""

    documents: str
    next: Cursor | None
    previous: Cursor | None


def _page(
    storefront_id: int, conditions: dict[str, Any], cursor: Cursor | None, limit: int, oldest_first: bool
) -> _Page:
    """Read away from the cursor, one order too many to know whether there are more; that one is left out."""
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
    )
    with connection.cursor() as database:
        database.execute(statement, values)
        documents, found, near_at, near_id, far_at, far_id = database.fetchone()
    if not found:
        return _Page("", next=None, previous=None)
    near = Cursor(near_at, UUID(near_id), not backwards)
    far = Cursor(far_at, UUID(far_id), backwards) if found > limit else None
    if backwards:
        return _Page(documents, next=near, previous=far)
    return _Page(documents, next=far, previous=near if cursor is not None else None)


def _filters_in(parameters: Any) -> dict[str, Any]:
    """The filters that are given, as values. Raises InvalidRequest."""
    form = OrderFilter(parameters, queryset=Order.objects.none()).form
    if not form.is_valid():
        raise InvalidRequest(
            [
                FieldError(name, "invalid_filter", str(message))
                for name, messages in form.errors.items()
                for message in messages
            ]
        )
    return {name: value for name, value in form.cleaned_data.items() if name in parameters}


def _limit_in(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= _LARGEST_LIMIT:
        raise InvalidRequest.at("limit", "out_of_range", f"The limit is a number from 1 to {_LARGEST_LIMIT}")
    return int(text)


def _oldest_first_in(text: str | None) -> bool:
    if text not in (None, "-placed_at", "placed_at"):
        raise InvalidRequest.at(
            "ordering", "not_a_choice", "Orders are listed by -placed_at (newest first) or placed_at"
        )
    return text == "placed_at"
