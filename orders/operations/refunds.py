"""Giving captured money back: asked for, approved by somebody else where it is much, and told to whoever pays."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import UNSET

from orders.models import Credit, Order, PaymentRecord, Refund, Return
from orders.models.payments import OPEN_REFUNDS
from orders.operations.call import Call, Document
from orders.operations.crediting import usual_credit, write_credit
from orders.operations.locked_order import LockedOrder, locked_order
from orders.operations.refund_decisions import told_state
from orders.operations.units import chosen_units, part_meant
from orders.requests.operations import DecideRefund, RequestRefund
from orders.rules import errors
from orders.rules.credits import Credited, CreditedLine, credit_of, goodwill_in, line_totals, standing
from orders.rules.facts import Fact, Left, left_to_refund, left_to_void, paid_out, take
from orders.rules.lifecycle import Operation
from orders.rules.statuses import CreditCause, OrderStatus, RefundState

Instruction = Mapping[str, Any]


def request_refund(order_id: UUID, request: RequestRefund, *, call: Call) -> Document:
    """Ask for captured money to be given back. Under the storefront's limit it is approved at once.

    It pays out what is kept beyond what is due; what it is more is owed less from now on, out of goodwill. Without an
    amount: what its return or its credit was worth, as far as that is kept beyond what is due; what its units and
    shipping are worth; else what is kept beyond what is due, and where nothing is, everything.

    Raises AmountExceeded: never more than was captured, less what has been given back or is about to be, and of the
    shipping never more than was not credited yet. Raises UnknownPart or QuantityExceeded for what it names.
    """
    with locked_order(order_id, Operation.REQUEST_REFUND, call) as locked:
        order = locked.order
        meant = _what_for(order, request)
        available = order.refundable_amount
        amount = request.amount
        if amount is UNSET:
            amount = min(available, order.overpaid_amount or available if meant.usual is None else meant.usual)
            if amount == 0:
                raise errors.NothingLeft(Operation.REQUEST_REFUND, "nothing left to refund for these units")
        if amount > available:
            raise errors.AmountExceeded(requested=amount, available=available)
        return locked.commit(instructions=_refund(locked, amount, meant))


class _WhatFor(NamedTuple):
    """What a refund is for. `usual` is what that is worth; None when it names nothing."""

    part_of: Return | None = None
    credit: Credit | None = None
    credited: Credited = Credited([])
    usual: int | None = None


def _what_for(order: Order, request: RequestRefund) -> _WhatFor:
    _refuse_two_at_once(request)
    if request.return_id is not UNSET:
        announced = next((found for found in order.parts.returns if found.pk == request.return_id), None)
        if announced is None:
            raise errors.UnknownPart("return", request.return_id)
        return _WhatFor(part_of=announced, usual=min(left_of_return(order, announced), order.overpaid_amount))
    if request.credit_id is not UNSET:
        credit = next((found for found in order.parts.credits if found.pk == request.credit_id), None)
        if credit is None:
            raise errors.UnknownPart("credit", request.credit_id)
        return _WhatFor(credit=credit, usual=min(left_of_credit(order, credit), order.overpaid_amount))
    if request.items is UNSET and request.shipping_amount is UNSET:
        return _WhatFor()
    ended = order.ended_units()
    units = {}
    if request.items is not UNSET:
        available = {item.pk: item.quantity - ended[item.pk] for item in order.lines}
        units = chosen_units(order, request.items, available=available, verb="refunded")
    worth = usual_credit(order, units, before=ended)
    if request.shipping_amount is not UNSET:
        left = shipping_left(order)
        if request.shipping_amount > left:
            raise errors.AmountExceeded(
                requested=request.shipping_amount,
                available=left,
                can_be="refunded of the shipping: what has not been credited yet",
            )
        worth = worth._replace(shipping=request.shipping_amount)
    return _WhatFor(credited=worth, usual=worth.amount)


def _refuse_two_at_once(request: RequestRefund) -> None:
    of_units = [name for name in ("items", "shipping_amount") if getattr(request, name) is not UNSET]
    named = [name for name in ("return_id", "credit_id") if getattr(request, name) is not UNSET]
    for second in (named + of_units)[1:] if named else ():
        detail = "A refund is for a return, for a credit, or for items and shipping; name one of them"
        raise errors.InvalidRequest.at(f"/{second}", "not_allowed", detail)


def left_of_return(order: Order, announced: Return) -> int:
    """What its units were credited with, less what has been refunded for it."""
    credited = sum(credit.amount for credit in order.parts.credits if credit.part_of_id == announced.pk)
    refunds = [refund for refund in order.parts.refunds if refund.part_of_id == announced.pk]
    return max(0, credited - _given_by(refunds))


def left_of_credit(order: Order, credit: Credit) -> int:
    """What it is, less what has been refunded for it; nothing of one that was taken back."""
    if credit not in standing(order.parts.credits):
        return 0
    return max(0, credit.amount - _given_by(refund for refund in order.parts.refunds if refund.credit_id == credit.pk))


def _given_by(refunds: Iterable[Refund]) -> int:
    return sum(refund.settled_amount + refund.open_amount for refund in refunds)


def shipping_left(order: Order) -> int:
    """What of the total is for shipping, and neither credited yet, nor asked back, nor more than is still owed."""
    if order.total_amount is None:
        return 0
    sold = order.sold()
    credited = sum(credit.shipping_amount for credit in order.parts.credits)
    asked = sum(refund.shipping_amount for refund in order.parts.refunds if refund.waits_for_approval)
    return max(0, min(sold.total - sum(line_totals(sold)) - credited - asked, order.due_amount or 0))


def approve_refund(order_id: UUID, request: DecideRefund, *, call: Call) -> Document:
    """Approve what somebody else has requested: now it is to be paid out.

    What was paid out before anybody agreed is agreed to by this, also where it was rejected; of one that could not be
    paid out there is nothing to pay, as if that had come afterwards. Raises OwnRequest, WrongState, or AmountExceeded
    when what is left of a rejected one has been promised otherwise.
    """
    with locked_order(order_id, Operation.APPROVE_REFUND, call) as locked:
        order = locked.order
        refund = part_meant(
            "refund", order.parts.refunds, request.refund_id, state=RefundState.REQUESTED, fits=_waits_for_approval
        )
        if refund.was_requested_by(call.caller):
            raise errors.OwnRequest(refund.requested_by, asked_by=call.caller.actor)
        _, failed = paid_out(facts_of(order), refund.pk)
        state = told_state(refund, failed=failed) or RefundState.APPROVED
        was_open = refund.open_amount
        left = refund.amount - refund.settled_amount if state == RefundState.APPROVED else 0
        if left > was_open + order.refundable_amount:
            raise errors.AmountExceeded(requested=left, available=order.refundable_amount)
        _decide(order, refund, state, call)
        order.refund_pending_amount += left - was_open
        grant_goodwill(order, refund, call)
        return locked.commit(instructions=[_pay_out(order, refund)] if left else [])


def _waits_for_approval(refund: Refund) -> bool:
    return refund.waits_for_approval


def reject_refund(order_id: UUID, request: DecideRefund, *, call: Call) -> Document:
    """The requested refund is not paid; its amount can be refunded otherwise."""
    with locked_order(order_id, Operation.REJECT_REFUND, call) as locked:
        refund = part_meant("refund", locked.order.parts.refunds, request.refund_id, state=RefundState.REQUESTED)
        locked.order.refund_pending_amount -= refund.open_amount
        _decide(locked.order, refund, RefundState.REJECTED, call)
        return locked.commit()


def fail_refund(order_id: UUID, request: DecideRefund, *, call: Call) -> Document:
    """The payment provider could not pay an approved refund; its amount is still owed, and can be refunded anew."""
    with locked_order(order_id, Operation.FAIL_REFUND, call) as locked:
        refund = part_meant("refund", locked.order.parts.refunds, request.refund_id, state=RefundState.APPROVED)
        locked.order.refund_pending_amount -= refund.open_amount
        _decide(locked.order, refund, RefundState.FAILED, call)
        return locked.commit()


def withdraw_refunds(order: Order, call: Call, *, but: Collection[UUID]) -> list[Instruction]:
    """What is open still is not to be paid out any more, except those with these ids.

    The newest first: each was told to be paid out of what those before it had left of the payments.
    """
    instructions: list[Instruction] = []
    open_ones = [refund for refund in order.parts.refunds if refund.pk not in but and refund.state in OPEN_REFUNDS]
    for refund in reversed(open_ones):
        if refund.state == RefundState.APPROVED:  # somebody has been told to pay it out
            instructions.append({**_pay_out(order, refund), "kind": "withdraw_refund"})
        order.refund_pending_amount -= refund.open_amount
        _decide(order, refund, RefundState.REJECTED, call)
    return instructions


def grant_goodwill(order: Order, refund: Refund, call: Call) -> None:
    """What a refund gives back beyond what is over is owed less, from when it is agreed to.

    How much that is shows only then: units may have come back since it was asked for. What of it was paid out before
    is part of what was over, so it does not matter when its payments are told. Refunds that nobody has agreed to take
    nothing of that, whether they wait, are paid out or are rejected afterwards.
    """
    due = order.due_amount
    if due is None:
        return
    others = [other for other in order.parts.refunds if other.pk != refund.pk]
    pending = sum(other.open_amount for other in others if other.is_agreed)
    not_agreed = sum(other.settled_amount for other in others if not other.is_agreed)
    kept = order.kept_amount + refund.settled_amount + not_agreed
    goodwill = goodwill_in(refund.amount, kept=kept, pending=pending, due=due)
    refund.goodwill_amount = min(goodwill, due)
    order.parts.change(refund, "goodwill_amount")
    if refund.goodwill_amount:
        write_credit(order, call, CreditCause.GOODWILL, _dealt(refund), refund=refund)


def _dealt(refund: Refund) -> Credited:
    """Its goodwill: what is asked for the shipping first, the rest by units, where it names some."""
    named = [CreditedLine(UUID(line["item_id"]), line["quantity"], 0) for line in refund.lines]
    shipping = min(refund.shipping_amount, refund.goodwill_amount)
    rest = refund.goodwill_amount - shipping
    return Credited(credit_of(rest, Credited(named)).lines, shipping) if named else Credited([], shipping, rest)


def instructions_for_what_is_over(locked: LockedOrder, *, since: Credit | None = None) -> list[Instruction]:
    """What is to be done with the money once less is owed, `since` this credit.

    What is kept beyond what is due is to be refunded; what is still promised for an ended order is to be voided. A
    refund of more than the credit is for something earlier, too, and so it is for no credit.
    """
    order = locked.order
    if locked.call.at is not None:  # history: it has been given back, or has not, long ago
        return []
    over = order.overpaid_amount
    meant = _WhatFor(credit=since if since is not None and over <= since.amount else None)
    instructions = _refund(locked, over, meant) if over else []
    if order.status == OrderStatus.CANCELED:
        instructions += void_what_is_authorized(order)
    return instructions


def void_what_is_authorized(order: Order, *, only: PaymentRecord | None = None) -> list[Instruction]:
    """What of its authorizations (or of the `only` one) is neither captured nor void is not wanted any more."""
    if order.authorized_amount == 0:
        return []
    left = [payment for payment in left_to_void(facts_of(order)) if only is None or payment.fact.id == only.pk]
    if not left:
        return []
    amount = sum(payment.amount for payment in left)
    return [{"kind": "void", "amount": amount, "currency": order.currency, "payments": _named(left)}]


def withdraw_voids(order: Order) -> list[Instruction]:
    """An order that had ended lives again: what is still authorized is wanted, though its void was asked for."""
    return [{**instruction, "kind": "withdraw_void"} for instruction in void_what_is_authorized(order)]


def facts_of(order: Order) -> list[Fact]:
    return [payment.fact for payment in order.parts.payments]


def _refund(locked: LockedOrder, amount: int, meant: _WhatFor = _WhatFor()) -> list[Instruction]:  # noqa: B008 - it cannot change
    """Write the refund; the instruction to pay it out, unless somebody has to approve it first.

    The limit counts all of the order's refunds, so that many small ones do not pass by it. It is in the storefront's
    currency, and nobody knows here what another one is worth: a refund in that is always looked at.
    """
    order, call = locked.order, locked.call
    limit, currency = order.storefront.refund_approval_above, order.storefront.currency
    in_all = order.refunded_amount + order.refund_pending_amount + amount
    foreign = bool(currency) and order.currency != currency
    needs_approval = limit is not None and (foreign or in_all > limit)
    refund = Refund(
        order=order,
        storefront_id=order.storefront_id,
        amount=amount,
        part_of=meant.part_of,
        credit=meant.credit,
        shipping_amount=meant.credited.shipping,
        lines=[{"item_id": str(line.item_id), "quantity": line.quantity} for line in meant.credited.lines],
        state=RefundState.REQUESTED,
        requested_by=call.caller.actor,
        requester=call.caller.person,
        requested_at=call.now(),
    )
    order.refund_pending_amount += amount
    order.parts.refunds.append(refund)
    order.parts.add(refund)
    if needs_approval:
        return []
    _decide(order, refund, RefundState.APPROVED, call)
    grant_goodwill(order, refund, call)
    return [_pay_out(order, refund)]


def _decide(order: Order, refund: Refund, state: RefundState, call: Call) -> None:
    refund.state, refund.decided_by, refund.decided_at = state, call.caller.actor, call.now()
    order.parts.change(refund, "state", "decided_by", "decided_at")


def _pay_out(order: Order, refund: Refund) -> Instruction:
    promised = sum(
        other.open_amount
        for other in order.parts.refunds
        if other.state == RefundState.APPROVED and other.pk != refund.pk
    )
    left = left_to_refund(facts_of(order), promised=promised)
    return {
        "kind": "refund",
        "refund_id": str(refund.pk),
        "amount": refund.open_amount,
        "currency": order.currency,
        "payments": _named(take(refund.open_amount, left)),
    }


def _named(payments: Iterable[Left]) -> list[Instruction]:
    """What the payment provider knows the money by, and how much of each payment is meant."""
    return [{"psp": left.fact.psp, "psp_reference": left.fact.reference, "amount": left.amount} for left in payments]
