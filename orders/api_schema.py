"""The components of the OpenAPI document: requests from their structs, answers written down here."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from orders import requests
from orders.statuses import CancelReason, FulfillmentStatus, OrderStatus, PaymentStatus

_TEXT: Final = {"type": "string"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_AMOUNT: Final = {"type": "integer", "description": "Minor units of the currency."}
_AMOUNT_OR_NULL: Final = {"type": ["integer", "null"], "description": "Minor units of the currency."}
_COUNT: Final = {"type": "integer", "minimum": 0}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_INSTANT_OR_NULL: Final = {"type": ["string", "null"], "format": "date-time"}
_UUID: Final = {"type": "string", "format": "uuid"}


def _object(properties: dict[str, Any], *, open_ended: bool = False) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": open_ended,
    }


def _choice(values: list[str]) -> dict[str, Any]:
    return {"type": "string", "enum": values}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_ADDRESS: Final = _object(
    dict.fromkeys(("name", "line1", "line2", "city", "region", "postal_code", "country"), _TEXT_OR_NULL)
)

ORDER: Final = _object(
    {
        "id": _UUID,
        "number": _TEXT,
        "storefront": _TEXT,
        "external_reference": _TEXT_OR_NULL,
        "version": {"type": "integer", "minimum": 1},
        "status": _choice(OrderStatus.values),
        "payment_status": _choice(PaymentStatus.values),
        "fulfillment_status": _choice(FulfillmentStatus.values),
        "cancel_reason": {"type": ["string", "null"], "enum": [*CancelReason.values, None]},
        "customer_id": _TEXT,
        "currency": _TEXT_OR_NULL,
        "items": {
            "type": "array",
            "items": _object(
                {
                    "id": _UUID,
                    "product_id": _TEXT,
                    "name": _TEXT_OR_NULL,
                    "quantity": {"type": "integer", "minimum": 1},
                    "unit_amount": _AMOUNT_OR_NULL,
                    "canceled": _COUNT,
                    "shipped": _COUNT,
                    "returned": _COUNT,
                }
            ),
        },
        "items_amount": _AMOUNT_OR_NULL,
        "shipping_amount": _AMOUNT,
        "tax_amount": _AMOUNT,
        "discount_amount": _AMOUNT,
        "total_amount": _AMOUNT_OR_NULL,
        "contact": _object({"email": _TEXT_OR_NULL, "phone": _TEXT_OR_NULL}),
        "shipping_address": _ADDRESS,
        "billing_address": {"oneOf": [_ADDRESS, {"type": "null"}]},
        "shipments": {
            "type": "array",
            "items": _object(
                {
                    "id": _UUID,
                    "tracking_company": _TEXT_OR_NULL,
                    "tracking_number": _TEXT_OR_NULL,
                    "tracking_link": _TEXT_OR_NULL,
                    "shipped_at": _INSTANT_OR_NULL,
                    "delivered_at": _INSTANT_OR_NULL,
                }
            ),
        },
        "note": _TEXT,
        "metadata": {"type": "object", "additionalProperties": _TEXT},
        "reserved_until": _INSTANT_OR_NULL,
        "placed_at": _INSTANT,
        "updated_at": _INSTANT,
    }
)

PROBLEM: Final = _object(
    {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "instance": _TEXT,
        "code": {"type": "string", "description": "Stable; made for programs."},
        "request_id": _TEXT,
        "errors": {"type": "array", "items": _object({"pointer": _TEXT, "code": _TEXT, "detail": _TEXT})},
    },
    open_ended=True,
)

_SEED_ORDER: Final = _object(
    {
        "orderId": _UUID,
        "customerId": _TEXT,
        "status": _choice(OrderStatus.values),
        "items": {
            "type": "array",
            "items": _object({"productId": _TEXT, "quantity": {"type": "integer"}, "reserved": {"type": "boolean"}}),
        },
        "trackingCompany": _TEXT_OR_NULL,
        "trackingNumber": _TEXT_OR_NULL,
        "trackingLink": _TEXT_OR_NULL,
    }
)

ANSWERS: Final[dict[str, Any]] = {
    "Order": ORDER,
    "OrderPage": _object(
        {
            "next": _TEXT_OR_NULL,
            "previous": _TEXT_OR_NULL,
            "results": {"type": "array", "items": _ref("Order")},
        }
    ),
    "BatchAnswer": _object(
        {
            "results": {
                "type": "array",
                "items": {
                    "oneOf": [
                        _object({"status": {"type": "integer", "const": 201}, "order": _ref("Order")}),
                        _object({"status": {"type": "integer"}, "error": _ref("Problem")}),
                    ]
                },
            }
        }
    ),
    "Problem": PROBLEM,
    "SeedAnswer": _object({"data": _SEED_ORDER, "message": _TEXT, "success": {"type": "boolean", "const": True}}),
    "SeedProblem": {
        **PROBLEM,
        "properties": {
            **PROBLEM["properties"],
            "data": {"type": "null"},
            "message": _TEXT,
            "success": {"type": "boolean", "const": False},
        },
    },
}

_REQUESTS: Final = (
    requests.NewOrder,
    requests.NewBatch,
    requests.OrderDetails,
    requests.SeedNewOrder,
    requests.SeedUpdate,
)


class OrderServiceSchema(AutoSchema):
    """The library's, with the summary lines of `api_docs` alone: class docstrings are for developers."""

    def get_description(self) -> str:  # type: ignore[override]  # the library's, not DRF's
        return ""

    def _is_list_view(self, serializer: Any = None) -> bool:
        """No answer is a bare array: a list is a page, and its schema says so."""
        return False


class StorefrontKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "orders.authentication.StorefrontKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "The key of a storefront. `Authorization: Api-Key <key>` works too.",
        }


def add_components(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Put requests and answers into the document (a drf-spectacular post-processing hook)."""
    _, structs = msgspec.json.schema_components(_REQUESTS, ref_template="#/components/schemas/{name}")
    # Orders of a batch are read one by one, so that a wrong one does not end the others.
    structs["NewBatch"]["properties"]["orders"]["items"] = {}
    result.setdefault("components", {}).setdefault("schemas", {}).update({**structs, **ANSWERS})
    return result
