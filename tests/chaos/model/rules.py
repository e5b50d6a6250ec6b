"""The model's own table of what is allowed when, and of what refusals look like."""

from __future__ import annotations

from typing import Final

BEFORE_SHIPPED: Final = frozenset({"pending", "confirmed"})
_OPEN: Final = BEFORE_SHIPPED | {"shipped"}
_SENT: Final = frozenset({"confirmed", "shipped", "completed"})
_ANY: Final = _OPEN | {"completed", "canceled"}

ALLOWED_IN: Final[dict[str, frozenset[str]]] = {
    "confirm": frozenset({"pending"}),
    "extend": frozenset({"pending"}),
    "amend": BEFORE_SHIPPED,
    "change_details": _ANY,
    "change_contact": _OPEN,
    "change_address": BEFORE_SHIPPED,
    "change_customer": _ANY,
    "pack": BEFORE_SHIPPED,
    "ship": frozenset({"confirmed"}),
    "track": _OPEN,
    "deliver": frozenset({"confirmed", "shipped"}),
    "complete": frozenset({"shipped"}),
    "undo_shipment": frozenset({"confirmed", "shipped"}),
    "undo_delivery": frozenset({"confirmed", "shipped"}),
    "undo_completion": frozenset({"completed"}),
    "cancel": BEFORE_SHIPPED,
    "reinstate": frozenset({"canceled"}),
    "record_payment": _ANY,
    "correct_payment": _ANY,
    "request_refund": _ANY,
    "approve_refund": _ANY,
    "reject_refund": _ANY,
    "fail_refund": _ANY,
    "request_return": _SENT,
    "approve_return": _SENT,
    "reject_return": _SENT,
    "receive_return": _SENT,
    "close_return": _SENT,
    "comment": _ANY,
    "hold": _ANY,
    "release_hold": _ANY,
    "delete": frozenset({"pending", "completed", "canceled"}),
    "restore": _ANY,
    "expire": frozenset({"pending"}),
}
# What an operation is refused with when the status does not allow it; all others with "not_allowed_in_status".
STATUS_REFUSALS: Final = {
    **dict.fromkeys(("confirm", "ship", "complete", "cancel", "expire"), "invalid_transition"),
    **dict.fromkeys(("amend", "change_details", "change_contact", "change_address", "track"), "details_locked"),
    "delete": "not_deletable",
}
NEEDS_REASON: Final = frozenset({"undo_shipment", "undo_delivery", "undo_completion", "reinstate", "correct_payment"})
# What a hold can block, and what it does block when it is not said.
HOLDABLE: Final = frozenset({"confirm", "amend", "pack", "ship", "complete", "cancel", "expire", "erase"})
BLOCKED_BY: Final = {
    "fraud": ["amend", "confirm", "expire", "pack", "ship"],
    "address": ["expire", "pack", "ship"],
    "payment_review": ["confirm", "expire", "ship"],
    "manual": ["amend", "complete", "confirm", "expire", "pack", "ship"],
}
HTTP_STATUS: Final = {
    "validation_error": 400,
    "missing_scope": 403,
    "order_not_found": 404,
    "version_mismatch": 412,
    "idempotency_key_reused": 422,
    "unknown_product": 422,
    "unknown_part": 422,
    "ambiguous": 422,
    "currency_mismatch": 422,
    "totals_mismatch": 422,
    "inventory_unavailable": 503,
    "placement_too_slow": 503,
}


class Refused(Exception):
    """The answer is to be this refusal. All that is not in the table above is a conflict."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.status = HTTP_STATUS.get(code, 409)
        super().__init__(code)
