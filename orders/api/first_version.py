"""The first version's own calls, unchanged: `/order/create`, `/order/{id}`, `/order/update/{id}`, `/order/delete/{id}`.

camelCase and the `{data, message, success}` envelope, over the same operations as `/api/v1`. Where the
first version was wrong this is right: a missing order is a 404, and a failed call is never a 200.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from orders import operations
from orders.api import docs
from orders.api.calls import call_of, json_body, order_id_in, principal_of, wants_rehearsal
from orders.api.components.first_version import FIRST_VERSION_RECEIPT
from orders.api.errors import exception_handler
from orders.api.json_format import json_response
from orders.api.placing import place
from orders.api.preconditions import etag
from orders.operations import PERFORMERS, Call, Outcome, StoredAnswer
from orders.reading.documents import read_document
from orders.requests.first_version import FirstVersionNewOrder, FirstVersionUpdate
from orders.requests.operations import ChangeCustomer, OrderDetails, Parcel, Plain, Tracking
from orders.requests.parsing import parse
from orders.rules import errors
from orders.rules.callers import refusal_to
from orders.rules.lifecycle import OPERATIONS, Operation
from orders.rules.scopes import Scope
from orders.rules.sight import Sight
from orders.rules.statuses import RULES, OrderStatus

_LEADS_TO: Final = {
    OrderStatus.CONFIRMED: Operation.CONFIRM,
    OrderStatus.SHIPPED: Operation.SHIP,
    OrderStatus.COMPLETED: Operation.COMPLETE,
    OrderStatus.CANCELED: Operation.CANCEL,
}
# What changes nothing, by the scope that was asked for.
_NOTHING: Final[Mapping[Scope | None, tuple[Operation, Any]]] = {
    Scope.ORDERS_WRITE: (Operation.CHANGE_DETAILS, OrderDetails()),
    Scope.SHIPMENTS_WRITE: (Operation.TRACK, Tracking()),
}
_TRACKING: Final = ("tracking_company", "tracking_number", "tracking_link")


def first_version_order(document: Mapping[str, Any]) -> dict[str, Any]:
    """An order in the first version's words, from its document. What is canceled has its stock no more."""
    shipment = document["shipments"][-1] if document["shipments"] else {}
    holds_stock = document["status"] != OrderStatus.CANCELED
    return {
        "orderId": document["id"],
        "customerId": document["customer_id"],
        "status": document["status"],
        "items": [
            {
                "id": item["id"],
                "orderId": document["id"],
                "productId": item["product_id"],
                "quantity": item["quantity"],
                "reserved": holds_stock and item["canceled"] < item["quantity"],
            }
            for item in document["items"]
        ],
        "trackingCompany": shipment.get("tracking_company"),
        "trackingNumber": shipment.get("tracking_number"),
        "trackingLink": shipment.get("tracking_link"),
    }


def _envelope(data: object, message: str) -> bytes:
    return orjson.dumps({"data": data, "message": message, "success": True})


def _as_seen(answer: dict[str, Any], sight: Sight) -> dict[str, Any]:
    """Nothing of an order in these words tells of a person."""
    if sight is not Sight.RECEIPT:
        return answer
    return {**answer, "data": {name: answer["data"][name] for name in FIRST_VERSION_RECEIPT}}


def _changed(document: Mapping[str, Any], sight: Sight) -> bytes:
    """The answer to a change, from the document that the caller sees."""
    if sight is Sight.RECEIPT:
        return _envelope({"orderId": document["id"], "status": document["status"]}, "Order updated")
    return _envelope(first_version_order(document), "Order updated")


class FirstVersionView(APIView):
    """Errors are problem bodies with the envelope's `success` and `message` beside the problem's own members."""

    def get_exception_handler(self) -> Any:
        return _enveloped_exception_handler


def _enveloped_exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    response = exception_handler(error, context)
    if response is not None:
        problem = orjson.loads(response.content)
        response.content = orjson.dumps({**problem, "data": None, "message": problem["detail"], "success": False})
        response.headers["Content-Length"] = str(len(response.content))
    return response


class CreateOrder(FirstVersionView):
    scopes = {"POST": Scope.ORDERS_WRITE}

    @extend_schema(**docs.FIRST_VERSION_CREATE)
    def post(self, request: Request) -> HttpResponse:
        asked = parse(json_body(request), FirstVersionNewOrder)
        answer, headers = place(request, [asked.as_new_order()], asked=asked, render=_created, show=_as_seen)
        return json_response(answer.body, status=answer.status, headers=headers)


def _created(outcomes: Sequence[Outcome]) -> StoredAnswer:
    (outcome,) = outcomes
    if isinstance(outcome, errors.OrderError):
        raise outcome
    return StoredAnswer(201, _envelope(first_version_order(orjson.loads(outcome.document)), "Order created"))


