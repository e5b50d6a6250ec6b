"""Holding an order up, and letting it go on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from msgspec import UNSET

from orders.operations.call import Call, Document
from orders.operations.locked_order import locked_order
from orders.reading.documents import instant
from orders.requests.operations import Hold, ReleaseHold
from orders.rules.callers import CUSTOMER_CHECK
from orders.rules.errors import Ambiguous, InvalidRequest, UnknownPart
from orders.rules.ids import new_id
from orders.rules.lifecycle import BLOCKED_BY, HOLDABLE, Operation
from orders.rules.statuses import HoldKind


def hold_order(order_id: UUID, request: Hold, *, call: Call) -> Document:
    """Block chosen operations until the hold is released."""
    blocks = BLOCKED_BY[request.kind] if request.blocks is UNSET else frozenset(request.blocks)
    if impossible := blocks - HOLDABLE:
        can = ", ".join(sorted(HOLDABLE))
        raise InvalidRequest.at(
            "/blocks", "not_a_choice", f"{', '.join(sorted(impossible))} cannot be blocked; {can} can"
        )
    with locked_order(order_id, Operation.HOLD, call) as locked:
        locked.order.holds = [*locked.order.holds, new_hold(request.kind, blocks, call)]
        return locked.commit()


def new_hold(kind: HoldKind, blocks: Iterable[Operation], call: Call) -> dict[str, Any]:
    return {
        "id": str(new_id()),
        "kind": kind.value,
        "blocks": sorted(blocks),
        "placed_by": call.caller.actor,
        "placed_at": instant(call.now()),
    }


def review_hold() -> dict[str, Any]:
    """For an order whose customer could not be checked."""
    return new_hold(HoldKind.MANUAL, BLOCKED_BY[HoldKind.MANUAL], Call(CUSTOMER_CHECK))


def release_hold(order_id: UUID, request: ReleaseHold, *, call: Call) -> Document:
    """Let the order go on. If the storefront confirms by itself, what the hold kept back is confirmed now."""
    with locked_order(order_id, Operation.RELEASE_HOLD, call) as locked:
        order = locked.order
        ids = [UUID(hold["id"]) for hold in order.holds]
        if request.hold_id is UNSET and len(ids) > 1:
            raise Ambiguous("hold", ids)
        released = ids[0] if request.hold_id is UNSET else request.hold_id
        if released not in ids:
            raise UnknownPart("hold", released)
        order.holds = [hold for hold in order.holds if hold["id"] != str(released)]
        order.confirm_by_policy()
        return locked.commit()
