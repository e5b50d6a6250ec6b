"""What the payment provider did, and refunds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.model.order import ModelOrder
from tests.chaos.model.parts import NEW, Asked, Document, Payment, Refund
from tests.chaos.model.rules import Refused
from tests.chaos.model.telling import Instruction, Instructions

if TYPE_CHECKING:
    from tests.chaos.model.storefront import ModelStorefront


def record_payment(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions | None:
    """A fact is always taken; the same one again is no change, and a reference stands for one fact."""
    kind, amount, psp, reference = asked["kind"], asked["amount"], asked.get("psp", ""), asked["psp_reference"]
    for other in storefront.orders:
        for known in other.payments:
            if (known.kind, known.psp, known.psp_reference) == (kind, psp, reference):
                if (other.id, known.amount, known.currency) != (
                    order.id,
                    amount,
                    asked.get("currency", known.currency),
                ):
                    raise Refused("payment_conflict")
                return None
    if order.currency and asked.get("currency", order.currency) != order.currency:
        raise Refused("currency_mismatch")
    refund_id = asked.get("refund_id")
    if refund_id is not None and kind != "refund":
        raise Refused("validation_error")
    refund = None if refund_id is None else order.meant(order.refunds, refund_id, [])
    order.currency = order.currency or asked.get("currency") or storefront.currency
    late = (order.status == "canceled" or order.deleted) and kind in ("authorization", "capture")
    occurred_at = asked.get("occurred_at") or NEW
    order.payments.append(Payment(kind, amount, order.currency, psp, reference, refund_id, late, occurred_at))
    if refund is not None:
        if refund.decided_by is None:
            refund.decide("settled", by)
        refund.state = "settled"
    return []


def request_refund(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    amount = asked.get("amount", order.refundable)
    if amount > order.refundable:
        raise Refused("amount_exceeded")
    return _refund(order, amount, by, storefront)


def approve_refund(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    refund = _meant(order, asked, "requested")
    if refund.requested_by == by:
        raise Refused("own_request")
    refund.decide("approved", by)
    return [_to_pay_out(order, refund)]


def reject_refund(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    _meant(order, asked, "requested").decide("rejected", by)
    return []


def fail_refund(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    _meant(order, asked, "approved").decide("failed", by)
    return []


def after_cancel(order: ModelOrder, by: str, storefront: ModelStorefront) -> Instructions:
    """What was captured for more than is still due goes back; what was only authorized is void once the order ends."""
    if order.due is not None and order.refundable > order.due:
        return _refund(order, order.refundable - order.due, by, storefront)
    if order.status == "canceled" and order.authorized and not order.captured:
        payments = _references(order, "authorization")
        return [Instruction({"amount": order.authorized, "currency": order.currency, "payments": payments})]
    return []


def _refund(order: ModelOrder, amount: int, by: str, storefront: ModelStorefront) -> Instructions:
    """Much money needs somebody else's approval, and all in another currency; the order's refunds count together."""
    refund = Refund(amount, by)
    order.refunds.append(refund)
    limit = storefront.refund_approval_above
    much = limit is not None and order.refunded + order.refunds_pending > limit
    if much or (limit is not None and order.currency != storefront.currency):
        return []
    refund.decide("approved", by)
    return [_to_pay_out(order, refund)]


def _meant(order: ModelOrder, asked: Asked, state: str) -> Refund:
    candidates = [refund for refund in order.refunds if refund.state == state]
    refund = order.meant(order.refunds, asked.get("refund_id"), candidates)
    if refund.state != state:
        raise Refused("wrong_state")
    return refund


def _to_pay_out(order: ModelOrder, refund: Refund) -> Instruction:
    return Instruction({"currency": order.currency, "payments": _references(order, "capture")}, refund)


def _references(order: ModelOrder, kind: str) -> list[Document]:
    """What the payment provider knows the money by."""
    return [
        {"psp": payment.psp, "psp_reference": payment.psp_reference, "amount": payment.amount}
        for payment in order.payments
        if payment.kind == kind
    ]