class ReadOrder(FirstVersionView):
    scopes = {"GET": Scope.ORDERS_READ, "HEAD": Scope.ORDERS_READ}

    @extend_schema(**docs.FIRST_VERSION_READ)
    def get(self, request: Request, order_id: str) -> HttpResponse:
        found = read_document(order_id_in(order_id), storefront_id=principal_of(request).storefront.pk)
        if found is None:
            raise errors.OrderNotFound(order_id)
        version, document = found
        body = orjson.dumps(first_version_order(orjson.loads(document)))
        return json_response(body, headers={"ETag": etag(version)})


class UpdateOrder(FirstVersionView):
    """A status maps onto the operation that leads there, and each operation asks for its own scope."""

    @extend_schema(**docs.FIRST_VERSION_UPDATE)
    def put(self, request: Request, order_id: str) -> HttpResponse:
        if wants_rehearsal(request):
            raise errors.PreferenceNotSupported()
        update = parse(json_body(request), FirstVersionUpdate)
        call = call_of(request)
        document = _updated(order_id_in(order_id), update, call, principal_of(request).storefront.pk)
        return json_response(_changed(document, call.caller.sight), headers={"ETag": etag(document["version"])})


def _updated(order_id: UUID, update: FirstVersionUpdate, call: Call, storefront_id: int) -> Mapping[str, Any]:
    """Change the customer, do what leads to the status, then set the tracking; refused, none has an effect.

    The same status again only sets the tracking. Which scopes it needs is told by the request alone, before the
    order is looked at: a refusal must not depend on where the order stands.
    """
    status, customer_id = update.given("status"), update.given("customer_id")
    asked = None if status is None else _status_in(status)
    tracking: dict[str, Any] = {name: value for name in _TRACKING if (value := update.given(name)) is not None}
    main = Operation.TRACK if asked is None else _LEADS_TO.get(asked, Operation.TRACK)
    if customer_id is not None and asked is None and not tracking:
        main = Operation.CHANGE_CUSTOMER
    for operation, is_asked in (
        (Operation.CHANGE_CUSTOMER, customer_id is not None),
        (main, True),
        (Operation.TRACK, bool(tracking)),
    ):
        if is_asked and (refusal := refusal_to(call.caller, operation)):
            raise refusal
    if update.units() is not None and call.caller.sight is Sight.RECEIPT:
        raise errors.NotPermitted("comparing items", f"the scope {Scope.ORDERS_READ}")
    found = read_document(order_id, storefront_id=storefront_id)
    if found is None:
        raise errors.OrderNotFound(order_id)
    read = orjson.loads(found[1])
    _refuse_another(update, read)
    current = OrderStatus(read["status"])
    wanted = asked or current
    way: list[tuple[Operation, Any]] = []
    if wanted == current:
        way = [(Operation.TRACK, Tracking(**tracking))] if tracking else [_NOTHING[OPERATIONS[main].scope]]
    elif wanted in _LEADS_TO:
        way = [(main, Parcel(**tracking) if main is Operation.SHIP else PERFORMERS[main].request())]
        if main is Operation.SHIP and current == OrderStatus.PENDING:
            # Its shops ship what was placed: there was no status between.
            way.insert(0, (Operation.CONFIRM, Plain()))
        parcel = read["shipments"][-1] if read["shipments"] else {}
        if main is not Operation.SHIP and any(parcel.get(name) != value for name, value in tracking.items()):
            way.append((Operation.TRACK, Tracking(**tracking)))
    if not way or any(refusal_to(call.caller, operation) for operation, _ in way):
        raise errors.InvalidTransition(current, wanted, RULES[current].next_statuses)
    if customer_id is not None:
        way.insert(0, (Operation.CHANGE_CUSTOMER, ChangeCustomer(customer_id=customer_id)))
    return operations.perform_in_turn(order_id, way, call=call)


def _refuse_another(update: FirstVersionUpdate, read: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for another order's id, or other items than the order has."""
    order_id, units = update.given("order_id"), update.units()
    if order_id is not None and order_id.lower() != read["id"]:
        raise errors.InvalidRequest.at("/orderId", "not_changeable", "The body is of another order than the path")
    if units is not None and units != Counter((item["product_id"], item["quantity"]) for item in read["items"]):
        detail = (
            "The order has other items, and this call does not change them: send them as they are, or leave them out. "
            f"POST /api/v1/orders/{read['id']}/amend changes them"
        )
        raise errors.InvalidRequest.at("/items", "not_changeable", detail)


def _status_in(text: str) -> OrderStatus:
    try:
        return OrderStatus(text.lower())
    except ValueError:
        known = ", ".join(OrderStatus.values)
        raise errors.InvalidRequest.at(
            "/status", "not_a_choice", f"{text[:40]!r} is no status; there are: {known}"
        ) from None


class DeleteOrder(FirstVersionView):
    operations = {"DELETE": Operation.DELETE}

    @extend_schema(**docs.FIRST_VERSION_DELETE)
    def delete(self, request: Request, order_id: str) -> HttpResponse:
        if wants_rehearsal(request):
            raise errors.PreferenceNotSupported()
        call = call_of(request)
        operations.perform(Operation.DELETE, order_id_in(order_id), Plain(), call=call)
        return json_response(_envelope(None, "Order marked for deletion"))
