"""Every way an order changes: in which status, by whom, and what can hold it up.

This table is the only place that knows. The operations check it under the order's lock, `GET …/actions`
answers from it, the back office draws its buttons from it, and tests compare it with docs/life-of-an-order.md.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from orders.rules.scopes import Scope
from orders.rules.statuses import HoldKind, OrderStatus


class Operation(StrEnum):
    CONFIRM = "confirm"
    EXTEND = "extend"
    AMEND = "amend"
    CHANGE_DETAILS = "change_details"
    CHANGE_CONTACT = "change_contact"
    CHANGE_ADDRESS = "change_address"
    CHANGE_CUSTOMER = "change_customer"
    PACK = "pack"
    SHIP = "ship"
    TRACK = "track"
    DELIVER = "deliver"
    COMPLETE = "complete"
    UNDO_SHIPMENT = "undo_shipment"
    UNDO_DELIVERY = "undo_delivery"
    UNDO_COMPLETION = "undo_completion"
    CANCEL = "cancel"
    REINSTATE = "reinstate"
    RECORD_PAYMENT = "record_payment"
    CORRECT_PAYMENT = "correct_payment"
    REQUEST_REFUND = "request_refund"
    APPROVE_REFUND = "approve_refund"
    REJECT_REFUND = "reject_refund"
    FAIL_REFUND = "fail_refund"
    REQUEST_RETURN = "request_return"
    APPROVE_RETURN = "approve_return"
    REJECT_RETURN = "reject_return"
    RECEIVE_RETURN = "receive_return"
    CLOSE_RETURN = "close_return"
    COMMENT = "comment"
    HOLD = "hold"
    RELEASE_HOLD = "release_hold"
    DELETE = "delete"
    RESTORE = "restore"
    EXPIRE = "expire"
    ERASE = "erase"


class OperationRules(NamedTuple):
    """`scope` is what an API key needs, `permission` what staff need; without them only the system may.

    `moves_to` is the status the operation leads to, `part` what it edits: refusals speak of them. What takes something
    back needs a reason of everybody.
    """

    meaning: str
    statuses: frozenset[OrderStatus]
    scope: Scope | None
    permission: str | None
    moves_to: OrderStatus | None = None
    part: str | None = None
    can_be_held_up: bool = False
    needs_reason: bool = False


_PENDING: Final = frozenset({OrderStatus.PENDING})
_CONFIRMED: Final = frozenset({OrderStatus.CONFIRMED})
_BEFORE_SHIPPED: Final = _PENDING | _CONFIRMED
_OPEN: Final = _BEFORE_SHIPPED | {OrderStatus.SHIPPED}
_ON_THE_WAY: Final = frozenset({OrderStatus.CONFIRMED, OrderStatus.SHIPPED})
_SENT: Final = frozenset({OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.COMPLETED})
_ANY: Final = frozenset(OrderStatus)

OPERATIONS: Final[dict[Operation, OperationRules]] = {
    Operation.CONFIRM: OperationRules(
        "accept the order; its hold no longer expires",
        _PENDING,
        Scope.ORDERS_WRITE,
        "orders.confirm_order",
        moves_to=OrderStatus.CONFIRMED,
        can_be_held_up=True,
    ),
    Operation.EXTEND: OperationRules(
        "hold the stock of a pending order for longer", _PENDING, Scope.ORDERS_WRITE, "orders.confirm_order"
    ),
    Operation.AMEND: OperationRules(
        "add, remove or change items of which nothing has been shipped",
        _BEFORE_SHIPPED,
        Scope.ORDERS_WRITE,
        "orders.amend_order",
        part="items",
        can_be_held_up=True,
    ),
    Operation.CHANGE_DETAILS: OperationRules(
        "change note, metadata and tags", _ANY, Scope.ORDERS_WRITE, "orders.change_order_details", part="note"
    ),
    Operation.CHANGE_CONTACT: OperationRules(
        "change e-mail and phone", _OPEN, Scope.ORDERS_WRITE, "orders.change_order_details", part="contact"
    ),
    Operation.CHANGE_ADDRESS: OperationRules(
        "change the addresses, until the first parcel has left",
        _BEFORE_SHIPPED,
        Scope.ORDERS_WRITE,
        "orders.change_order_details",
        part="address",
    ),
    Operation.CHANGE_CUSTOMER: OperationRules(
        "the order belongs to another customer", _ANY, Scope.ORDERS_WRITE, "orders.change_order_details"
    ),
    Operation.PACK: OperationRules(
        "prepare a parcel", _BEFORE_SHIPPED, Scope.SHIPMENTS_WRITE, "orders.ship_order", can_be_held_up=True
    ),
    Operation.SHIP: OperationRules(
        "hand over all open units, packed parcels as packed and the rest in one more; or some, in one parcel",
        _CONFIRMED,
        Scope.SHIPMENTS_WRITE,
        "orders.ship_order",
        moves_to=OrderStatus.SHIPPED,
        can_be_held_up=True,
    ),
    Operation.TRACK: OperationRules(
        "set or correct a parcel's carrier, number and link, until it is delivered",
        _OPEN,
        Scope.SHIPMENTS_WRITE,
        "orders.track_shipment",
        part="tracking",
    ),
    Operation.DELIVER: OperationRules(
        "a parcel has arrived",
        _ON_THE_WAY,
        Scope.SHIPMENTS_WRITE,
        "orders.ship_order",
    ),
    Operation.COMPLETE: OperationRules(
        "close the order: its parcels have arrived",
        frozenset({OrderStatus.SHIPPED}),
        Scope.SHIPMENTS_WRITE,
        "orders.ship_order",
        moves_to=OrderStatus.COMPLETED,
        can_be_held_up=True,
    ),
    Operation.UNDO_SHIPMENT: OperationRules(
        "take back, with a reason, that a parcel has left: it is packed again, its units are open",
        _ON_THE_WAY,
        Scope.SHIPMENTS_WRITE,
        "orders.undo_fulfillment",
        needs_reason=True,
    ),
    Operation.UNDO_DELIVERY: OperationRules(
        "take back, with a reason, that a parcel has arrived: it is on its way again",
        _ON_THE_WAY,
        Scope.SHIPMENTS_WRITE,
        "orders.undo_fulfillment",
        needs_reason=True,
    ),
    Operation.UNDO_COMPLETION: OperationRules(
        "open a completed order again, with a reason",
        frozenset({OrderStatus.COMPLETED}),
        Scope.SHIPMENTS_WRITE,
        "orders.undo_fulfillment",
        needs_reason=True,
    ),
    Operation.CANCEL: OperationRules(
        "end what has not been shipped, all of it or some; captured money is to be refunded",
        _BEFORE_SHIPPED,
        Scope.ORDERS_WRITE,
        "orders.cancel_order",
        moves_to=OrderStatus.CANCELED,
        can_be_held_up=True,
    ),
    Operation.REINSTATE: OperationRules(
        "take back, with a reason, the cancellation that ended the order: its stock is held again",
        frozenset({OrderStatus.CANCELED}),
        Scope.ORDERS_WRITE,
        "orders.reinstate_order",
        needs_reason=True,
    ),
    Operation.RECORD_PAYMENT: OperationRules(
        "record an authorization, capture, void, refund or chargeback, or that one failed or was won; of deleted "
        "orders too",
        _ANY,
        Scope.PAYMENTS_WRITE,
        "orders.record_payment",
    ),
    Operation.CORRECT_PAYMENT: OperationRules(
        "take back a payment that was recorded by mistake, with a reason; of deleted orders too",
        _ANY,
        Scope.PAYMENTS_WRITE,
        "orders.correct_payment",
        needs_reason=True,
    ),
    Operation.REQUEST_REFUND: OperationRules(
        "ask for captured money to be given back", _ANY, Scope.REFUNDS_WRITE, "orders.request_refund"
    ),
    Operation.APPROVE_REFUND: OperationRules(
        "approve a refund somebody else has requested", _ANY, Scope.REFUNDS_APPROVE, "orders.approve_refund"
    ),
    Operation.REJECT_REFUND: OperationRules(
        "reject a requested refund", _ANY, Scope.REFUNDS_APPROVE, "orders.approve_refund"
    ),
    Operation.FAIL_REFUND: OperationRules(
        "the payment provider could not pay a refund out", _ANY, Scope.PAYMENTS_WRITE, "orders.record_payment"
    ),
    Operation.REQUEST_RETURN: OperationRules(
        "announce that shipped units come back", _SENT, Scope.RETURNS_WRITE, "orders.handle_return"
    ),
    Operation.APPROVE_RETURN: OperationRules(
        "accept a requested return", _SENT, Scope.RETURNS_WRITE, "orders.handle_return"
    ),
    Operation.REJECT_RETURN: OperationRules(
        "reject a requested return", _SENT, Scope.RETURNS_WRITE, "orders.handle_return"
    ),
    Operation.RECEIVE_RETURN: OperationRules(
        "units of an approved return have come back; they may be restocked",
        _SENT,
        Scope.RETURNS_WRITE,
        "orders.receive_return",
    ),
    Operation.CLOSE_RETURN: OperationRules(
        "give an approved return up that never arrived; its units can be announced again",
        _SENT,
        Scope.RETURNS_WRITE,
        "orders.handle_return",
    ),
    Operation.COMMENT: OperationRules(
        "write a comment for those who work on the order", _ANY, Scope.ORDERS_WRITE, "orders.comment_order"
    ),
    Operation.HOLD: OperationRules(
        "hold the order up: chosen operations are refused until the hold is released",
        _ANY,
        Scope.ORDERS_WRITE,
        "orders.hold_order",
    ),
    Operation.RELEASE_HOLD: OperationRules("let the order go on", _ANY, Scope.ORDERS_WRITE, "orders.hold_order"),
    Operation.DELETE: OperationRules(
        "take the order out of sight; it is kept whole",
        frozenset({OrderStatus.PENDING, OrderStatus.COMPLETED, OrderStatus.CANCELED}),
        Scope.ORDERS_DELETE,
        "orders.delete_order",
    ),
    Operation.RESTORE: OperationRules("bring a deleted order back", _ANY, Scope.ORDERS_DELETE, "orders.restore_order"),
    Operation.EXPIRE: OperationRules(
        "cancel a pending order past `reserved_until` on which there is no money",
        _PENDING,
        None,
        None,
        moves_to=OrderStatus.CANCELED,
        can_be_held_up=True,
    ),
    # Of a whole customer, by whoever may erase one: `operations/erasing.py`.
    Operation.ERASE: OperationRules(
        "remove what tells of its customer, for good",
        frozenset({OrderStatus.SHIPPED, OrderStatus.COMPLETED, OrderStatus.CANCELED}),
        None,
        None,
        can_be_held_up=True,
    ),
}

HOLDABLE: Final = frozenset(operation for operation, rules in OPERATIONS.items() if rules.can_be_held_up)

# What a hold blocks unless it is said otherwise. Whatever is looked into, the clock stands still meanwhile.
BLOCKED_BY: Final[dict[HoldKind, frozenset[Operation]]] = {
    HoldKind.FRAUD: frozenset({Operation.CONFIRM, Operation.AMEND, Operation.PACK, Operation.SHIP, Operation.EXPIRE}),
    HoldKind.ADDRESS: frozenset({Operation.PACK, Operation.SHIP, Operation.EXPIRE}),
    HoldKind.PAYMENT_REVIEW: frozenset({Operation.CONFIRM, Operation.SHIP, Operation.EXPIRE}),
    HoldKind.MANUAL: HOLDABLE - {Operation.CANCEL, Operation.ERASE},
}


def statuses_of(operation: Operation) -> list[str]:
    """The statuses in which it is allowed, in the order of an order's life."""
    return [status.value for status in OrderStatus if status in OPERATIONS[operation].statuses]
