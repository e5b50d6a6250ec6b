"""What the payment provider did, as facts that are always recorded, whichever of them comes first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db import IntegrityError, connection
from msgspec import UNSET, UnsetType

from orders.models import Order, PaymentRecord, Refund
from orders.models.payments import OPEN_REFUNDS
from orders.operations.call import Call, Document
from orders.operations.constraints import broken_constraint
from orders.operations.locked_order import locked_order
from orders.operations.obstacles import payments_in_force
from orders.operations.refund_decisions import decided_state, told_state
from orders.operations.refunds import Instruction, void_what_is_authorized
from orders.operations.unwritten import KnownPayment, PaymentKey
from orders.requests.operations import CorrectPayment, RecordPayment
from orders.rules import errors
from orders.rules.facts import Fact, paid_out, provider_key, sums_of
from orders.rules.lifecycle import Operation
from orders.rules.money import MAX_AMOUNT, unknown_currency
from orders.rules.statuses import OrderStatus, PaymentKind, RefundState

_LATEST: Final = """
select order_id, amount, currency, attempt,
       exists (select from orders_paymentrecord correction where correction.corrects_id = payment.id)
  from orders_paymentrecord payment
 where storefront_id = %s and psp = any (%s::text[]) and psp_reference = %s and kind = %s
 order by attempt desc limit 1
"""
_LATEST_OF_EACH: Final = """
select wanted.*, latest.*
  from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) as wanted (storefront_id, psp, psp_reference, kind)
 cross join lateral (
       select order_id, amount, currency, attempt,
              exists (select from orders_paymentrecord correction where correction.corrects_id = payment.id)
         from orders_paymentrecord payment
        where payment.storefront_id = wanted.storefront_id and payment.psp = wanted.psp
          and payment.psp_reference = wanted.psp_reference and payment.kind = wanted.kind
        order by attempt desc limit 1
       ) latest
"""
_COMES_IN: Final = frozenset({PaymentKind.AUTHORIZATION, PaymentKind.CAPTURE})
_OF_REFUNDS: Final = frozenset({PaymentKind.REFUND, PaymentKind.REFUND_FAILED})


def record_payment(order_id: UUID, request: RecordPayment, *, call: Call) -> Document:
    """Record one fact, by the payment provider's reference; the same again is no change.

    It is recorded whatever has become of the order, and flagged as late when it has ended or is deleted. The
    storefront's policy may confirm the order by it. A refund that names none settles the open one it fits. Raises
    PaymentConflict, CurrencyMismatch, InvalidRequest or UnknownPart.
    """
    if request.kind == PaymentKind.CORRECTION:
        detail = "What was recorded by mistake is taken back with correct_payment"
        raise errors.InvalidRequest.at("/kind", "not_a_choice", detail)
    with locked_order(order_id, Operation.RECORD_PAYMENT, call, deleted=True, checked=False) as locked:
        order = locked.order
        key = payment_key(order.storefront_id, request)
        known = _latest(request, key) if call.unwritten is None else call.unwritten.known_payment(key)
        if known is not None and not known.is_corrected:
            told = (order.pk, request.amount, request.currency or known.currency)
            if (known.order_id, known.amount, known.currency) != told:
                raise errors.PaymentConflict(request.psp_reference, request.kind)
            return locked.unchanged()
        if call.rehearsal is not None and key in call.rehearsal.payments:
            raise errors.PaymentConflict(request.psp_reference, request.kind)
        locked.check(Operation.RECORD_PAYMENT)
        currency = _currency(order, request)
        refund = _refund(order, request, order.parts.payments)
        ended = order.status == OrderStatus.CANCELED or order.deleted_at is not None
        fact = PaymentRecord(
            order=order,
            storefront_id=order.storefront_id,
            refund=refund,
            kind=request.kind,
            amount=request.amount,
            currency=currency,
            psp=provider_key(request.psp),
            psp_reference=request.psp_reference,
            parent_reference=request.parent_reference,
            attempt=known.attempt + 1 if known is not None else 0,
            late=ended and request.kind in _COMES_IN,
            occurred_at=request.occurred_at or call.now(),
            recorded_at=call.now(),
        )
        order.currency = currency
        _count(order, fact, refund)
        try:
            document = locked.commit(instructions=_void_at_once(order, fact, call))
        except IntegrityError as error:
            if broken_constraint(error) == "payment_reference_once":  # for another order, a moment ago
                raise errors.PaymentConflict(request.psp_reference, request.kind) from error
            raise
        if call.rehearsal is not None:
            call.rehearsal.payments.add(key)
        return document


def _void_at_once(order: Order, fact: PaymentRecord, call: Call) -> list[Instruction]:
    """An authorization that comes when the order has ended is promised for nothing."""
    if call.at is not None or not fact.late or fact.kind != PaymentKind.AUTHORIZATION:
        return []
    return void_what_is_authorized(order, only=fact)


def correct_payment(order_id: UUID, request: CorrectPayment, *, call: Call) -> Document:
    """Take back a fact that was recorded by mistake. It stays in sight, counts no more, and its reference is free.

    Raises UnknownPart, Ambiguous, WrongState when it is taken back already.
    """
    with locked_order(order_id, Operation.CORRECT_PAYMENT, call, deleted=True) as locked:
        order = locked.order
        wrong = _meant(order, order.parts.payments, request.payment_id)
        correction = PaymentRecord(
            order=order,
            storefront_id=order.storefront_id,
            kind=PaymentKind.CORRECTION,
            amount=wrong.amount,
            currency=wrong.currency,
            psp=wrong.psp,
            psp_reference=str(wrong.pk),
            corrects=wrong,
            occurred_at=call.now(),
            recorded_at=call.now(),
        )
        refund = next((refund for refund in order.parts.refunds if refund.pk == wrong.refund_id), None)
        _count(order, correction, refund)
        return locked.commit()


def _meant(order: Order, payments: list[PaymentRecord], payment_id: UUID | UnsetType) -> PaymentRecord:
    """One that counts; there is at least one."""
    counting = payments_in_force(order)
    if payment_id is UNSET:
        meant, *others = counting
        if others:
            raise errors.Ambiguous("payment", [payment.pk for payment in counting])
        return meant
    for payment in counting:
        if payment.pk == payment_id:
            return payment
    if any(payment.corrects_id == payment_id for payment in payments):
        raise errors.WrongState("payment", "corrected", "in force")
    raise errors.UnknownPart("payment", payment_id)


def payment_key(storefront_id: int, request: RecordPayment) -> PaymentKey:
    """What tells the fact from all others of the storefront."""
    return storefront_id, provider_key(request.psp), request.psp_reference, request.kind


def _latest(request: RecordPayment, key: PaymentKey) -> KnownPayment | None:
    """The fact by that reference; of several, earlier ones have been taken back.

    Some were kept as their provider's name was spelt: they are known by that spelling too.
    """
    storefront_id, provider, reference, kind = key
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, [storefront_id, [provider, request.psp], reference, kind])
        row = cursor.fetchone()
    return row and KnownPayment(*row)


def known_payments(keys: Iterable[PaymentKey]) -> dict[PaymentKey, KnownPayment]:
    """The latest fact by each of these references, of those that have one."""
    wanted = list(keys)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_LATEST_OF_EACH, [list(column) for column in zip(*wanted, strict=True)])
        return {(row[0], row[1], row[2], row[3]): KnownPayment(*row[4:]) for row in cursor.fetchall()}


def _currency(order: Order, request: RecordPayment) -> str | None:
    """The order's; an order that has none takes that of its first payment. One that is retired history alone has."""
    if request.currency != order.currency and (wrong := unknown_currency(request.currency)):
        raise errors.InvalidRequest(wrong)
    if request.currency is not None and order.currency is not None and request.currency != order.currency:
        raise errors.CurrencyMismatch(expected=order.currency, got=request.currency)
    return order.currency or request.currency or order.storefront.currency or None


