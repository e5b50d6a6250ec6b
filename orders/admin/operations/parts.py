"""Which part of an order an operation can be meant for: a parcel, a refund, a return or a hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from orders.admin.display.contents import contents_in_words, contents_of, hold_label, product_names
from orders.admin.display.names import names_of
from orders.admin.operations.owed_back import described, owed_back
from orders.models import Order, Refund, Shipment
from orders.operations.obstacles import payments_in_force
from orders.rules.callers import Caller
from orders.rules.currencies import format_amount
from orders.rules.lifecycle import Operation
from orders.rules.statuses import RefundState, ReturnState


class Part(NamedTuple):
    """What staff choose from. Without an `id` it is none of those that exist: a new parcel, or all of them.

    What is `usual` is chosen at first. The label of what is somebody's ends with the name of this actor: see `named`.
    """

    id: str
    label: str
    usual: bool = False
    by: str = ""


def parts_of(order: Order, operation: Operation, *, caller: Caller) -> list[Part]:
    """What the operation can be meant for; nothing when it is meant for the whole order."""
    find = _PARTS.get(operation)
    return list(find(order, caller)) if find else []


def named(parts: Iterable[Part]) -> list[Part]:
    """The same with the names of those whose they are."""
    known = list(parts)
    names = names_of(part.by for part in known if part.by)
    return [part._replace(label=f"{part.label} {names.of(part.by)}") if part.by else part for part in known]


def usual_part(parts: Sequence[Part]) -> str | None:
    """The id of what is meant where nothing is said; None where somebody has to say it."""
    usual = [part.id for part in parts if part.usual or len(parts) == 1]
    return usual[0] if usual else None


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
                yield Part(str(refund.pk), f"{amount}, requested by", by=refund.requested_by)

    return find


def _owed_back(order: Order, caller: Caller) -> Iterator[Part]:
    """What a refund pays out: returns and cancellations for which something is owed still, or none of them."""
    owed = list(owed_back(order))
    for number, (part, amount) in enumerate(owed):
        label = f"{format_amount(amount, order.currency)} owed: {described(part, order)}"
        yield Part(str(part.pk), label, usual=number == 0)
    yield Part("", "Units the customer keeps, shipping, or another amount", usual=not owed)


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
        yield Part(hold["id"], f"{hold_label(hold)}, by", by=hold["placed_by"])


_PARTS: Final = {
    Operation.CORRECT_PAYMENT: _payments,
    Operation.PACK: _packed_or("A new parcel"),
    Operation.SHIP: _packed_or("All that is open: packed parcels as they are, the rest in a new one"),
    Operation.TRACK: _not_there_yet,
    Operation.DELIVER: _parcels_that_are("on its way", all_of_them="All parcels that are on their way"),
    Operation.UNDO_SHIPMENT: _parcels_that_are("on its way"),
    Operation.UNDO_DELIVERY: _parcels_that_are("delivered"),
    Operation.REQUEST_REFUND: _owed_back,
    Operation.APPROVE_REFUND: _refunds(_to_be_approved),
    Operation.REJECT_REFUND: _refunds(lambda refund, caller: refund.state == RefundState.REQUESTED),
    Operation.FAIL_REFUND: _refunds(lambda refund, caller: refund.state == RefundState.APPROVED),
    Operation.APPROVE_RETURN: _returns(ReturnState.REQUESTED),
    Operation.REJECT_RETURN: _returns(ReturnState.REQUESTED),
    Operation.CLOSE_RETURN: _returns(ReturnState.APPROVED),
    Operation.RECEIVE_RETURN: _returns(ReturnState.APPROVED),
    Operation.RELEASE_HOLD: _holds,
}
