"""What the first version's calls answer."""

from __future__ import annotations

from typing import Any, Final

from orders.api.components.answers import PROBLEM
from orders.api.components.shapes import FLAG, TEXT, TEXT_OR_NULL, UUID, either, list_of, object_of, ref

FIRST_VERSION_RECEIPT: Final = ("orderId", "status")
_DONE: Final = {"type": "boolean", "const": True}
_ORDER: Final = {
    "orderId": UUID,
    "customerId": TEXT,
    "status": ref("OrderStatus"),
    "items": list_of(ref("FirstVersionOrderItem")),
    "trackingCompany": TEXT_OR_NULL,
    "trackingNumber": TEXT_OR_NULL,
    "trackingLink": TEXT_OR_NULL,
}

FIRST_VERSION: Final[dict[str, Any]] = {
    "FirstVersionAnswer": object_of({"data": ref("FirstVersionOrderOrReceipt"), "message": TEXT, "success": _DONE}),
    "FirstVersionOrderOrReceipt": {
        **either("FirstVersionOrder", "FirstVersionReceipt"),
        "description": "The receipt without the scope `orders:read`.",
    },
    "FirstVersionReceipt": object_of({name: _ORDER[name] for name in FIRST_VERSION_RECEIPT}),
    "FirstVersionOrder": object_of(_ORDER),
    "FirstVersionDeleted": object_of({"data": {"type": "null"}, "message": TEXT, "success": _DONE}),
    "FirstVersionOrderItem": object_of(
        {"id": UUID, "orderId": UUID, "productId": TEXT, "quantity": {"type": "integer"}, "reserved": FLAG}
    ),
    "FirstVersionProblem": {
        **PROBLEM,
        "properties": {
            **PROBLEM["properties"],
            "data": {"type": "null"},
            "message": TEXT,
            "success": {"type": "boolean", "const": False},
        },
        "required": [*PROBLEM["required"], "data", "message", "success"],
    },
}
