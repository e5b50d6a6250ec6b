"""What can be done with an order now: `GET /api/v1/orders/{id}/actions`."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from orders.api import docs
from orders.api.calls import call_of, order_id_in, principal_of, refuse_unknown
from orders.api.json_format import json_response
from orders.api.operations import METHODS, OFFERED
from orders.api.preconditions import etag
from orders.models import Order
from orders.operations.obstacles import plain_obstacles
from orders.rules import errors
from orders.rules.errors import OrderError
from orders.rules.lifecycle import OPERATIONS
from orders.rules.scopes import Scope


class ActionsView(APIView):
    """`GET /api/v1/orders/{id}/actions`: from the table and the checks the operations themselves use."""

    scopes = {"GET": Scope.ORDERS_READ, "HEAD": Scope.ORDERS_READ}

    @extend_schema(**docs.ACTIONS)
    def get(self, request: Request, pk: str) -> HttpResponse:
        refuse_unknown(request.query_params, [])
        orders = (
            Order.objects.of_storefront(principal_of(request).storefront.pk)
            .with_what_obstacles_ask_for()
            .select_related("storefront")
        )
        order = orders.filter(pk=order_id_in(pk)).first()
        if order is None:
            raise errors.OrderNotFound(pk[:100])
        caller = call_of(request).caller
        actions = [
            {
                "operation": operation,
                "method": METHODS.get(operation, "POST"),
                "href": f"/api/v1/orders/{order.pk}" + ("" if operation in METHODS else f"/{operation}"),
                "meaning": OPERATIONS[operation].meaning,
                **_allowance(list(plain_obstacles(order, operation, caller))),
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
