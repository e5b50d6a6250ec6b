"""One route for each operation on an order, for several orders at once, and for what can be done with one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from msgspec import UNSET, Struct
from rest_framework.request import Request
from rest_framework.views import APIView

from orders import operations
from orders.api import docs
from orders.api.calls import call_of, caller_of, json_body, order_id_in
from orders.api.errors import order_problem
from orders.api.idempotency_header import idempotency_of
from orders.api.json_format import json_response
from orders.api.preconditions import etag
from orders.api.rehearsals import told
from orders.models import Order, Shipment
from orders.operations import PERFORMERS, Call, Idempotency, Replay
from orders.operations.obstacles import obstacles
from orders.requests.operations import Bulk, OrderDetails, checked_details
from orders.requests.parsing import parse
from orders.rules import errors
from orders.rules.errors import OrderError
from orders.rules.lifecycle import OPERATIONS, Operation
from orders.rules.scopes import Scope

# Operations with a verb of their own; all others are POST /orders/{id}/{operation}.
_METHODS: Final = {
    Operation.CHANGE_DETAILS: "PATCH",
    Operation.CHANGE_CONTACT: "PATCH",
    Operation.CHANGE_ADDRESS: "PATCH",
    Operation.DELETE: "DELETE",
}
OFFERED: Final = [operation for operation, rules in OPERATIONS.items() if rules.scope is not None]
POSTED: Final = [operation for operation in OFFERED if operation not in _METHODS]


class _Version(Struct):
    version: int


def view_of(name: Operation) -> Any:
    """The view behind `POST /api/v1/orders/{id}/{operation}`, described as what it does."""
    shape = PERFORMERS[name].request

    class OperationView(APIView):
        operations = {"POST": name}

        @extend_schema(**docs.operation(name, shape.__name__))
        def post(self, request: Request, pk: str) -> HttpResponse:
            asked: Any = parse(json_body(request, optional=True), shape)
            call = call_of(request, reason=asked.reason, idempotency=idempotency_of(request._request, asked))
            return answer_to(name, order_id_in(pk), asked, call)

    return OperationView.as_view()


def answer_to(operation: Operation, order_id: UUID, asked: Any, call: Call) -> HttpResponse:
    """Do it, or rehearse it, or repeat the stored answer."""
    try:
        document = operations.perform(operation, order_id, asked, call=call)
    except Replay as replay:
        version = msgspec.json.decode(replay.answer.body, type=_Version).version
        headers = {"ETag": etag(version), "Idempotent-Replayed": "true"}
        return json_response(replay.answer.body, status=replay.answer.status, headers=headers)
    if call.rehearsal is not None:
        return json_response(orjson.dumps(told(call.rehearsal)), headers={"Preference-Applied": "dry-run"})
    return json_response(orjson.dumps(document), headers={"ETag": etag(document["version"])})


# --- several orders ----------------------------------------------------------------------------------


class BulkView(APIView):
    """`POST /api/v1/orders/bulk`: each order is done or refused on its own."""

    @extend_schema(**docs.BULK)
    def post(self, request: Request) -> HttpResponse:
        asked = parse(json_body(request), Bulk)
        if asked.operation not in PERFORMERS or asked.operation not in OFFERED:
            raise errors.InvalidRequest(
                [
                    errors.FieldError(
                        "/operation", "not_a_choice", f"{asked.operation} is not offered for several orders"
                    )
                ]
            )
        if len(set(asked.ids)) < len(asked.ids):
            raise errors.InvalidRequest([errors.FieldError("/ids", "not_unique", "An order stands here twice")])
        arguments: Any = _arguments(asked)
        told_once = {"operation": asked.operation, "arguments": arguments}
        idempotency = idempotency_of(request._request, told_once)
        calls = [
            (
                order_id,
                call_of(
                    request,
                    reason=getattr(arguments, "reason", ""),
                    idempotency=idempotency and _key_of(idempotency, order_id),
                ),
            )
            for order_id in asked.ids
        ]
        rehearsals = {order_id: call.rehearsal for order_id, call in calls}
        outcomes = dict(operations.perform_together(asked.operation, calls, arguments))
        results = [
            {"id": str(order_id), **_result(outcomes[order_id], rehearsals[order_id], request._request)}
            for order_id in asked.ids
        ]
        headers = {}
        if all(isinstance(outcome, Replay) for outcome in outcomes.values()):
            headers["Idempotent-Replayed"] = "true"
        if calls[0][1].rehearsal is not None:
            headers["Preference-Applied"] = "dry-run"
        return json_response(orjson.dumps({"results": results}), headers=headers)


def _arguments(asked: Bulk) -> Struct:
    text = b"{}" if asked.arguments is UNSET else bytes(asked.arguments)
    try:
        arguments = parse(text, PERFORMERS[asked.operation].request)
        return checked_details(arguments) if isinstance(arguments, OrderDetails) else arguments
    except errors.InvalidRequest as error:
        for part in error.errors:
            part["pointer"] = f"/arguments{part['pointer']}"
        raise


def _key_of(idempotency: Idempotency, order_id: UUID) -> Idempotency:
    """Each order's answer is stored with its own change, so a repeat goes on where a crash has ended it."""
    digest = hashlib.sha256(f"{idempotency.key}\n{order_id}".encode()).hexdigest()
    return Idempotency(f"bulk:{digest}", idempotency.fingerprint)


def _result(
    outcome: operations.Document | Replay | OrderError, rehearsal: operations.Rehearsal | None, request: HttpRequest
) -> Mapping[str, Any]:
    match outcome:
        case Replay():
            return {"status": outcome.answer.status, "order": orjson.Fragment(outcome.answer.body)}
        case OrderError():
            problem = order_problem(outcome, request=request)
            return {"status": problem["status"], "error": problem}
        case _:
            return {"status": 200, **(told(rehearsal) if rehearsal is not None else {"order": outcome})}


# --- what can be done --------------------------------------------------------------------------------


class ActionsView(APIView):
    """`GET /api/v1/orders/{id}/actions`: from the table and the checks the operations themselves use."""

    scopes = {"GET": Scope.ORDERS_READ, "HEAD": Scope.ORDERS_READ}

    @extend_schema(**docs.ACTIONS)
    def get(self, request: Request, pk: str) -> HttpResponse:
        order = (
            Order.objects.filter(storefront_id=caller_of(request).storefront.pk, pk=order_id_in(pk))
            .select_related("storefront")
            .prefetch_related(
                "items", "refunds", "returns__items", Prefetch("shipments", Shipment.objects.order_by("id"))
            )
            .first()
        )
        if order is None:
            raise errors.OrderNotFound(pk[:100])
        caller = call_of(request).caller
        actions = [
            {
                "operation": operation,
                "method": _METHODS.get(operation, "POST"),
                "href": f"/api/v1/orders/{order.pk}" + ("" if operation in _METHODS else f"/{operation}"),
                "meaning": OPERATIONS[operation].meaning,
                **_allowance(list(obstacles(order, operation, caller))),
            }
            for operation in OFFERED
        ]
        body = {"order_id": str(order.pk), "version": order.version, "actions": actions}
        return json_response(orjson.dumps(body), headers={"ETag": etag(order.version)})


def _allowance(found: list[OrderError]) -> dict[str, Any]:
    return {
        "allowed": not found,
        "reasons": [
            {"because": error.obstacle, "code": error.code, "detail": error.detail, **error.extra} for error in found
        ],
    }
