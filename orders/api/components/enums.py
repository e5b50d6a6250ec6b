"""The words of the API: each a type of its own in a generated client."""

from __future__ import annotations

from typing import Any, Final

from orders.announcing.payloads import EVENT_TYPES
from orders.models.requested import RequestState
from orders.operations import PERFORMERS
from orders.rules.lifecycle import HOLDABLE, OPERATIONS
from orders.rules.statuses import (
    CancelReason,
    Condition,
    CreditCause,
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
    CreditCause,
    RefundState,
    ReturnState,
    ReturnCause,
    Condition,
    HoldKind,
)

ENUMS: Final[dict[str, Any]] = {
    **{choices.__name__: {"type": "string", "enum": choices.values} for choices in _CHOICES},
    # What only some of its values are taken for has an enum of its own.
    "CancelCause": {
        "type": "string",
        "enum": [cause for cause in CancelReason.values if cause != CancelReason.EXPIRED],
    },
    "RecordedKind": {
        "type": "string",
        "enum": [kind for kind in PaymentKind.values if kind != PaymentKind.CORRECTION],
    },
    "BulkOperation": {
        "type": "string",
        "enum": [name.value for name in PERFORMERS if OPERATIONS[name].scope is not None],
    },
    "BlockedOperation": {"type": "string", "enum": sorted(name.value for name in HOLDABLE)},
    "EventType": {"type": "string", "enum": list(EVENT_TYPES)},
    "RequestStatus": {"type": "string", "enum": RequestState.values},
    "AppliedPreference": {"type": "string", "enum": ["dry-run", "respond-async"]},
    "Ordering": {"type": "string", "enum": ["-placed_at", "placed_at"]},
    "ActionMethod": {"type": "string", "enum": ["POST", "PATCH", "DELETE"]},
    "ReasonKind": {"type": "string", "enum": ["status", "hold", "scope", "quantity", "state"]},
}
