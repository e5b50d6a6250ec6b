"""Which part of an order an operation can be meant for: a parcel, a refund, a return or a hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from orders.admin.display.contents import contents_in_words, contents_of, hold_label, product_names
from orders.models import Order, Refund, Shipment
from orders.operations.obstacles import payments_in_force
from orders.rules.callers import Caller
from orders.rules.currencies import format_amount
from orders.rules.lifecycle import Operation
from orders.rules.statuses import RefundState, ReturnState


class Part(NamedTuple):
    """What staff choose from. Without an `id` it is none of those that exist: a new parcel, or all of them."""

    id: str
    label: str


def parts_of(order: Order, operation: Operation, *, caller: Caller) -> list[Part]:
    """What the operation can be meant for; nothing when it is meant for the whole order."""
    find = _PARTS.get(operation)
    return list(find(order, caller)) if find else []


def _parcel(order: Order, parcel: Shipment) -> Part:
    inside = contents_in_words(contents_of(parcel), product_names(order))
    tracked = " ".join(filter(None, (parcel.tracking_company, parcel.tracking_number)))
    state = "packed" if inside else "announced"
    told = state if parcel.shipped_at is None else parcel.state
    return Part(str(parcel.pk), ", ".join(filter(None, (tracked, inside, told))))


def _packed_or(nothing: str) -> Callable[[Order, Caller], Iterator[Part]]:
    """Parcels that are packed; `nothing` is what naming none of them means."""

    def find(order: Order, caller: Caller) -> Iterator[Part]:
        yield Part("", nothing)
        for parcel in order.shipments.all():
            if parcel.shipped_at is None and contents_of(parcel):
                yield _parcel(order, parcel)

    return find


def _not_there_yet(order: Order, caller: Caller) -> Iterator[Part]:
    for parcel in order.shipments.all():
        if parcel.delivered_at is None:
            yield _parcel(order, parcel)


def _parcels_that_are(state: str, *, all_of_them: str = "") -> Callable[[Order, Caller], Iterator[Part]]:
    """`all_of_them` is what naming none of several means, where that means anything."""

    def find(order: Order, caller: Caller) -> Iterator[Part]:
        parcels = [_parcel(order, parcel) for parcel in order.shipments.all() if parcel.state == state]
        if all_of_them and len(parcels) > 1:
            yield Part("", all_of_them)
        yield from parcels

    return find


def _refunds(fits: Callable[[Refund, Caller], bool]) -> Callable[[Order, Caller], Iterator[Part]]:
    def find(order: Order, caller: Caller) -> Iterator[Part]:
        for refund in order.refunds.all():
            if fits(refund, caller):
                amount = format_amount(refund.amount, order.currency)
                yield Part(str(refund.pk), f"{amount}, requested by {refund.requested_by}")

    return find


def _to_be_approved(refund: Refund, caller: Caller) -> bool:
    return refund.waits_for_approval and not refund.was_requested_by(caller)


def _payments(order: Order, caller: Caller) -> Iterator[Part]:
    for payment in payments_in_force(order):
        amount = format_amount(payment.amount, payment.currency or order.currency)
        yield Part(str(payment.pk), f"{payment.get_kind_display()} of {amount}, {payment.psp_reference}")


def _returns(state: ReturnState) -> Callable[[Order, Caller], Iterator[Part]]:
    def find(order: Order, caller: Caller) -> Iterator[Part]:
        names = product_names(order)
        for announced in order.returns.all():
            if announced.state == state:
                inside = contents_in_words(contents_of(announced), names)
                yield Part(str(announced.pk), f"{inside}: {announced.get_cause_display()}")

    return find


def _holds(order: Order, caller: Caller) -> Iterator[Part]:
    for hold in order.holds:
        yield Part(hold["id"], f"{hold_label(hold)}, by {hold['placed_by']}")


_PARTS: Final = {
    Operation.CORRECT_PAYMENT: _payments,
    Operation.PACK: _packed_or("A new parcel"),
    Operation.SHIP: _packed_or("All that is open: packed parcels as they are, the rest in a new one"),
    Operation.TRACK: _not_there_yet,
    Operation.DELIVER: _parcels_that_are("on its way", all_of_them="All parcels that are on their way"),
    Operation.UNDO_SHIPMENT: _parcels_that_are("on its way"),
    Operation.UNDO_DELIVERY: _parcels_that_are("delivered"),
    Operation.APPROVE_REFUND: _refunds(_to_be_approved),
    Operation.REJECT_REFUND: _refunds(lambda refund, caller: refund.state == RefundState.REQUESTED),
    Operation.FAIL_REFUND: _refunds(lambda refund, caller: refund.state == RefundState.APPROVED),
    Operation.APPROVE_RETURN: _returns(ReturnState.REQUESTED),
    Operation.REJECT_RETURN: _returns(ReturnState.REQUESTED),
    Operation.CLOSE_RETURN: _returns(ReturnState.APPROVED),
    Operation.RECEIVE_RETURN: _returns(ReturnState.APPROVED),
    Operation.RELEASE_HOLD: _holds,
}
