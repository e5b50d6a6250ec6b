"""Pages of orders: newest first, by keyset, so that the last page costs what the first does. No counts."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from django_filters import rest_framework as filters
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from orders.errors import FieldError, InvalidRequest
from orders.models import Order
from orders.order_documents import documents_of
from orders.querysets import OrderQuerySet
from orders.statuses import OrderStatus

_DEFAULT_LIMIT: Final = 50
_LARGEST_LIMIT: Final = 200
# Direction, microseconds since 1970, id.
_CURSOR: Final = struct.Struct("!?q16s")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PAGING: Final = {"cursor", "limit", "ordering"}


class OrderFilter(filters.FilterSet):
    """Each of these is answered from an index."""

    status = filters.ChoiceFilter(choices=OrderStatus.choices)
    customer_id = filters.CharFilter()
    external_reference = filters.CharFilter()
    number = filters.CharFilter()
    placed_after = filters.IsoDateTimeFilter(method="filter_placed_after")
    placed_before = filters.IsoDateTimeFilter(method="filter_placed_before")

    class Meta:
        model = Order
        fields: list[str] = []

    def filter_placed_after(self, queryset: OrderQuerySet, name: str, value: Any) -> OrderQuerySet:
        return queryset.placed_since(value)

    def filter_placed_before(self, queryset: OrderQuerySet, name: str, value: Any) -> OrderQuerySet:
        return queryset.placed_before(value)


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
            raise InvalidRequest(
                [
                    FieldError(
                        "cursor",
                        "invalid_cursor",
                        "This cursor is not one of ours: take it from next or previous, or leave it out",
                    )
                ]
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
    orders = Order.objects.of_storefront(storefront_id)
    if set(parameters) - _PAGING:
        orders = _filtered(orders, parameters)
    rows, has_next, has_previous = _page(orders, cursor, limit, oldest_first)
    here = request._request.build_absolute_uri()
    following = _cursor_at(rows[-1], backwards=False) if rows and has_next else None
    preceding = _cursor_at(rows[0], backwards=True) if rows and has_previous else None
    return b'{"next":%s,"previous":%s,"results":[%s]}' % (
        orjson.dumps(following and replace_query_param(here, "cursor", str(following))),
        orjson.dumps(preceding and replace_query_param(here, "cursor", str(preceding))),
        b",".join(document.encode() for *_, document in rows),
    )


def _page(
    orders: OrderQuerySet, cursor: Cursor | None, limit: int, oldest_first: bool
) -> tuple[list[tuple[UUID, datetime, str]], bool, bool]:
    """The page's rows, and whether there are more after and before it. One row too many is read to know."""
    backwards = cursor is not None and cursor.backwards
    ascending = oldest_first != backwards
    if cursor is not None and ascending:
        orders = orders.younger_than(cursor.placed_at, cursor.order_id)
    elif cursor is not None:
        orders = orders.older_than(cursor.placed_at, cursor.order_id)
    rows = list(documents_of(orders.oldest_first() if ascending else orders.newest_first())[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    if backwards:
        rows.reverse()
        return rows, True, more
    return rows, more, cursor is not None


def _cursor_at(row: tuple[UUID, datetime, str], *, backwards: bool) -> Cursor:
    order_id, placed_at, _ = row
    return Cursor(placed_at, order_id, backwards)


def _filtered(orders: OrderQuerySet, parameters: Any) -> OrderQuerySet:
    filterset = OrderFilter(parameters, queryset=orders)
    if not filterset.is_valid():
        raise InvalidRequest(
            [
                FieldError(name, "invalid_filter", str(message))
                for name, messages in filterset.errors.items()
                for message in messages
            ]
        )
    filtered: OrderQuerySet = filterset.qs
    return filtered


def _limit_in(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= _LARGEST_LIMIT:
        raise InvalidRequest([FieldError("limit", "out_of_range", f"The limit is a number from 1 to {_LARGEST_LIMIT}")])
    return int(text)


def _oldest_first_in(text: str | None) -> bool:
    if text not in (None, "-placed_at", "placed_at"):
        raise InvalidRequest(
            [FieldError("ordering", "not_a_choice", "Orders are listed by -placed_at (newest first) or placed_at")]
        )
    return text == "placed_at"
