"""The words of the API: each a type of its own in a generated client."""

from __future__ import annotations

from typing import Any, Final

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

_CHOICES: Final = (
    OrderStatus,
    PaymentStatus,
    FulfillmentStatus,
    CancelReason,
    PaymentKind,
    RefundState,
    ReturnState,
    ReturnCause,
    Condition,
    HoldKind,
)

ENUMS: Final[dict[str, Any]] = {
    **{choices.__name__: {"type": "string", "enum": choices.values} for choices in _CHOICES},
    "Ordering": {"type": "string", "enum": ["-placed_at", "placed_at"]},
    "ActionMethod": {"type": "string", "enum": ["POST", "PATCH", "DELETE"]},
    "ReasonKind": {"type": "string", "enum": ["status", "hold", "scope", "quantity", "state"]},
}
