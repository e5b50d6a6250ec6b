"""A customer as a whole: `POST /api/v1/customers/export` and `…/erase`. In the body, because addresses are logged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import orjson
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from orders.api import docs
from orders.api.calls import call_of, json_body, principal_of, refuse_unknown
from orders.api.errors import order_problem
from orders.api.json_format import json_response
from orders.models import Order
from orders.operations.erasing import erase_customer
from orders.reading.customers import exported, letters_about, orders_of_customer, requests_about
from orders.requests.customers import EraseCustomer, ExportCustomer
from orders.requests.parsing import parse
from orders.rules.callers import Caller
from orders.rules.limits import MAX_PAGE_BYTES, MAX_PAGE_ORDERS
from orders.rules.scopes import Scope

_SCOPES: Final = {"POST": Scope.CUSTOMERS_ERASE}


class ExportView(APIView):
    """All there is about a customer, order by order, as long as it fits into one answer."""

    scopes = _SCOPES

    @extend_schema(**docs.CUSTOMER_EXPORT)
    def post(self, request: Request) -> HttpResponse:
        refuse_unknown(request.query_params, [])
        asked = parse(json_body(request), ExportCustomer)
        storefront = principal_of(request).storefront
        orders = orders_of_customer(storefront, asked.customer_id)
        letters: list[dict[str, Any]] = []
        requests: list[dict[str, Any]] = []
        if asked.after is not None:
            orders = orders.filter(pk__gt=asked.after)
        else:
            letters = list(letters_about(asked.customer_id, storefront))
            requests = list(requests_about(asked.customer_id, storefront))
        told: list[orjson.Fragment] = []
        size, following = 0, None
        for order in orders[: MAX_PAGE_ORDERS + 1]:
            text = orjson.dumps(exported(order))
            size += len(text)
            if told and (size > MAX_PAGE_BYTES or len(told) == MAX_PAGE_ORDERS):
                break
            told.append(orjson.Fragment(text))
            following = str(order.pk)
        else:
            following = None
        page = {
            "customer_id": asked.customer_id,
            "orders": told,
            "next": following,
            "requested_orders": requests,
            "incoming_events": letters,
        }
        return json_response(orjson.dumps(page))


class EraseView(APIView):
    """Remove what tells of a customer; each order is erased or refused on its own."""

    scopes = _SCOPES

    @extend_schema(**docs.CUSTOMER_ERASE)
    def post(self, request: Request) -> HttpResponse:
        refuse_unknown(request.query_params, ["reason"])
        asked = parse(json_body(request), EraseCustomer)
        principal = principal_of(request)
        call = call_of(request, reason=asked.reason)
        # The scope is what the key needs; no operation on a single order knows it.
        caller = Caller(principal.caller.actor, principal.caller.storefronts, made_by=principal.caller.made_by)
        erasure = erase_customer(principal.storefront, asked.customer_id, call=replace(call, caller=caller))
        answer = {
            "customer_id": asked.customer_id,
            "erased": [_named(order) for order in erasure.erased],
            "refused": [
                {**_named(order), "error": order_problem(refusal, request=request._request)}
                for order, refusal in erasure.refused
            ],
            "refused_count": erasure.refused_count,
            "has_more": erasure.remaining,
            "requests": erasure.requests,
        }
        headers = {} if call.rehearsal is None else {"Preference-Applied": "dry-run"}
        return json_response(orjson.dumps(answer), headers=headers)


def _named(order: Order) -> dict[str, Any]:
    return {"id": str(order.pk), "number": order.number}
