"""For every operation that is posted: what an order (one with prices) goes through before, and what is asked then."""

from __future__ import annotations

from typing import Any, NamedTuple

from orders.models import Storefront
from orders.rules.statuses import HoldKind
from tests.base import perform

_Done = tuple[str, dict[str, Any]]


class Example(NamedTuple):
    """`before` is done by somebody else, so that approvals are not of one's own request."""

    before: list[_Done]
    body: dict[str, Any]


_CAPTURED: _Done = ("record_payment", {"kind": "capture", "amount": 100, "psp_reference": "cap-1"})
_SHIPPED: list[_Done] = [("confirm", {}), ("ship", {})]
_RETURNING: list[_Done] = [*_SHIPPED, ("request_return", {"cause": "unwanted"})]
# More than refund_approval_above, see `ready_for`.
_REFUND_WAITS: list[_Done] = [_CAPTURED, ("request_refund", {"amount": 60})]

EXAMPLES: dict[str, Example] = {
    "confirm": Example([], {}),
    "extend": Example([], {"minutes": 6000}),
    "amend": Example([], {"items": [{"product_id": "cup", "quantity": 1, "unit_amount": 900}]}),
    "change_customer": Example([], {"customer_id": "cus456"}),
    "pack": Example([], {}),
    "ship": Example([("confirm", {})], {}),
    "track": Example(_SHIPPED, {"tracking_number": "1Z"}),
    "deliver": Example(_SHIPPED, {}),
    "complete": Example(_SHIPPED, {}),
    "undo_shipment": Example(_SHIPPED, {"reason": "still in the van"}),
    "undo_delivery": Example([*_SHIPPED, ("deliver", {})], {"reason": "the neighbour's"}),
    "undo_completion": Example([*_SHIPPED, ("complete", {})], {"reason": "the wrong order"}),
    "cancel": Example([], {}),
    "reinstate": Example([("cancel", {})], {"reason": "they want it after all"}),
    "record_payment": Example([], {"kind": "capture", "amount": 100, "psp_reference": "cap-1"}),
    "correct_payment": Example([_CAPTURED], {"reason": "typed wrong"}),
    "request_refund": Example([_CAPTURED], {"amount": 10}),
    "approve_refund": Example(_REFUND_WAITS, {}),
    "reject_refund": Example(_REFUND_WAITS, {}),
    "fail_refund": Example([_CAPTURED, ("request_refund", {"amount": 10})], {}),
    "request_return": Example(_SHIPPED, {"cause": "unwanted"}),
    "approve_return": Example(_RETURNING, {}),
    "reject_return": Example(_RETURNING, {}),
    "receive_return": Example([*_RETURNING, ("approve_return", {})], {}),
    "close_return": Example([*_RETURNING, ("approve_return", {})], {}),
    "comment": Example([], {"text": "Rang twice, nobody answers."}),
    "hold": Example([], {"kind": "fraud"}),
    "release_hold": Example([("hold", {"kind": HoldKind.FRAUD})], {}),
    "restore": Example([("delete", {})], {}),
}


def ready_for(operation: str, order_id: str) -> int:
    """Bring a new order to where the operation is possible; return its version then."""
    Storefront.objects.update(refund_approval_above=50)
    version = 1
    for name, asked in EXAMPLES[operation].before:
        version = perform(name, order_id, by="staff:ann", **asked)["version"]
    return version
