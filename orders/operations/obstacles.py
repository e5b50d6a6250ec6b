"""What stands in the way of an operation on an order: its status, a hold, or that nothing is left.

The operations raise the first obstacle, under the order's lock; `GET …/actions` and the back office show
all of them. What depends on the request (how many units, how much money) is checked where it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from uuid import UUID

from orders.models import Order, PaymentRecord, Shipment
from orders.models.shipments import load_contents
from orders.operations.before_canceled import refunded_since
from orders.rules import clock, errors
from orders.rules.callers import Caller, refusal_to
from orders.rules.errors import OrderError
from orders.rules.lifecycle import OPERATIONS, Operation, statuses_of
from orders.rules.statuses import OrderStatus, PaymentKind, RefundState, ReturnState

Check = Callable[[Order, Caller], Iterator[OrderError]]


def obstacles(order: Order, operation: Operation, caller: Caller) -> Iterator[OrderError]:
    """Every reason why the caller may not do this to the order now; none when it may."""
    if refusal := refusal_to(caller, operation):
        yield refusal
    yield from _of_status(order, operation)
    if holds := order.blocking_holds(operation):
        yield errors.OrderOnHold(operation, holds)
    if check := _CHECKS.get(operation):
        yield from check(order, caller)


def plain_obstacles(order: Order, operation: Operation, caller: Caller) -> Iterator[OrderError]:
    """Every reason why the caller may not do this to the order as it is, without naming one of its parts."""
    yield from obstacles(order, operation, caller)
    something_open = any(item.open for item in order.lines)  # otherwise that is told above
    if operation is Operation.PACK and something_open and all(units <= 0 for units in units_to_pack(order).values()):
        yield all_is_packed()


def _of_status(order: Order, operation: Operation) -> Iterator[OrderError]:
    rules = OPERATIONS[operation]
    if operation is Operation.RESTORE:
        if order.deleted_at is None:
            yield errors.NotDeleted(order.pk)
        return
    if operation is Operation.ERASE and order.deleted_at is not None:
        return  # nobody sends it any more
    status = OrderStatus(order.status)
    if status in rules.statuses:
        return
    if rules.moves_to is not None:
        yield errors.InvalidTransition(status, rules.moves_to, order.rules.next_statuses)
    elif rules.part is not None:
        yield errors.DetailsLocked(rules.part, status, statuses_of(operation))
    elif operation is Operation.DELETE:
        yield errors.NotDeletable(status, statuses_of(operation), following=order.rules.next_statuses)
    else:
        yield errors.NotAllowedNow(operation, status, statuses_of(operation))


# --- what is left to do it to ------------------------------------------------------------------------


def _open_units(operation: Operation) -> Check:
    def check(order: Order, caller: Caller) -> Iterator[OrderError]:
        if not any(item.open for item in order.lines):
            yield errors.NothingLeft(operation, "no open unit left")

    return check


def units_to_pack(order: Order, *, but: UUID | None = None) -> dict[UUID, int]:
    """By item id: open, and in no packed parcel but this one."""
    left: dict[UUID, int] = {item.pk: item.open for item in order.lines}
    packed = [parcel for parcel in order.parts.parcels if parcel.shipped_at is None and parcel.pk != but]
    load_contents(packed)
    for parcel in packed:
        for line in parcel.contents:
            left[line.item_id] -= line.quantity
    return left


def all_is_packed() -> OrderError:
    return errors.NothingLeft(Operation.PACK, "no open unit that is not packed already")


def _address(order: Order, caller: Caller) -> Iterator[OrderError]:
    if order.has_shipped and order.status in OPERATIONS[Operation.CHANGE_ADDRESS].statuses:
        yield errors.AddressInUse()


def _extend(order: Order, caller: Caller) -> Iterator[OrderError]:
    if order.reservation_id is None:
        yield errors.NothingLeft(Operation.EXTEND, "no stock held for this order")


def _track(order: Order, caller: Caller) -> Iterator[OrderError]:
    shipments = order.parts.parcels
    if shipments and all(shipment.delivered_at for shipment in shipments):
        yield errors.NothingLeft(Operation.TRACK, "no parcel that has not been delivered")


def _correct_payment(order: Order, caller: Caller) -> Iterator[OrderError]:
    if not payments_in_force(order):
        yield errors.NothingLeft(Operation.CORRECT_PAYMENT, "no payment that counts")


def payments_in_force(order: Order) -> list[PaymentRecord]:
    """Those that are neither taken back nor take another back."""
    payments = order.parts.payments
    corrected = {payment.corrects_id for payment in payments}
    return [payment for payment in payments if payment.pk not in corrected and payment.kind != PaymentKind.CORRECTION]


def _parcel_that_is(state: str, operation: Operation) -> Check:
    def check(order: Order, caller: Caller) -> Iterator[OrderError]:
        if not any(shipment.state == state for shipment in order.parts.parcels):
            yield errors.NothingLeft(operation, f"no parcel that is {state}")

    return check


def _undo_shipment(order: Order, caller: Caller) -> Iterator[OrderError]:
    parcels = [parcel for parcel in order.parts.parcels if parcel.state == "on its way"]
    if not parcels:
        yield errors.NothingLeft(Operation.UNDO_SHIPMENT, "no parcel that is on its way")
    elif order.parts.returns:
        load_contents(parcels)
        come_back = [coming_back(order, parcel) for parcel in parcels]
        if all(come_back):
            yield errors.ComesBack(come_back[0])


def coming_back(order: Order, parcel: Shipment) -> list[str]:
    """Products of which units in the parcel come back, or have come back."""
    units, left = parcel.units(), units_to_return(order)
    return [item.product_id for item in order.lines if units.get(item.pk, 0) > left[item.pk]]


def _reinstate(order: Order, caller: Caller) -> Iterator[OrderError]:
    if order.status == OrderStatus.CANCELED and order.refunded_amount and (paid_since := refunded_since(order)):
        yield errors.RefundPaidOut(paid_since)


def _request_refund(order: Order, caller: Caller) -> Iterator[OrderError]:
    if order.refundable_amount <= 0:
        yield errors.NothingLeft(Operation.REQUEST_REFUND, "no captured money left to refund")


def _approve_refund(order: Order, caller: Caller) -> Iterator[OrderError]:
    refunds = [refund for refund in order.parts.refunds if refund.waits_for_approval]
    if not refunds:
        yield errors.NothingLeft(Operation.APPROVE_REFUND, "no requested refund")
    elif all(refund.was_requested_by(caller) for refund in refunds):
        yield errors.OwnRequest(refunds[0].requested_by, asked_by=caller.actor)


def _refund_in(operation: Operation, state: RefundState) -> Check:
    def check(order: Order, caller: Caller) -> Iterator[OrderError]:
        if all(refund.state != state for refund in order.parts.refunds):
            yield errors.NothingLeft(operation, f"no {state} refund")

    return check


def _request_return(order: Order, caller: Caller) -> Iterator[OrderError]:
    if not any(units_to_return(order).values()):
        yield errors.NothingLeft(Operation.REQUEST_RETURN, "no shipped unit left to return")


def units_to_return(order: Order) -> dict[UUID, int]:
    """By item id: shipped, not returned, and not announced by another return."""
    left: dict[UUID, int] = {item.pk: item.shipped - item.returned for item in order.lines}
    for announced in order.parts.returns:
        if announced.state in (ReturnState.REQUESTED, ReturnState.APPROVED):
            for line in announced.contents:
                left[line.item_id] -= line.quantity
    return left


def _return_in(operation: Operation, state: ReturnState) -> Check:
    def check(order: Order, caller: Caller) -> Iterator[OrderError]:
        if not any(found.state == state for found in order.parts.returns):
            yield errors.NothingLeft(operation, f"no {state} return")

    return check


def _release_hold(order: Order, caller: Caller) -> Iterator[OrderError]:
    if not order.holds:
        yield errors.NothingLeft(Operation.RELEASE_HOLD, "no hold on this order")


def _delete(order: Order, caller: Caller) -> Iterator[OrderError]:
    """Deleting a pending order ends it without a refund."""
    if order.status == OrderStatus.PENDING and order.kept_amount > 0:
        yield errors.MoneyOnOrder(order.kept_amount)


def _expire(order: Order, caller: Caller) -> Iterator[OrderError]:
    if order.reserved_until is None or order.reserved_until > clock.now():
        yield errors.NotExpired("its stock is held for longer")
    if order.money_on_it:
        yield errors.NotExpired("there is money on it")


_CHECKS: Final[dict[Operation, Check]] = {
    Operation.EXTEND: _extend,
    Operation.CHANGE_ADDRESS: _address,
    Operation.PACK: _open_units(Operation.PACK),
    Operation.SHIP: _open_units(Operation.SHIP),
    Operation.TRACK: _track,
    Operation.DELIVER: _parcel_that_is("on its way", Operation.DELIVER),
    Operation.UNDO_SHIPMENT: _undo_shipment,
    Operation.UNDO_DELIVERY: _parcel_that_is("delivered", Operation.UNDO_DELIVERY),
    Operation.REINSTATE: _reinstate,
    Operation.CANCEL: _open_units(Operation.CANCEL),
    Operation.CORRECT_PAYMENT: _correct_payment,
    Operation.REQUEST_REFUND: _request_refund,
    Operation.APPROVE_REFUND: _approve_refund,
    Operation.REJECT_REFUND: _refund_in(Operation.REJECT_REFUND, RefundState.REQUESTED),
    Operation.FAIL_REFUND: _refund_in(Operation.FAIL_REFUND, RefundState.APPROVED),
    Operation.REQUEST_RETURN: _request_return,
    Operation.APPROVE_RETURN: _return_in(Operation.APPROVE_RETURN, ReturnState.REQUESTED),
    Operation.REJECT_RETURN: _return_in(Operation.REJECT_RETURN, ReturnState.REQUESTED),
    Operation.RECEIVE_RETURN: _return_in(Operation.RECEIVE_RETURN, ReturnState.APPROVED),
    Operation.CLOSE_RETURN: _return_in(Operation.CLOSE_RETURN, ReturnState.APPROVED),
    Operation.RELEASE_HOLD: _release_hold,
    Operation.DELETE: _delete,
    Operation.EXPIRE: _expire,
}
