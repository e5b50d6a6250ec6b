"""What a list of orders is asked for in the query, and its page with links to those before and after."""

from __future__ import annotations

from typing import Any, Final

import orjson
from django_filters import rest_framework as filters
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from orders.api.calls import refuse_doubled, refuse_unknown, whole_number
from orders.models import Order
from orders.reading.listing import Cursor, page_of
from orders.reading.seen import page_json
from orders.rules.errors import FieldError, InvalidRequest
from orders.rules.limits import MAX_PAGE_ORDERS, PAGE_ORDERS
from orders.rules.sight import Sight
from orders.rules.statuses import OrderStatus

_PAGING: Final = {"cursor", "limit", "ordering"}
_NO_STATUS: Final = f"%(value)s is no status; there are: {', '.join(OrderStatus.values)}"
_NO_TIME: Final = "A time looks like 2026-11-30T09:00:00Z; the + of another zone is written %2B in an address"


class OrderFilter(filters.FilterSet):
    """What a list can be narrowed by, and how each is read."""

    status = filters.MultipleChoiceFilter(choices=OrderStatus.choices, error_messages={"invalid_choice": _NO_STATUS})
    customer_id = filters.CharFilter()
    external_reference = filters.CharFilter()
    number = filters.CharFilter()
    placed_after = filters.IsoDateTimeFilter(error_messages={"invalid": _NO_TIME})
    placed_before = filters.IsoDateTimeFilter(error_messages={"invalid": _NO_TIME})


def listed(request: Request, *, storefront_id: int, sight: Sight) -> bytes:
    """One page as JSON: `{"next", "previous", "results"}`. Raises InvalidRequest."""
    parameters = request.query_params
    refuse_unknown(parameters, _PAGING | set(OrderFilter.base_filters))
    refuse_doubled(parameters, set(parameters) - {"status"})
    empty = sorted(name for name in set(parameters) - _PAGING if not all(parameters.getlist(name)))
    if empty:
        raise InvalidRequest(
            [
                FieldError(
                    name, "empty_parameter", "An empty filter would list everything: give a value, or leave it out"
                )
                for name in empty
            ]
        )
    limit = whole_number(request, "limit", least=1, most=MAX_PAGE_ORDERS) or PAGE_ORDERS
    oldest_first = _oldest_first_in(parameters.get("ordering"))
    cursor = Cursor.read(parameters["cursor"]) if "cursor" in parameters else None
    conditions: dict[str, Any] = _filters_in(parameters) if set(parameters) - _PAGING else {}
    page = page_of(storefront_id, conditions, cursor=cursor, limit=limit, oldest_first=oldest_first)
    here = request._request.build_absolute_uri()
    return b'{"next":%s,"previous":%s,"results":[%s]}' % (
        orjson.dumps(page.next and replace_query_param(here, "cursor", str(page.next))),
        orjson.dumps(page.previous and replace_query_param(here, "cursor", str(page.previous))),
        page_json(page.documents, sight),
    )


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


def _oldest_first_in(text: str | None) -> bool:
    if text not in (None, "-placed_at", "placed_at"):
        raise InvalidRequest.at(
            "ordering", "not_a_choice", "Orders are listed by -placed_at (newest first) or placed_at"
        )
    return text == "placed_at"
