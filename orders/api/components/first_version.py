"""What the first version's calls answer."""

from __future__ import annotations

from typing import Any, Final

from orders.api.components.answers import PROBLEM
from orders.api.components.shapes import FLAG, TEXT, TEXT_OR_NULL, UUID, list_of, object_of, ref

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
    "FirstVersionAnswer": object_of(
        {"data": ref("FirstVersionOrder"), "message": TEXT, "success": {"type": "boolean", "const": True}}
    ),
    "FirstVersionOrder": object_of(_ORDER),
    "FirstVersionOrderItem": object_of({"productId": TEXT, "quantity": {"type": "integer"}, "reserved": FLAG}),
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
