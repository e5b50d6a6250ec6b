"""The components of the OpenAPI document: requests from their structs, answers written down here."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from django.db import models
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from orders.operations import PERFORMERS
from orders.requests.first_version import FirstVersionNewOrder, FirstVersionUpdate
from orders.requests.operations import Bulk, OrderDetails
from orders.requests.placing import NewBatch, NewOrder
from orders.rules.lifecycle import Operation
from orders.rules.statuses import (
    CancelReason,
    Condition,
    FulfillmentStatus,
    HoldKind,
    OrderStatus,
    PaymentKind,
    PaymentStatus,
    RefundState,
    ReturnCause,
    ReturnState,
)

_TEXT: Final = {"type": "string"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_AMOUNT: Final = {"type": "integer", "description": "Minor units of the currency."}
_AMOUNT_OR_NULL: Final = {"type": ["integer", "null"], "description": "Minor units of the currency."}
_COUNT: Final = {"type": "integer", "minimum": 0}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_INSTANT_OR_NULL: Final = {"type": ["string", "null"], "format": "date-time"}
_UUID: Final = {"type": "string", "format": "uuid"}
_UUID_OR_NULL: Final = {"type": ["string", "null"], "format": "uuid"}


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

_UNITS: Final = _object({"item_id": _UUID, "quantity": {"type": "integer", "minimum": 1}})

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
                    "restocked": _COUNT,
                }
            ),
        },
        "items_amount": _AMOUNT_OR_NULL,
        "shipping_amount": _AMOUNT,
        "tax_amount": _AMOUNT,
        "discount_amount": _AMOUNT,
        "total_amount": _AMOUNT_OR_NULL,
        "canceled_amount": _AMOUNT,
        "authorized_amount": _AMOUNT,
        "captured_amount": _AMOUNT,
        "refunded_amount": _AMOUNT,
        "charged_back_amount": _AMOUNT,
        "balance_amount": {
            "type": ["integer", "null"],
            "description": "What the customer still owes, in minor units; below zero, what is owed to them.",
        },
        "contact": _object({"email": _TEXT_OR_NULL, "phone": _TEXT_OR_NULL}),
        "shipping_address": _ADDRESS,
        "billing_address": {"oneOf": [_ADDRESS, {"type": "null"}]},
        "shipments": {
            "type": "array",
            "items": _object(
                {
                    "id": _UUID,
                    "items": {"type": "array", "items": _UNITS},
                    "tracking_company": _TEXT_OR_NULL,
                    "tracking_number": _TEXT_OR_NULL,
                    "tracking_link": _TEXT_OR_NULL,
                    "packed_at": _INSTANT_OR_NULL,
                    "shipped_at": _INSTANT_OR_NULL,
                    "delivered_at": _INSTANT_OR_NULL,
                }
            ),
        },
        "payments": {
            "type": "array",
            "items": _object(
                {
                    "id": _UUID,
                    "kind": _choice(PaymentKind.values),
                    "amount": _AMOUNT,
                    "currency": _TEXT_OR_NULL,
                    "psp": _TEXT,
                    "psp_reference": _TEXT,
                    "refund_id": _UUID_OR_NULL,
                    "late": {"type": "boolean", "description": "It came in when the order had ended or was deleted."},
                    "occurred_at": _INSTANT,
                    "recorded_at": _INSTANT,
                }
            ),
        },
        "refunds": {
            "type": "array",
            "items": _object(
                {
                    "id": _UUID,
                    "amount": _AMOUNT,
                    "state": _choice(RefundState.values),
                    "requested_by": _TEXT,
                    "requested_at": _INSTANT,
                    "decided_by": _TEXT_OR_NULL,
                    "decided_at": _INSTANT_OR_NULL,
                }
            ),
        },
        "returns": {
            "type": "array",
            "items": _object(
                {
                    "id": _UUID,
                    "state": _choice(ReturnState.values),
                    "cause": _choice(ReturnCause.values),
                    "items": {
                        "type": "array",
                        "items": _object(
                            {
                                "item_id": _UUID,
                                "quantity": _COUNT,
                                "received": _COUNT,
                                "condition": {"type": ["string", "null"], "enum": [*Condition.values, None]},
                                "restocked": {"type": "boolean"},
                            }
                        ),
                    },
                    "requested_at": _INSTANT,
                    "decided_at": _INSTANT_OR_NULL,
                    "received_at": _INSTANT_OR_NULL,
                }
            ),
        },
        "holds": {
            "type": "array",
            "items": _object(
                {
                    "id": _UUID,
                    "kind": _choice(HoldKind.values),
                    "blocks": {"type": "array", "items": _TEXT},
                    "placed_by": _TEXT,
                    "placed_at": _INSTANT,
                }
            ),
        },
        "note": _TEXT,
        "metadata": {"type": "object", "additionalProperties": _TEXT},
        "tags": {"type": "array", "items": _TEXT},
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

_FIRST_VERSION_ORDER: Final = _object(
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

_REHEARSAL: Final = _object(
    {
        "order": _ref("Order"),
        "events": {"type": "array", "items": _object({"type": _TEXT, "data": {"type": "object"}})},
        "stock": {
            "type": "object",
            "description": "Units more, or less, reserved, by product.",
            "additionalProperties": {"type": "integer"},
        },
        "money": {
            "type": "object",
            "description": "What the order's amounts gain or lose, in minor units.",
            "additionalProperties": {"type": "integer"},
        },
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
    "Rehearsal": _REHEARSAL,
    "BulkAnswer": _object(
        {
            "results": {
                "type": "array",
                "items": {
                    "oneOf": [
                        _object({"id": _UUID, "status": {"type": "integer", "const": 200}, "order": _ref("Order")}),
                        _object({"id": _UUID, "status": {"type": "integer", "const": 200}, **_REHEARSAL["properties"]}),
                        _object({"id": _UUID, "status": {"type": "integer"}, "error": _ref("Problem")}),
                    ]
                },
            }
        }
    ),
    "Actions": _object(
        {
            "order_id": _UUID,
            "version": {"type": "integer", "minimum": 1},
            "actions": {
                "type": "array",
                "items": _object(
                    {
                        "operation": _choice([operation.value for operation in Operation]),
                        "method": _choice(["POST", "PATCH", "DELETE"]),
                        "href": _TEXT,
                        "meaning": _TEXT,
                        "allowed": {"type": "boolean"},
                        "reasons": {
                            "type": "array",
                            "items": _object(
                                {
                                    "because": _choice(["status", "hold", "scope", "quantity", "state"]),
                                    "code": _TEXT,
                                    "detail": _TEXT,
                                },
                                open_ended=True,
                            ),
                        },
                    }
                ),
            },
        }
    ),
    "TimelinePage": _object(
        {
            "results": {
                "type": "array",
                "items": _object(
                    {
                        "event_id": _UUID,
                        "version": {"type": "integer", "minimum": 1},
                        "type": _TEXT,
                        "operation": _TEXT,
                        "occurred_at": _INSTANT,
                        "actor": _TEXT,
                        "reason": _TEXT,
                        "cause": {"type": ["string", "null"], "description": "Why units were canceled."},
                        "request_id": _TEXT,
                        "changes": {
                            "type": "object",
                            "additionalProperties": _object({"before": {}, "after": {}}),
                        },
                        "instructions": {"type": "array", "items": {"type": "object"}},
                    }
                ),
            },
            "next_before": {"type": ["integer", "null"]},
        }
    ),
    "Problem": PROBLEM,
    "FirstVersionAnswer": _object(
        {"data": _FIRST_VERSION_ORDER, "message": _TEXT, "success": {"type": "boolean", "const": True}}
    ),
    "FirstVersionProblem": {
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
    NewOrder,
    NewBatch,
    OrderDetails,
    FirstVersionNewOrder,
    FirstVersionUpdate,
    Bulk,
    *(performer.request for performer in PERFORMERS.values()),
)


class OrderServiceSchema(AutoSchema):
    """The library's, with the summary lines of `docs.py` alone: class docstrings are for developers."""

    def get_description(self) -> str:  # type: ignore[override]  # the library's, not DRF's
        return ""

    def _is_list_view(self, serializer: Any = None) -> bool:
        """No answer is a bare array: a list is a page, and its schema says so."""
        return False


class StorefrontKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "orders.api.authentication.StorefrontKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "The key of a storefront. `Authorization: Api-Key <key>` works too.",
        }


def _choices(kind: type) -> dict[str, Any]:
    if not issubclass(kind, models.TextChoices):
        raise NotImplementedError
    return _choice(kind.values)


def add_components(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Put requests and answers into the document (a drf-spectacular post-processing hook)."""
    _, structs = msgspec.json.schema_components(
        _REQUESTS, ref_template="#/components/schemas/{name}", schema_hook=_choices
    )
    # Orders of a batch are read one by one, so that a wrong one does not end the others.
    structs["NewBatch"]["properties"]["orders"]["items"] = {}
    structs["Bulk"]["properties"]["arguments"] = {"type": "object", "description": "What the operation itself takes."}
    result.setdefault("components", {}).setdefault("schemas", {}).update({**structs, **ANSWERS})
    return result