def _refund(order: Order, request: RecordPayment, payments: list[PaymentRecord]) -> Refund | None:
    """The refund it pays out, or could not: the one that is named, or the one it fits."""
    if request.refund_id is None:
        return _fitting(order, request, payments) if request.kind in _OF_REFUNDS else None
    if request.kind not in _OF_REFUNDS:
        detail = f"A {request.kind} settles no refund; only a payment of kind refund does"
        raise errors.InvalidRequest.at("/refund_id", "not_allowed", detail)
    for refund in order.parts.refunds:
        if refund.pk == request.refund_id:
            return refund
    raise errors.UnknownPart("refund", request.refund_id)


def _fitting(order: Order, request: RecordPayment, payments: list[PaymentRecord]) -> Refund | None:
    """An open refund of just this amount, approved ones first; else the only approved one of more.

    What failed is the refund of the same reference.
    """
    if request.kind == PaymentKind.REFUND_FAILED:
        references = {request.psp_reference, request.parent_reference}
        ids = {
            paid.refund_id
            for paid in payments
            if provider_key(paid.psp) == provider_key(request.psp) and paid.psp_reference in references
        }
        return next((refund for refund in order.parts.refunds if refund.pk in ids), None)
    if not order.refund_pending_amount:
        return None
    refunds = [refund for refund in order.parts.refunds if refund.state in OPEN_REFUNDS]
    approved = [refund for refund in refunds if refund.state == RefundState.APPROVED]
    for refund in [*approved, *refunds]:
        if refund.open_amount == request.amount:
            return refund
    if len(approved) == 1 and approved[0].open_amount > request.amount:
        return approved[0]
    return None


def _count(order: Order, new: PaymentRecord, refund: Refund | None) -> None:
    """Add it, and draw all that follows from the facts. Raises InvalidRequest when that is too much money."""
    order.parts.payments.append(new)
    order.parts.add(new)
    facts = [payment.fact for payment in order.parts.payments]
    sums = sums_of(facts)
    if max(sums) > MAX_AMOUNT:
        detail = f"Together with earlier ones it would exceed {MAX_AMOUNT}"
        raise errors.InvalidRequest.at("/amount", "out_of_range", detail)
    order.payment_count = len(facts)
    order.authorized_amount, order.captured_amount = sums.authorized, sums.captured
    order.refunded_amount, order.charged_back_amount = sums.refunded, sums.charged_back
    if refund is not None:
        _settle(order, refund, facts)
    order.derive_money()
    order.confirm_by_policy()


def _settle(order: Order, refund: Refund, facts: list[Fact]) -> None:
    """Draw what was paid out for a refund from the facts, and from that the state of one that was agreed to.

    Without any fact that settles it, or says that it failed, that is what was decided of it. One that nobody has
    agreed to stays so: its money is missing until somebody does.
    """
    was_open = refund.open_amount
    refund.settled_amount, failed = paid_out(facts, refund.pk)
    if refund.is_agreed:
        if told := told_state(refund, failed=failed):
            refund.state = told
        elif refund.state != RefundState.FAILED or refund.amount - refund.settled_amount <= order.refundable_amount:
            refund.state = decided_state(order, refund)  # else its money has been promised otherwise since it failed
    order.parts.change(refund, "settled_amount", "state")
    order.refund_pending_amount += refund.open_amount - was_open
