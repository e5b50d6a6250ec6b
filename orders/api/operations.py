"""One route for each operation on an order."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec
import orjson
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.views import APIView

from orders import operations
from orders.api import docs
from orders.api.calls import call_of, json_body, order_id_in, refuse_unknown
from orders.api.idempotency_header import idempotency_of
from orders.api.json_format import json_response
from orders.api.preconditions import etag
from orders.operations import PERFORMERS, Call, Replay
from orders.requests.parsing import parse
from orders.rules.lifecycle import OPERATIONS, Operation
from orders.rules.sight import Sight

# Operations with a verb of their own; all others are POST /orders/{id}/{operation}.
METHODS: Final = {
    Operation.CHANGE_DETAILS: "PATCH",
    Operation.CHANGE_CONTACT: "PATCH",
    Operation.CHANGE_ADDRESS: "PATCH",
    Operation.DELETE: "DELETE",
}
OFFERED: Final = [operation for operation, rules in OPERATIONS.items() if rules.scope is not None]
POSTED: Final = [operation for operation in OFFERED if operation not in METHODS]


class _Version(Struct):
    version: int


def view_of(name: Operation) -> Any:
    """The view behind `POST /api/v1/orders/{id}/{operation}`, described as what it does."""
    shape = PERFORMERS[name].request

    class OperationView(APIView):
        operations = {"POST": name}

        @extend_schema(**docs.operation(name, shape.__name__))
        def post(self, request: Request, pk: str) -> HttpResponse:
            refuse_unknown(request.query_params, ["reason"])
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
        told = rehearsal_told(call) or document
        return json_response(orjson.dumps(told), headers={"Preference-Applied": "dry-run"})
    return json_response(orjson.dumps(document), headers={"ETag": etag(document["version"])})


def rehearsal_told(call: Call) -> dict[str, Any] | None:
    """What a rehearsal is answered with; None when there was none, or when the caller sees only the receipt."""
    if call.rehearsal is None or call.caller.sight is Sight.RECEIPT:
        return None
    return call.rehearsal.as_json()
