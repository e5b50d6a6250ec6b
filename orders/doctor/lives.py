"""One order, judged by its own parts: do ledger, roll-ups and money say the same?"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from orders.doctor.findings import Finding
from orders.models import Order
from orders.rules.statuses import FulfillmentStatus, OrderStatus, PaymentKind, RefundState, ReturnState

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
    prices = [item.unit_amount for item in order.lines]
    if None not in prices:
        items_amount = sum(item.quantity * (item.unit_amount or 0) for item in order.lines)
        if order.items_amount != items_amount:
            yield "items_amount_not_as_items", f"items_amount is {order.items_amount}, its items make {items_amount}"
    if order.items_amount is not None:
        total = order.items_amount + order.shipping_amount + order.tax_amount - order.discount_amount
        if order.total_amount != total:
            yield "total_amount_not_as_parts", f"total_amount is {order.total_amount}, its parts make {total}"


def _money(order: Order) -> Iterator[Contradiction]:
    """The sums are counted anew here, so that a mistake in how operations count is seen too."""
    for name, counted in _counted(order).items():
        if (stored := getattr(order, name)) != counted:
            yield "money_not_as_payments", f"{name} is {stored}, its payment records make {counted}"
    refunds = list(order.refunds.all())
    pending = sum(x.amount for x in refunds if x.state in (RefundState.REQUESTED, RefundState.APPROVED))
    if order.refund_pending_amount != pending:
        yield (
            "pending_not_as_refunds",
            f"refund_pending_amount is {order.refund_pending_amount}, its open refunds make {pending}",
        )
    derived = copy.copy(order)
    derived.derive_money()
    if order.canceled_amount != derived.canceled_amount:
        yield (
            "canceled_amount_not_as_ledger",
            f"canceled_amount is {order.canceled_amount}, its items make {derived.canceled_amount}",
        )
    if order.payment_status != derived.payment_status:
        yield (
            "payment_status_not_as_money",
            f"payment_status is {order.payment_status}, its amounts make it {derived.payment_status}",
        )
    to_give_back = pending + sum(x.amount for x in refunds if x.state == RefundState.SETTLED)
    if to_give_back > order.captured_amount:
        yield "refunds_exceed_captures", f"refunds of {to_give_back}, captured {order.captured_amount}"


def _counted(order: Order) -> dict[str, int]:
    """What its payment records add up to. A void takes back what is authorized, never more."""
    sums: Counter[str] = Counter()
    payments = list(order.payments.all())
    for payment in payments:
        sums[payment.kind] += payment.amount
        if payment.kind == PaymentKind.VOID:
            authorized = sums[PaymentKind.AUTHORIZATION]
            sums[PaymentKind.AUTHORIZATION] = max(0, authorized - payment.amount)
    return {
        "authorized_amount": sums[PaymentKind.AUTHORIZATION],
        "captured_amount": sums[PaymentKind.CAPTURE],
        "refunded_amount": sums[PaymentKind.REFUND],
        "charged_back_amount": sums[PaymentKind.CHARGEBACK],
        "payment_count": len(payments),
    }
