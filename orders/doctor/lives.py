"""One order, judged by its own parts: do ledger, roll-ups and money say the same?"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from orders.doctor.findings import Finding
from orders.models import Order, Refund
from orders.rules.credits import CREDITS_OF_CANCELED
from orders.rules.facts import paid_out, sums_of
from orders.rules.money import total_sum
from orders.rules.statuses import CreditCause, FulfillmentStatus, OrderStatus, RefundState, ReturnState

# The code of a check, and what contradicts what.
Contradiction = tuple[str, str]


def contradictions(order: Order) -> list[Finding]:
    """Everything the order says that its items, parcels, returns, payments and refunds do not."""
    return [Finding(code, detail, order.pk, order.number) for code, detail in _contradictions(order)]


def _contradictions(order: Order) -> Iterator[Contradiction]:
    if not order.lines:
        yield "order_without_items", f"{order.status}, version {order.version}"
        return
    yield from _ledger(order)
    yield from _roll_ups(order)
    yield from _amounts(order)
    yield from _credits(order)
    yield from _money(order)


# --- ledger ------------------------------------------------------------------------------------------


def _ledger(order: Order) -> Iterator[Contradiction]:
    shipped = _shipped(order)
    returned, restocked = _returned(order)
    for item in order.lines:
        within = 0 <= item.restocked <= item.returned <= item.shipped and 0 <= item.canceled <= item.quantity
        if not within or item.open < 0:
            yield (
                "item_out_of_bounds",
                f"{item.product_id}: {item.quantity} ordered, {item.canceled} canceled, {item.shipped} shipped, "
                f"{item.returned} returned, {item.restocked} restocked",
            )
        if item.shipped != shipped[item.pk]:
            yield (
                "shipped_not_as_parcels",
                f"{item.product_id}: {item.shipped} shipped, {shipped[item.pk]} in shipped parcels",
            )
        if (item.returned, item.restocked) != (returned[item.pk], restocked[item.pk]):
            yield (
                "returned_not_as_returns",
                f"{item.product_id}: {item.returned} returned, {item.restocked} of them restocked; "
                f"received returns say {returned[item.pk]} and {restocked[item.pk]}",
            )


def _shipped(order: Order) -> Counter[UUID]:
    units: Counter[UUID] = Counter()
    for parcel in order.shipments.all():
        if parcel.shipped_at is not None:
            for line in parcel.items.all():
                units[line.item_id] += line.quantity
    return units


def _returned(order: Order) -> tuple[Counter[UUID], Counter[UUID]]:
    """By item id: what came back, and what of it went back on the shelf."""
    returned: Counter[UUID] = Counter()
    restocked: Counter[UUID] = Counter()
    for back in order.returns.all():
        if back.state == ReturnState.RECEIVED:
            for line in back.items.all():
                returned[line.item_id] += line.received
                restocked[line.item_id] += line.received if line.restocked else 0
    return returned, restocked


# --- roll-ups ----------------------------------------------------------------------------------------


def _roll_ups(order: Order) -> Iterator[Contradiction]:
    rolled_up = _rolled_up(order)
    stored = (order.status, order.fulfillment_status)
    if stored != (expected := (rolled_up.status, rolled_up.fulfillment_status)):
        yield "status_not_as_ledger", f"{' and '.join(stored)}, but the items say {' and '.join(expected)}"
    elif (order.cancel_reason is not None) != (order.status == OrderStatus.CANCELED):
        yield "status_not_as_ledger", f"{order.status} with the cancel reason {order.cancel_reason}"
    delivered = copy.copy(order)
    delivered.derive_delivery()
    if delivered.delivered_at != order.delivered_at:
        yield (
            "delivered_at_not_as_parcels",
            f"delivered_at is {order.delivered_at}, but its parcels say {delivered.delivered_at}",
        )


def _rolled_up(order: Order) -> Order:
    """The order as its own rule draws it from the items, had nothing been drawn before."""
    drawn = copy.copy(order)
    has_shipped = any(item.shipped for item in order.lines)
    drawn.fulfillment_status = FulfillmentStatus.UNFULFILLED
    drawn.status = OrderStatus.CONFIRMED
    if order.status == OrderStatus.PENDING and not has_shipped:
        drawn.status = OrderStatus.PENDING
    drawn.ship_units({})
    if (order.status, drawn.status) == (OrderStatus.COMPLETED, OrderStatus.SHIPPED):
        drawn.status = OrderStatus.COMPLETED
    return drawn


# --- money -------------------------------------------------------------------------------------------


def _amounts(order: Order) -> Iterator[Contradiction]:
    prices = [item.line_amount for item in order.lines]
    if None not in prices:
        items_amount = sum(price or 0 for price in prices)
        if order.items_amount != items_amount:
            yield "items_amount_not_as_items", f"items_amount is {order.items_amount}, its items make {items_amount}"
    if order.items_amount is not None:
        total = total_sum(
            order.items_amount,
            shipping=order.shipping_amount,
            tax=order.tax_amount,
            discount=order.discount_amount,
            tax_included=order.tax_included,
        )
        if order.total_amount != total:
            yield "total_amount_not_as_parts", f"total_amount is {order.total_amount}, its parts make {total}"


def _money(order: Order) -> Iterator[Contradiction]:
    for name, counted in _counted(order).items():
        if (stored := getattr(order, name)) != counted:
            yield "money_not_as_payments", f"{name} is {stored}, its payment records make {counted}"
    refunds = list(order.refunds.all())
    pending = sum(refund.open_amount for refund in refunds)
    if order.refund_pending_amount != pending:
        yield (
            "pending_not_as_refunds",
            f"refund_pending_amount is {order.refund_pending_amount}, its open refunds make {pending}",
        )
    derived = copy.copy(order)
    derived.derive_money()
    if order.payment_status != derived.payment_status:
        yield (
            "payment_status_not_as_money",
            f"payment_status is {order.payment_status}, its amounts make it {derived.payment_status}",
        )
    to_give_back = pending + sum(refund.settled_amount for refund in refunds)
    if to_give_back > order.captured_amount:
        yield "refunds_exceed_captures", f"refunds of {to_give_back}, captured {order.captured_amount}"
    yield from _refunds(order, refunds)


def _refunds(order: Order, refunds: list[Refund]) -> Iterator[Contradiction]:
    facts = [payment.fact for payment in order.payments.all()]
    for refund in refunds:
        paid, failed = paid_out(facts, refund.pk)
        told = f"a {refund.state} refund of {refund.amount}, {refund.settled_amount} paid out"
        settled, has_failed = refund.state == RefundState.SETTLED, refund.state == RefundState.FAILED
        told_otherwise = settled != (paid >= refund.amount) or (failed and not settled and not has_failed)
        if refund.settled_amount != paid or (refund.is_agreed and told_otherwise):
            detail = f"{told}; its payments say {paid}"
            yield "refund_not_as_payments", detail
        elif paid and not refund.is_agreed:
            yield "refund_paid_unapproved", told
        elif paid > refund.amount or (paid and has_failed):
            yield "refund_settled_for_more", told


def _credits(order: Order) -> Iterator[Contradiction]:
    credited = list(order.credits.all())
    canceled = [credit for credit in credited if credit.cause in CREDITS_OF_CANCELED]
    counted = (sum(x.amount for x in credited), sum(x.amount for x in canceled), len(credited))
    stored = (order.credited_amount, order.canceled_amount, order.credit_count)
    if stored != counted:
        yield (
            "credited_amount_not_as_credits",
            f"{stored[0]} credited, {stored[1]} for canceled units, by {stored[2]}; its credits make {counted}",
        )
    if order.total_amount is not None and not 0 <= counted[0] <= order.total_amount:
        yield "credits_not_as_ledger", f"credits of {counted[0]}, the total is {order.total_amount}"
    units: Counter[tuple[UUID, bool]] = Counter()
    for credit in credited:
        if credit.cause in (CreditCause.CANCELED, CreditCause.RETURNED, CreditCause.REINSTATED):
            for line in credit.parts:
                less = credit.cause == CreditCause.REINSTATED
                units[line.item_id, credit.cause == CreditCause.RETURNED] += -line.quantity if less else line.quantity
    for item in order.lines:
        found = (units[item.pk, False], units[item.pk, True])
        if found[0] > item.canceled or found[1] > item.returned:
            yield (
                "credits_not_as_ledger",
                f"{item.product_id}: {item.canceled} canceled and {item.returned} returned, credits for {found}",
            )


def _counted(order: Order) -> dict[str, int]:
    """What its payment records add up to."""
    payments = list(order.payments.all())
    sums = sums_of(payment.fact for payment in payments)
    return {
        "authorized_amount": sums.authorized,
        "captured_amount": sums.captured,
        "refunded_amount": sums.refunded,
        "charged_back_amount": sums.charged_back,
        "payment_count": len(payments),
    }
