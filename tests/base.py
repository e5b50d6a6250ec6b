"""What many tests do with an order without asking over HTTP."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.db import connection

from orders import operations
from orders.operations import PERFORMERS, Call, Document
from orders.rules.callers import Caller
from orders.rules.lifecycle import Operation
from orders.rules.statuses import HoldKind, PaymentKind

CAPTURE = ("record_payment", {"kind": PaymentKind.CAPTURE, "amount": 1000, "psp_reference": "pi_1"})
# What is done to a new order before the operation is possible, where its storefront wants every refund approved.
READY_FOR: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "amend": [],
    "approve_refund": [CAPTURE, ("request_refund", {})],
    "approve_return": [("confirm", {}), ("ship", {}), ("request_return", {"cause": "damaged"})],
    "cancel": [],
    "correct_payment": [CAPTURE],
    "change_customer": [],
    "close_return": [
        ("confirm", {}),
        ("ship", {}),
        ("request_return", {"cause": "damaged"}),
        ("approve_return", {}),
    ],
    "comment": [],
    "complete": [("confirm", {}), ("ship", {})],
    "confirm": [],
    "deliver": [("confirm", {}), ("ship", {})],
    "extend": [],
    "fail_refund": [CAPTURE, ("request_refund", {}), ("approve_refund", {"by": "staff:eve"})],
    "hold": [],
    "pack": [],
    "receive_return": [
        ("confirm", {}),
        ("ship", {}),
        ("request_return", {"cause": "damaged"}),
        ("approve_return", {}),
    ],
    "record_payment": [],
    "reject_refund": [CAPTURE, ("request_refund", {})],
    "reject_return": [("confirm", {}), ("ship", {}), ("request_return", {"cause": "damaged"})],
    "reinstate": [("cancel", {})],
    "release_hold": [("hold", {"kind": HoldKind.MANUAL})],
    "request_refund": [CAPTURE],
    "request_return": [("confirm", {}), ("ship", {})],
    "restore": [("delete", {})],
    "ship": [("confirm", {})],
    "track": [],
    "undo_completion": [("confirm", {}), ("ship", {}), ("complete", {})],
    "undo_delivery": [("confirm", {}), ("ship", {}), ("deliver", {})],
    "undo_shipment": [("confirm", {}), ("ship", {})],
}


def perform(
    operation: str,
    order_id: UUID | str,
    *,
    by: str = "system:test",
    reason: str = "",
    request_id: str = "",
    **asked: Any,
) -> Document:
    """Do it as somebody who may do everything: `perform("ship", order_id, by="staff:will")`."""
    name = Operation(operation)
    request = PERFORMERS[name].request(**asked)
    return operations.perform(name, UUID(str(order_id)), request, call=Call(Caller(by), reason, request_id))


def make_ready(operation: str, order_id: UUID | str) -> None:
    """Bring a new order to where the operation is possible."""
    for number, (earlier, asked) in enumerate(READY_FOR[operation]):
        reference = {"psp_reference": f"pi_{order_id}_{number}"} if "psp_reference" in asked else {}
        perform(earlier, order_id, **{**asked, **reference})


def wait_until_somebody_waits_for_a_lock() -> None:
    for _ in range(500):
        time.sleep(0.01)
        with connection.cursor() as cursor:
            cursor.execute("select pg_stat_clear_snapshot()")
            cursor.execute(
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
            )
            if cursor.fetchone() != (0,):
                return
    raise AssertionError("Nobody waited for the lock.")
