"""Giving captured money back: asked for, approved by somebody else where it is much, and told to whoever pays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from orders.models import Order, Refund
from orders.operations.call import Call, Document
from orders.operations.locked_order import LockedOrder, locked_order
from orders.operations.units import part_meant
from orders.requests.operations import DecideRefund, RequestRefund
from orders.rules import errors
from orders.rules.lifecycle import Operation
from orders.rules.statuses import OrderStatus, PaymentKind, RefundState

Instruction = Mapping[str, Any]


def request_refund(order_id: UUID, request: RequestRefund, *, call: Call) -> Document:
    """Ask for captured money to be given back. Under the storefront's limit it is approved at once.

    Raises AmountExceeded: never more than was captured, less what has been given back or is about to be.
    """
    with locked_order(order_id, Operation.REQUEST_REFUND, call) as locked:
        available = locked.order.refundable_amount
        amount = available if request.amount is None else request.amount
        if amount > available:
            raise errors.AmountExceeded(requested=amount, available=available)
        return locked.commit(instructions=_refund(locked, amount))


def approve_refund(order_id: UUID, request: DecideRefund, *, call: Call) -> Document:
    """Approve what somebody else has requested: now it is to be paid out. Raises OwnRequest or WrongState."""
    with locked_order(order_id, Operation.APPROVE_REFUND, call) as locked:
        refund = part_meant("refund", locked.order.refunds.all(), request.refund_id, state=RefundState.REQUESTED)
        if refund.was_requested_by(call.caller):
            raise errors.OwnRequest(refund.requested_by, asked_by=call.caller.actor)
        _decide(refund, RefundState.APPROVED, call)
        return locked.commit(instructions=[_pay_out(locked.order, refund)])


def reject_refund(order_id: UUID, request: DecideRefund, *, call: Call) -> Document:
    """The requested refund is not paid; its amount can be refunded otherwise."""
    with locked_order(order_id, Operation.REJECT_REFUND, call) as locked:
        refund = part_meant("refund", locked.order.refunds.all(), request.refund_id, state=RefundState.REQUESTED)
        _decide(refund, RefundState.REJECTED, call)
        locked.order.refund_pending_amount -= refund.amount
        return locked.commit()


def fail_refund(order_id: UUID, request: DecideRefund, *, call: Call) -> Document:
    """The payment provider could not pay an approved refund; its amount can be refunded anew."""
    with locked_order(order_id, Operation.FAIL_REFUND, call) as locked:
        refund = part_meant("refund", locked.order.refunds.all(), request.refund_id, state=RefundState.APPROVED)
        _decide(refund, RefundState.FAILED, call)
        locked.order.refund_pending_amount -= refund.amount
        return locked.commit()


def instructions_after_cancel(locked: LockedOrder) -> list[Instruction]:
    """What is to be done with the money once units are canceled.

    More captured than is still due is to be refunded; an authorization of an ended order is to be voided.
    """
    order = locked.order
    if locked.call.at is not None:  # history: it has been given back, or has not, long ago
        return []
    if order.due_amount is None:  # no prices: nobody knows what some units were worth
        return []
    if (too_much := order.refundable_amount - order.due_amount) > 0:
        return _refund(locked, too_much)
    if order.status == OrderStatus.CANCELED and order.authorized_amount > 0 and order.captured_amount == 0:
        return [
            {
                "kind": "void",
                "amount": order.authorized_amount,
                "currency": order.currency,
                "payments": _references(order, PaymentKind.AUTHORIZATION),
            }
        ]
    return []


def _refund(locked: LockedOrder, amount: int) -> list[Instruction]:
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
        state=RefundState.REQUESTED,
        requested_by=call.caller.actor,
        requester=call.caller.person,
        requested_at=call.now(),
    )
    order.refund_pending_amount += amount
    if needs_approval:
        refund.save()
        return []
    _decide(refund, RefundState.APPROVED, call)
    return [_pay_out(order, refund)]


def _decide(refund: Refund, state: RefundState, call: Call) -> None:
    refund.state, refund.decided_by, refund.decided_at = state, call.caller.actor, call.now()
    refund.save()


def _pay_out(order: Order, refund: Refund) -> Instruction:
    return {
        "kind": "refund",
        "refund_id": str(refund.pk),
        "amount": refund.amount,
        "currency": order.currency,
        "payments": _references(order, PaymentKind.CAPTURE),
    }


def _references(order: Order, kind: PaymentKind) -> list[Instruction]:
    """What the payment provider knows the money by."""
    return list(order.payments.filter(kind=kind).order_by("id").values("psp", "psp_reference", "amount"))
