"""The orders of a storefront: `/api/v1/orders`. A verb parses, calls one operation or query, renders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import orjson
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from orders.api import docs
from orders.api.calls import (
    call_of,
    json_body,
    order_id_in,
    principal_of,
    refuse_unknown,
    wants_answer_first,
    whole_number,
)
from orders.api.errors import order_problem
from orders.api.json_format import json_response
from orders.api.listing import listed
from orders.api.operations import answer_to
from orders.api.placing import place, take
from orders.api.preconditions import etag, is_known_to_caller, known_version
from orders.api.requested import request_as_told
from orders.models import Order, RequestedOrder
from orders.models.requested import RequestState
from orders.operations import (
    ACCEPTED,
    Answered,
    Outcome,
    Placed,
    StoredAnswer,
    Taken,
    receipt_of,
    receipt_of_one,
)
from orders.reading.documents import read_document, read_unless_known
from orders.reading.history import order_at, timeline_page
from orders.reading.requested import read_request
from orders.reading.seen import as_seen, seen_json
from orders.requests.operations import OrderDetails, Plain, checked_details
from orders.requests.parsing import parse
from orders.requests.placing import NewOrder, checked, parse_orders
from orders.rules import errors
from orders.rules.lifecycle import Operation
from orders.rules.limits import MAX_PAGE_ENTRIES
from orders.rules.scopes import Scope
from orders.rules.sight import Sight

# What PATCH takes is a merge patch by whichever name.
_MERGE_PATCHES: Final = ("application/json", "application/merge-patch+json")


class _PlacedOrder(msgspec.Struct):
    """What the headers of an answer say of the order in it; one that is to be placed has no version."""

    id: str
    version: int | None = None


class OrderViewSet(ViewSet):
    """Place, read, change and delete the orders of the key's storefront."""

    scopes = {
        "GET": Scope.ORDERS_READ,
        "HEAD": Scope.ORDERS_READ,
        "POST": Scope.ORDERS_WRITE,
    }
    operations = {"PATCH": Operation.CHANGE_DETAILS, "DELETE": Operation.DELETE}

    @extend_schema(**docs.PLACE)
    def create(self, request: Request) -> HttpResponse:
        refuse_unknown(request.query_params, ["reason"])
        order = checked(parse(json_body(request), NewOrder))
        if wants_answer_first(request):
            answer, headers = take(request, [order], asked=order, render=receipt_of_one, show=as_seen)
        else:
            answer, headers = place(request, [order], asked=order, render=_one_order, show=as_seen)
        placed = msgspec.json.decode(answer.body, type=_PlacedOrder)  # the answer may be a stored one
        headers["Location"] = f"/api/v1/orders/{placed.id}"
        if placed.version is None:
            headers["Retry-After"] = "1"
        else:
            headers["ETag"] = etag(placed.version)
        return json_response(answer.body, status=answer.status, headers=headers)

    @extend_schema(**docs.PLACE_BATCH)
    @action(detail=False, methods=["post"])
    def batch(self, request: Request) -> HttpResponse:
        refuse_unknown(request.query_params, ["reason"])
        orders = parse_orders(json_body(request))

        def render(outcomes: Sequence[Outcome]) -> StoredAnswer:
            results = [_batch_result(outcome, position, request) for position, outcome in enumerate(outcomes)]
            return StoredAnswer(status.HTTP_200_OK, orjson.dumps({"results": results}))

        def render_taken(answered: Sequence[Answered]) -> StoredAnswer:
            results = [_taken_result(one, position, request) for position, one in enumerate(answered)]
            return StoredAnswer(ACCEPTED, orjson.dumps({"results": results}))

        asked = [order.detail if isinstance(order, errors.OrderError) else order for order in orders]
        if wants_answer_first(request):
            answer, headers = take(request, orders, asked=asked, render=render_taken, show=_batch_as_seen)
        else:
            answer, headers = place(request, orders, asked=asked, render=render, show=_batch_as_seen)
        return json_response(answer.body, status=answer.status, headers=headers)

    @extend_schema(**docs.LIST)
    def list(self, request: Request) -> HttpResponse:
        principal = principal_of(request)
        return json_response(listed(request, storefront_id=principal.storefront.pk, sight=principal.caller.sight))

    @extend_schema(**docs.READ)
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        refuse_unknown(request.query_params, ["version"])
        principal = principal_of(request)
        order_id, storefront_id = order_id_in(pk), principal.storefront.pk
        found = read_unless_known(order_id, storefront_id=storefront_id, known=known_version(request._request))
        if found is None and (requested := read_request(order_id, storefront_id=storefront_id)):
            return _told_of_request(request, requested)
        # It may have been placed between the two looks.
        found = found or read_document(order_id, storefront_id=storefront_id)
        if found is None:
            raise errors.OrderNotFound(pk)
        version, document = found
        wanted = whole_number(request, "version", least=1)
        if wanted is not None:
            past = order_at(order_id, wanted, storefront_id=storefront_id)
            if past is None:
                raise errors.NoSuchVersion(wanted, version)
            return json_response(orjson.dumps(past), headers={"ETag": etag(wanted)})
        headers = {"ETag": etag(version), "Cache-Control": "private, no-cache"}
        if document is None or is_known_to_caller(request._request, version):
            return HttpResponse(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
        return json_response(seen_json(document, principal.caller.sight), headers=headers)

    @extend_schema(**docs.TIMELINE)
    @action(detail=True)
    def timeline(self, request: Request, pk: str) -> HttpResponse:
        refuse_unknown(request.query_params, ["before", "limit"])
        order_id, storefront_id = order_id_in(pk), principal_of(request).storefront.pk
        if not Order.objects.of_storefront(storefront_id).filter(pk=order_id).exists():
            raise errors.OrderNotFound(pk)
        page = timeline_page(
            order_id,
            storefront_id=storefront_id,
            before=whole_number(request, "before", least=1),
            limit=whole_number(request, "limit", least=1, most=MAX_PAGE_ENTRIES) or MAX_PAGE_ENTRIES,
        )
        return json_response(orjson.dumps(page))

    @extend_schema(**docs.CHANGE)
    def partial_update(self, request: Request, pk: str) -> HttpResponse:
        refuse_unknown(request.query_params, ["reason"])
        details = checked_details(parse(json_body(request, types=_MERGE_PATCHES), OrderDetails))
        return answer_to(Operation.CHANGE_DETAILS, order_id_in(pk), details, call_of(request))

    @extend_schema(**docs.DELETE)
    def destroy(self, request: Request, pk: str) -> HttpResponse:
        refuse_unknown(request.query_params, ["reason"])
        call = call_of(request)
        answer = answer_to(Operation.DELETE, order_id_in(pk), Plain(), call)
        return answer if call.rehearsal is not None else HttpResponse(status=status.HTTP_204_NO_CONTENT)


def _one_order(outcomes: Sequence[Outcome]) -> StoredAnswer:
    (outcome,) = outcomes
    if isinstance(outcome, errors.OrderError):
        raise outcome
    return StoredAnswer(status.HTTP_201_CREATED, outcome.document)


def _taken_result(taken: Answered, position: int, request: Request) -> dict[str, Any]:
    if isinstance(taken, Taken):
        return {"status": ACCEPTED, "request": receipt_of(taken)}
    return _refused_result(taken, position, request)


def _told_of_request(request: Request, requested: RequestedOrder) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    if requested.state == RequestState.REQUESTED:
        headers["Retry-After"] = "1"
    return json_response(orjson.dumps(request_as_told(requested, request._request)), headers=headers)


def _batch_as_seen(answer: dict[str, Any], sight: Sight) -> dict[str, Any]:
    return {
        "results": [
            {**result, "order": as_seen(result["order"], sight)} if "order" in result else result
            for result in answer["results"]
        ]
    }


def _batch_result(outcome: Outcome, position: int, request: Request) -> dict[str, Any]:
    if isinstance(outcome, Placed):
        return {"status": status.HTTP_201_CREATED, "order": orjson.Fragment(outcome.document)}
    return _refused_result(outcome, position, request)


def _refused_result(refusal: errors.OrderError, position: int, request: Request) -> dict[str, Any]:
    """Whatever found it wrong knew of one order only: pointers begin at the batch, as the body does."""
    problem = order_problem(refusal, request=request._request)
    within = [{**part, "pointer": f"/orders/{position}{part['pointer']}"} for part in problem["errors"]]
    return {"status": problem["status"], "error": {**problem, "errors": within}}
