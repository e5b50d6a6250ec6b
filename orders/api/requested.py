"""Orders that wait to be placed, and those that were rejected: `/api/v1/orders/requested`."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from orders.api import docs
from orders.api.calls import principal_of, refuse_doubled, refuse_unknown, whole_number
from orders.api.errors import kept_problem
from orders.api.json_format import json_response
from orders.models import RequestedOrder
from orders.models.requested import RequestState
from orders.reading.documents import instant
from orders.reading.requested import page_of_requests
from orders.rules.errors import InvalidRequest
from orders.rules.limits import MAX_PAGE_ENTRIES
from orders.rules.scopes import Scope

_FILTERS: Final = ("customer_id", "external_reference", "status")


def request_as_told(requested: RequestedOrder, request: HttpRequest) -> dict[str, Any]:
    """What stands in the place of an order that is not there yet, or never will be: without `number` and `version`."""
    rejection = requested.rejection
    return {
        "id": str(requested.pk),
        "storefront": requested.storefront.code,
        "status": requested.state,
        "customer_id": requested.customer_id or None,
        "external_reference": requested.external_reference,
        "requested_at": instant(requested.requested_at),
        "rejected_at": instant(requested.rejected_at),
        "problem": None if rejection is None else kept_problem(rejection, request=request),
        "status_url": f"/api/v1/orders/{requested.pk}",
    }


class RequestedView(APIView):
    """Newest first, a page at a time."""

    scopes = {"GET": Scope.ORDERS_READ, "HEAD": Scope.ORDERS_READ}

    @extend_schema(**docs.REQUESTED)
    def get(self, request: Request) -> HttpResponse:
        refuse_unknown(request.query_params, [*_FILTERS, "before", "limit"])
        refuse_doubled(request.query_params, [*_FILTERS, "before"])
        page = page_of_requests(
            principal_of(request).storefront.pk,
            _conditions(request),
            before=_before(request),
            limit=whole_number(request, "limit", least=1, most=MAX_PAGE_ENTRIES) or MAX_PAGE_ENTRIES,
        )
        results = [request_as_told(requested, request._request) for requested in page.requests]
        following = None if page.next_before is None else str(page.next_before)
        return json_response(orjson.dumps({"results": results, "next_before": following}))


def _conditions(request: Request) -> dict[str, str]:
    wanted = {name: request.query_params[name] for name in _FILTERS if name in request.query_params}
    for name, value in wanted.items():
        if not value or "\0" in value:
            raise InvalidRequest.at(name, "invalid_value", f"{name} is a text of at least one character, not U+0000")
    if (state := wanted.pop("status", None)) is not None:
        if state not in RequestState.values:
            raise InvalidRequest.at("status", "not_a_choice", f"status is one of: {', '.join(RequestState.values)}")
        wanted["state"] = state
    return wanted


def _before(request: Request) -> UUID | None:
    text = request.query_params.get("before")
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidRequest.at("before", "invalid_value", "before is the next_before of another page") from None
