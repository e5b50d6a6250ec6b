"""One operation for several orders: `POST /api/v1/orders/bulk`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from msgspec import UNSET, Struct
from rest_framework.request import Request
from rest_framework.views import APIView

from orders import operations
from orders.api import docs
from orders.api.calls import call_of, json_body, refuse_unknown
from orders.api.errors import order_problem
from orders.api.full_answers import until_full
from orders.api.idempotency_header import idempotency_of
from orders.api.json_format import json_response
from orders.api.operations import OFFERED, rehearsal_told
from orders.operations import PERFORMERS, Call, Idempotency, Replay
from orders.requests.operations import Bulk, OrderDetails, checked_details
from orders.requests.parsing import parse
from orders.rules import errors
from orders.rules.errors import OrderError
from orders.rules.limits import MAX_BULK_SECONDS


class BulkView(APIView):
    """`POST /api/v1/orders/bulk`: each order is done or refused on its own."""

    @extend_schema(**docs.BULK)
    def post(self, request: Request) -> HttpResponse:
        refuse_unknown(request.query_params, ["reason"])
        asked = parse(json_body(request), Bulk)
        if asked.operation not in PERFORMERS or asked.operation not in OFFERED:
            there_are = ", ".join(operation for operation in OFFERED if operation in PERFORMERS)
            told = f"{asked.operation} is not offered for several orders; there are: {there_are}"
            raise errors.InvalidRequest.at("/operation", "not_a_choice", told)
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
        performed = operations.perform_together(asked.operation, calls, arguments, within_seconds=MAX_BULK_SECONDS)
        outcomes = dict(until_full(performed, asked.ids))
        results = [
            {"id": str(order_id), **_result(outcomes[order_id], call, request._request)} for order_id, call in calls
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
        arguments = parse(text, PERFORMERS[asked.operation].request, part=True)
        return checked_details(arguments) if isinstance(arguments, OrderDetails) else arguments
    except errors.InvalidRequest as error:
        for part in error.errors:
            part["pointer"] = f"/arguments{part['pointer']}"
        raise


def _key_of(idempotency: Idempotency, order_id: UUID) -> Idempotency:
    """Each order's answer is stored with its own change, so a repeat goes on where a crash has ended it."""
    digest = hashlib.sha256(f"{idempotency.key}\n{order_id}".encode()).hexdigest()
    return Idempotency(f"bulk:{digest}", idempotency.fingerprint)


def _result(outcome: operations.Document | Replay | OrderError, call: Call, request: HttpRequest) -> Mapping[str, Any]:
    match outcome:
        case Replay():
            return {"status": outcome.answer.status, "order": orjson.Fragment(outcome.answer.body)}
        case OrderError():
            problem = order_problem(outcome, request=request)
            return {"status": problem["status"], "error": problem}
        case _:
            return {"status": 200, **(rehearsal_told(call) or {"order": outcome})}
