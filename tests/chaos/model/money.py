"""What the payment provider did, and refunds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.chaos.model.credits import deal, shipping_left, usual
from tests.chaos.model.order import ModelOrder, without
from tests.chaos.model.parts import NEW, Asked, Credit, Document, Payment, Refund, is_asked_for
from tests.chaos.model.rules import Refused
from tests.chaos.model.telling import Instruction, Instructions

if TYPE_CHECKING:
    from tests.chaos.model.storefront import ModelStorefront


_OF_REFUNDS: Final = ("refund", "refund_failed")


def record_payment(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions | None:
    """A fact is always taken; the same one again is no change, and a reference stands for one fact."""
    kind, amount, psp, reference = asked["kind"], asked["amount"], asked.get("psp", ""), asked["psp_reference"]
    for other in storefront.orders:
        for known in other.payments:
            counts = any(fact is known for fact in other.facts())
            if counts and (known.kind, known.psp, known.psp_reference) == (kind, psp, reference):
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
    if refund_id is not None and kind not in _OF_REFUNDS:
        raise Refused("validation_error")
    refund = _fitting(order, asked) if refund_id is None else order.meant(order.refunds, refund_id, [])
    order.currency = order.currency or asked.get("currency") or storefront.currency
    late = (order.status == "canceled" or order.deleted) and kind in ("authorization", "capture")
    occurred_at, parent = asked.get("occurred_at") or NEW, asked.get("parent_reference")
    named = None if refund is None else refund.id
    order.payments.append(
        Payment(kind, amount, order.currency, psp, reference, named, late, parent, occurred_at=occurred_at)
    )
    if refund is not None:
        _settle(order, refund)
    return void(order, only=order.payments[-1]) if late and kind == "authorization" else []


def correct_payment(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    """What never was counts no more; it and its correction stay in sight."""
    facts, payment_id = order.facts(), asked.get("payment_id")
    if payment_id is None and len(facts) > 1:
        raise Refused("ambiguous")
    wrong = next((fact for fact in facts if payment_id is None or is_asked_for(fact.id, payment_id)), None)
    if wrong is None:
        taken_back = any(payment.corrects == payment_id for payment in order.payments)
        raise Refused("wrong_state" if taken_back else "unknown_part")
    order.payments.append(
        Payment("correction", wrong.amount, wrong.currency, wrong.psp, wrong.id, None, late=False, corrects=wrong.id)
    )
    for refund in order.refunds:
        if refund.id == wrong.refund_id:
            _settle(order, refund)
    return []


def _fitting(order: ModelOrder, asked: Asked) -> Refund | None:
    """The refund that a fact without one fits."""
    if asked["kind"] == "refund_failed":
        references = (asked["psp_reference"], asked.get("parent_reference"))
        told = [x for x in order.payments if x.psp == asked.get("psp", "") and x.psp_reference in references]
        ids = [payment.refund_id for payment in told if payment.refund_id]
        return next((refund for refund in order.refunds if refund.id in ids), None)
    if asked["kind"] != "refund":
        return None
    approved = [refund for refund in order.refunds if refund.state == "approved"]
    for refund in [*approved, *(refund for refund in order.refunds if refund.pending)]:
        if refund.open_amount == asked["amount"]:
            return refund
    return approved[0] if len(approved) == 1 and approved[0].open_amount > asked["amount"] else None


def _settle(order: ModelOrder, refund: Refund) -> None:
    """Facts tell what was paid out; what nobody has agreed to stays so."""
    about = [fact for fact in order.facts() if order.refund_of(fact) == refund.id]
    paid = sum(fact.amount if fact.kind == "refund" else -fact.amount for fact in about)
    refund.settled_amount = max(0, paid)
    if not refund.agreed:
        return
    if refund.settled_amount >= refund.amount:
        refund.state = "settled"
    elif any(fact.kind == "refund_failed" for fact in about):
        refund.state = "failed"
    elif refund.state != "failed" or refund.amount - refund.settled_amount <= order.refundable:
        refund.state = refund.decided


def grant(order: ModelOrder, refund: Refund) -> None:
    """What it gives back beyond what is over is owed less, from when it is agreed to."""
    if order.due is None:
        return
    others = [other for other in order.refunds if other is not refund]
    pending = sum(other.open_amount for other in others if other.agreed)
    not_agreed = sum(other.settled_amount for other in others if not other.agreed)
    over = max(0, order.kept + refund.settled_amount + not_agreed - pending - order.due)
    refund.goodwill_amount = min(order.due, max(0, refund.amount - over))
    if not refund.goodwill_amount:
        return
    shipping = min(refund.shipping_amount, refund.goodwill_amount)
    dealt = [{**line, "amount": 0} for line in refund.lines]
    parts = deal(refund.goodwill_amount - shipping, [x["quantity"] for x in dealt])
    for line, part in zip(dealt, parts, strict=True):
        line["amount"] = part
    order.credits.append(Credit("goodwill", refund.goodwill_amount, dealt, shipping, refund_id=refund.id))


def request_refund(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    """What is kept beyond what is due, or all; what its return or credit was; what its units and shipping are worth."""
    worth, return_id, credit_id = order.overpaid or order.refundable, asked.get("return_id"), asked.get("credit_id")
    lines: list[Document] = []
    shipping = asked.get("shipping_amount", 0)
    if (return_id and credit_id) or ((return_id or credit_id) and (shipping or "items" in asked)):
        raise Refused("validation_error")
    if return_id is not None:
        order.meant(order.returns, return_id, [])
        credited = sum(credit.amount for credit in order.credits if credit.return_id == return_id)
        refunds = [refund for refund in order.refunds if refund.return_id == return_id]
        left = max(0, credited - sum(refund.settled_amount + refund.open_amount for refund in refunds))
        worth = min(left, order.overpaid)
    elif credit_id is not None:
        credit = order.meant(order.credits, credit_id, [])
        refunds = [refund for refund in order.refunds if refund.credit_id == credit_id]
        left = max(0, credit.amount - sum(refund.settled_amount + refund.open_amount for refund in refunds))
        worth = 0 if credit.taken_back else min(left, order.overpaid)
    elif "items" in asked or shipping:
        ended = {item.id: item.canceled + item.returned for item in order.items}
        there = {item.id: item.quantity - ended[item.id] for item in order.items}
        units = order.chosen_units(asked["items"], there) if "items" in asked else {}
        lines, _ = usual(order, units, ended)
        worth = sum(line["amount"] for line in lines) + shipping
        if shipping > shipping_left(order):
            raise Refused("amount_exceeded")
    amount = asked.get("amount")
    if amount is None:
        amount = min(order.refundable, worth)
        if not amount:
            raise Refused("nothing_left")
    if amount > order.refundable:
        raise Refused("amount_exceeded")
    refund = Refund(amount, by, return_id=return_id, credit_id=credit_id, lines=_named(lines), shipping_amount=shipping)
    return _refund(order, refund, by, storefront)


def approve_refund(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    waiting = [refund for refund in order.refunds if refund.waiting]
    refund = order.meant(order.refunds, asked.get("refund_id"), waiting)
    if not refund.waiting:
        raise Refused("wrong_state")
    if refund.requested_by == by:
        raise Refused("own_request")
    failed = any(fact.kind == "refund_failed" for fact in order.facts() if order.refund_of(fact) == refund.id)
    left = 0 if failed else max(0, refund.amount - refund.settled_amount)
    if left > refund.open_amount + order.refundable:
        raise Refused("amount_exceeded")
    refund.decide("approved", by)
    _settle(order, refund)
    grant(order, refund)
    return [_to_pay_out(order, refund)] if left else []


def reject_refund(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    _meant(order, asked, "requested").decide("rejected", by)
    return []


def fail_refund(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    _meant(order, asked, "approved").decide("failed", by)
    return []


def what_is_over(
    order: ModelOrder, by: str, storefront: ModelStorefront, *, since: Credit | None = None
) -> Instructions:
    """What is kept beyond what is due goes back; what an ended order still has authorized is void.

    It is for the credit since which it is over, unless it comes to more than that.
    """
    over = order.overpaid
    credit_id = since.id if since is not None and over <= since.amount else None
    told = _refund(order, Refund(over, by, credit_id=credit_id), by, storefront) if over else []
    return told + (void(order) if order.status == "canceled" else [])


def void(order: ModelOrder, *, only: Payment | None = None) -> Instructions:
    left = order.left_of("authorization", "void", "capture") if order.authorized else []
    left = [(fact, amount) for fact, amount in left if only is None or fact is only]
    if not left:
        return []
    amount = sum(amount for _, amount in left)
    return [Instruction({"amount": amount, "currency": order.currency, "payments": _references(left)})]


def withdraw_voids(order: ModelOrder) -> Instructions:
    return [Instruction({**told.more, "kind": "withdraw_void"}) for told in void(order)]


def withdraw(refunds: Sequence[Refund], order: ModelOrder, by: str) -> Instructions:
    """Those that are open are not paid out any more; who was told to is told so."""
    told = []
    for refund in reversed(refunds):
        if refund.state == "approved":
            told.append(replace(_to_pay_out(order, refund), kind="withdraw_refund"))
        if refund.pending:
            refund.decide("rejected", by)
    return told


def _named(lines: Sequence[Document]) -> list[Document]:
    return [{"item_id": line["item_id"], "quantity": line["quantity"]} for line in lines]


def _refund(order: ModelOrder, refund: Refund, by: str, storefront: ModelStorefront) -> Instructions:
    """Much money needs somebody else's approval, and all in another currency; the order's refunds count together."""
    order.refunds.append(refund)
    limit = storefront.refund_approval_above
    much = limit is not None and order.refunded + order.refunds_pending > limit
    if much or (limit is not None and order.currency != storefront.currency):
        return []
    refund.decide("approved", by)
    grant(order, refund)
    return [_to_pay_out(order, refund)]


def _meant(order: ModelOrder, asked: Asked, state: str) -> Refund:
    candidates = [refund for refund in order.refunds if refund.state == state]
    refund = order.meant(order.refunds, asked.get("refund_id"), candidates)
    if refund.state != state:
        raise Refused("wrong_state")
    return refund


def _to_pay_out(order: ModelOrder, refund: Refund) -> Instruction:
    """Of which payments: those that still have that money, the oldest first."""
    left = order.left_of("capture", "refund", "chargeback", put_back_by=("refund_failed", "chargeback_won"))
    promised = sum(other.open_amount for other in order.refunds if other.state == "approved" and other is not refund)
    amount, taken = refund.open_amount, []
    for fact, there in without(left, promised):
        if part := min(amount, there):
            taken.append((fact, part))
            amount -= part
    told = {"amount": refund.open_amount, "currency": order.currency, "payments": _references(taken)}
    return Instruction(told, refund)


def _references(payments: Sequence[tuple[Payment, int]]) -> list[Document]:
    """What the payment provider knows the money by, and how much of it is meant."""
    return [
        {"psp": payment.psp, "psp_reference": payment.psp_reference, "amount": amount} for payment, amount in payments
    ]
