"""What the payment provider did, as facts that are always recorded."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import IntegrityError

from orders.models import Order, PaymentRecord, Refund
from orders.operations.call import Call, Document
from orders.operations.constraints import broken_constraint
from orders.operations.locked_order import locked_order
from orders.requests.operations import RecordPayment
from orders.rules import errors
from orders.rules.lifecycle import Operation
from orders.rules.money import MAX_AMOUNT, unknown_currency
from orders.rules.statuses import OrderStatus, PaymentKind, RefundState

_COMES_IN: Final = frozenset({PaymentKind.AUTHORIZATION, PaymentKind.CAPTURE})


def record_payment(order_id: UUID, request: RecordPayment, *, call: Call) -> Document:
    """Record one fact, by the payment provider's reference; the same again is no change.

    It is recorded whatever has become of the order, and flagged as late when it has ended or is deleted. The
    storefront's policy may confirm the order by it. Raises PaymentConflict, CurrencyMismatch or UnknownPart.
    """
    with locked_order(order_id, Operation.RECORD_PAYMENT, call, deleted=True, checked=False) as locked:
        order = locked.order
        known = _recorded(order.storefront_id, request)
        if known is not None:
            told = (order.pk, request.amount, request.currency or known.currency)
            if (known.order_id, known.amount, known.currency) != told:
                raise errors.PaymentConflict(request.psp_reference, request.kind)
            return locked.unchanged()
        key = (order.storefront_id, request.psp, request.psp_reference, request.kind)
        if call.rehearsal is not None and key in call.rehearsal.payments:
            raise errors.PaymentConflict(request.psp_reference, request.kind)
        locked.check(Operation.RECORD_PAYMENT)
        currency = _currency(order, request)
        refund = _refund(order, request)
        ended = order.status == OrderStatus.CANCELED or order.deleted_at is not None
        try:
            PaymentRecord.objects.create(
                order=order,
                storefront_id=order.storefront_id,
                refund=refund,
                kind=request.kind,
                amount=request.amount,
                currency=currency,
                psp=request.psp,
                psp_reference=request.psp_reference,
                late=ended and request.kind in _COMES_IN,
                occurred_at=request.occurred_at or call.now(),
                recorded_at=call.now(),
            )
        except IntegrityError as error:
            if broken_constraint(error) == "payment_reference_once":  # for another order, a moment ago
                raise errors.PaymentConflict(request.psp_reference, request.kind) from error
            raise
        order.currency = currency
        order.payment_count += 1
        _count(order, request)
        if refund is not None:
            _settle(order, refund, call)
        order.derive_money()
        order.confirm_by_policy()
        document = locked.commit()
        if call.rehearsal is not None:
            call.rehearsal.payments.add(key)
        return document


def _recorded(storefront_id: int, request: RecordPayment) -> PaymentRecord | None:
    return PaymentRecord.objects.filter(
        storefront_id=storefront_id, psp=request.psp, psp_reference=request.psp_reference, kind=request.kind
    ).first()


def _currency(order: Order, request: RecordPayment) -> str | None:
    """The order's; an order that has none takes that of its first payment."""
    if wrong := unknown_currency(request.currency):
        raise errors.InvalidRequest(wrong)
    if request.currency is not None and order.currency is not None and request.currency != order.currency:
        raise errors.CurrencyMismatch(expected=order.currency, got=request.currency)
    return order.currency or request.currency or order.storefront.currency or None


def _refund(order: Order, request: RecordPayment) -> Refund | None:
    if request.refund_id is None:
        return None
    if request.kind != PaymentKind.REFUND:
        detail = f"A {request.kind} settles no refund; only a payment of kind refund does"
        raise errors.InvalidRequest.at("/refund_id", "not_allowed", detail)
    refund = order.refunds.filter(pk=request.refund_id).first()
    if refund is None:
        raise errors.UnknownPart("refund", request.refund_id)
    return refund


def _count(order: Order, request: RecordPayment) -> None:
    match request.kind:
        case PaymentKind.AUTHORIZATION:
            order.authorized_amount += request.amount
        case PaymentKind.VOID:
            order.authorized_amount = max(0, order.authorized_amount - request.amount)
        case PaymentKind.CAPTURE:
            order.captured_amount += request.amount
        case PaymentKind.REFUND:
            order.refunded_amount += request.amount
        case PaymentKind.CHARGEBACK:
            order.charged_back_amount += request.amount
    if (
        max(order.authorized_amount, order.captured_amount, order.refunded_amount, order.charged_back_amount)
        > MAX_AMOUNT
    ):
        raise errors.InvalidRequest.at(
            "/amount", "out_of_range", f"Together with earlier ones it would exceed {MAX_AMOUNT}"
        )


def _settle(order: Order, refund: Refund, call: Call) -> None:
    """The refund has been paid out; its amount waits no longer. Facts win, also over a rejection."""
    if refund.state in (RefundState.REQUESTED, RefundState.APPROVED):
        order.refund_pending_amount -= refund.amount
    if refund.decided_by is None:
        refund.decided_by, refund.decided_at = call.caller.actor, call.now()
    refund.state = RefundState.SETTLED
    refund.save()
