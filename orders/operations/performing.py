"""Every operation by its name: what it takes, and the function that does it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import transaction
from msgspec import Struct

from orders.operations.amending import amend_items
from orders.operations.call import ANY_VERSION, Call, Document
from orders.operations.canceling import cancel_order, expire_order
from orders.operations.commenting import comment_order
from orders.operations.confirming import confirm_order, extend_reservation
from orders.operations.deleting import delete_order, restore_order
from orders.operations.details import change_customer, change_details, customer_verdict
from orders.operations.erasing import erase_order
from orders.operations.holding import hold_order, release_hold
from orders.operations.idempotency import Replay
from orders.operations.payments import correct_payment, record_payment
from orders.operations.refunds import approve_refund, fail_refund, reject_refund, request_refund
from orders.operations.reinstating import reinstate_order
from orders.operations.returns import approve_return, close_return, receive_return, reject_return, request_return
from orders.operations.shipping import complete_order, deliver_order, pack_order, ship_order, track_shipment
from orders.operations.undoing import undo_completion, undo_delivery, undo_shipment
from orders.operations.unwritten import PaymentKey
from orders.reading.seen import as_seen, seen_json
from orders.requests.operations import (
    Amend,
    Cancel,
    ChangeCustomer,
    Comment,
    CorrectPayment,
    DecideRefund,
    DecideReturn,
    Deliver,
    Extend,
    Hold,
    OrderDetails,
    Packing,
    Parcel,
    Plain,
    ReceiveReturn,
    RecordPayment,
    ReleaseHold,
    RequestRefund,
    RequestReturn,
    Tracking,
    Undo,
    UndoParcel,
    refuse_far_moments,
)
from orders.rules.errors import InvalidRequest, NoTimeLeft, OrderError
from orders.rules.lifecycle import OPERATIONS, Operation
from orders.rules.sight import Sight


class Performer(NamedTuple):
    """`request` is the struct that `perform` takes."""

    request: type[Struct]
    perform: Callable[..., Document]


# Contact and address are changed by change_details, each by the rules of its own row in the table.
PERFORMERS: Final[dict[Operation, Performer]] = {
    Operation.CONFIRM: Performer(Plain, confirm_order),
    Operation.EXTEND: Performer(Extend, extend_reservation),
    Operation.AMEND: Performer(Amend, amend_items),
    Operation.CHANGE_DETAILS: Performer(OrderDetails, change_details),
    Operation.CHANGE_CUSTOMER: Performer(ChangeCustomer, change_customer),
    Operation.PACK: Performer(Packing, pack_order),
    Operation.SHIP: Performer(Parcel, ship_order),
    Operation.TRACK: Performer(Tracking, track_shipment),
    Operation.DELIVER: Performer(Deliver, deliver_order),
    Operation.COMPLETE: Performer(Plain, complete_order),
    Operation.UNDO_SHIPMENT: Performer(UndoParcel, undo_shipment),
    Operation.UNDO_DELIVERY: Performer(UndoParcel, undo_delivery),
    Operation.UNDO_COMPLETION: Performer(Undo, undo_completion),
    Operation.CANCEL: Performer(Cancel, cancel_order),
    Operation.REINSTATE: Performer(Undo, reinstate_order),
    Operation.RECORD_PAYMENT: Performer(RecordPayment, record_payment),
    Operation.CORRECT_PAYMENT: Performer(CorrectPayment, correct_payment),
    Operation.REQUEST_REFUND: Performer(RequestRefund, request_refund),
    Operation.APPROVE_REFUND: Performer(DecideRefund, approve_refund),
    Operation.REJECT_REFUND: Performer(DecideRefund, reject_refund),
    Operation.FAIL_REFUND: Performer(DecideRefund, fail_refund),
    Operation.REQUEST_RETURN: Performer(RequestReturn, request_return),
    Operation.APPROVE_RETURN: Performer(DecideReturn, approve_return),
    Operation.REJECT_RETURN: Performer(DecideReturn, reject_return),
    Operation.RECEIVE_RETURN: Performer(ReceiveReturn, receive_return),
    Operation.CLOSE_RETURN: Performer(DecideReturn, close_return),
    Operation.COMMENT: Performer(Comment, comment_order),
    Operation.HOLD: Performer(Hold, hold_order),
    Operation.RELEASE_HOLD: Performer(ReleaseHold, release_hold),
    Operation.DELETE: Performer(Plain, delete_order),
    Operation.RESTORE: Performer(Plain, restore_order),
    Operation.EXPIRE: Performer(Plain, expire_order),
    Operation.ERASE: Performer(Plain, erase_order),
}


def perform(operation: Operation, order_id: UUID, request: Any, *, call: Call) -> Document:
    """Do it to the order; return the order's document afterwards. Raises OrderError, or Replay.

    What is returned, raised and rehearsed tells no more of the order than the caller may see.
    """
    if OPERATIONS[operation].needs_reason and not call.reason.strip():
        raise InvalidRequest.at("/reason", "required", f"Say why: {operation} needs a reason")
    refuse_far_moments(request)
    sight = call.caller.sight
    try:
        document = PERFORMERS[operation].perform(order_id, request, call=call)
    except Replay as replay:
        raise Replay(replace(replay.answer, body=seen_json(replay.answer.body, sight))) from replay
    except OrderError as refusal:
        if sight is Sight.RECEIPT:
            refusal.keep_to_itself()
        raise
    if call.rehearsal is not None:
        call.rehearsal.show_as_seen(sight)
    return as_seen(document, sight)


def perform_in_turn(order_id: UUID, operations: Sequence[tuple[Operation, Any]], *, call: Call) -> Document:
    """Do several operations on one order in one transaction: all of them, or none when one is refused.

    Not for amend, restore and reinstate, which ask the inventory first. The caller's precondition is about the first.
    """
    for operation, request in operations:
        if operation is Operation.CHANGE_CUSTOMER:
            call = replace(call, customer=customer_verdict(order_id, request, call))
    call = replace(call, joins_transaction=True)
    document: Document = {}
    with transaction.atomic(durable=True):
        for operation, request in operations:
            document = perform(operation, order_id, request, call=call)
            call = replace(call, precondition=ANY_VERSION)
    return document


def perform_within(operation: Operation, order_id: UUID, request: Any, *, call: Call) -> Document:
    """Do it in the transaction that the caller has open, such as that of an incoming event; what is refused leaves
    nothing behind there. Not for amend, restore and reinstate, which ask the inventory first, and change_customer.
    """
    with transaction.atomic():
        return perform(operation, order_id, request, call=replace(call, joins_transaction=True))


def perform_together(
    operation: Operation,
    calls: Sequence[tuple[UUID, Call]],
    request: Any,
    *,
    payments: set[PaymentKey] | None = None,
    within_seconds: float = math.inf,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[UUID, Document | Replay | OrderError]]:
    """Do it to several orders, each on its own, in the order of their ids; what becomes of each is told at once.

    Whoever takes several takes them in this order, so that two of them cannot wait for each other for long. Rehearsals
    know of each other what would be in each other's way; of those of earlier calls by the same set of `payments`.
    Whatever has not begun `within_seconds` is refused: an answer has to come while somebody waits for it.
    """
    payments = set() if payments is None else payments
    began = now()
    for order_id, call in sorted(calls, key=lambda pair: pair[0]):
        if now() - began >= within_seconds:
            yield order_id, NoTimeLeft(within_seconds)
            continue
        if call.rehearsal is not None:
            call.rehearsal.payments = payments
        try:
            yield order_id, perform(operation, order_id, request, call=call)
        except (OrderError, Replay) as outcome:
            yield order_id, outcome
