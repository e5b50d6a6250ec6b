"""Pages of orders: newest first, by keyset, so that the last page costs what the first does. No counts."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import orjson
from django.db import connection
from django_filters import rest_framework as filters
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from orders.errors import FieldError, InvalidRequest
from orders.models import Order
from orders.order_documents import SELECT_DOCUMENT
from orders.statuses import OrderStatus

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
_NEWEST_FIRST: Final = " order by orders_order.placed_at desc, orders_order.id desc limit %s"
_OLDEST_FIRST: Final = " order by orders_order.placed_at, orders_order.id limit %s"


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
    conditions: dict[str, Any] = _filters_in(parameters) if set(parameters) - _PAGING else {}
    page, has_next, has_previous = _page(storefront_id, conditions, cursor, limit, oldest_first)
    here = request._request.build_absolute_uri()
    following = _cursor_at(page[-1], backwards=False) if page and has_next else None
    preceding = _cursor_at(page[0], backwards=True) if page and has_previous else None
    return b'{"next":%s,"previous":%s,"results":[%s]}' % (
        orjson.dumps(following and replace_query_param(here, "cursor", str(following))),
        orjson.dumps(preceding and replace_query_param(here, "cursor", str(preceding))),
        ",".join(page).encode(),
    )


def _page(
    storefront_id: int, conditions: dict[str, Any], cursor: Cursor | None, limit: int, oldest_first: bool
) -> tuple[list[str], bool, bool]:
    """The page's documents, and whether there are more after and before it. One too many is read to know."""
    backwards = cursor is not None and cursor.backwards
    ascending = oldest_first != backwards
    where = ["orders_order.storefront_id = %s", "orders_order.deleted_at is null"]
    where += [_CONDITIONS[name] for name in conditions]
    values = [storefront_id, *conditions.values()]
    if cursor is not None:
        where.append(_YOUNGER if ascending else _OLDER)
        values += [cursor.placed_at, cursor.placed_at, cursor.order_id]
    statement = f"{SELECT_DOCUMENT} where {' and '.join(where)}{_OLDEST_FIRST if ascending else _NEWEST_FIRST}"
    with connection.cursor() as database:
        database.execute(statement, [*values, limit + 1])
        documents = [document for (document,) in database.fetchall()]
    more = len(documents) > limit
    documents = documents[:limit]
    if backwards:
        documents.reverse()
        return documents, True, more
    return documents, more, cursor is not None


class _Place(msgspec.Struct):
    """Where an order stands in the list, read from its document."""

    id: UUID
    placed_at: datetime


def _cursor_at(document: str, *, backwards: bool) -> Cursor:
    place = msgspec.json.decode(document, type=_Place)
    return Cursor(place.placed_at, place.id, backwards)


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
        raise InvalidRequest([FieldError("limit", "out_of_range", f"The limit is a number from 1 to {_LARGEST_LIMIT}")])
    return int(text)


def _oldest_first_in(text: str | None) -> bool:
    if text not in (None, "-placed_at", "placed_at"):
        raise InvalidRequest(
            [FieldError("ordering", "not_a_choice", "Orders are listed by -placed_at (newest first) or placed_at")]
        )
    return text == "placed_at"
