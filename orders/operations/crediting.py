"""Writing credits: what an order owes less than its total, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from msgspec import UNSET, UnsetType

from orders.models import Credit, Order, Refund, Return
from orders.operations.call import Call
from orders.rules import errors
from orders.rules.credits import CREDITS_OF_CANCELED, Credited, credit_of, credit_of_units, sum_by_item, taken_back
from orders.rules.statuses import CreditCause, OrderStatus


def credit_units(
    order: Order,
    call: Call,
    cause: CreditCause,
    units: Mapping[UUID, int],
    *,
    before: Mapping[UUID, int],
    amount: int | UnsetType = UNSET,
    part_of: Return | None = None,
) -> Credit | None:
    """Credit units that have been canceled or have come back with their share, or with another amount.

    `before` is how many of each item were canceled or back earlier. An order without prices owes nobody knows what.
    Raises AmountExceeded or InvalidRequest.
    """
    if order.due_amount is None or order.total_amount is None:
        if amount is not UNSET:
            detail = "The order has no prices, so nothing is known to be owed; leave the amount out"
            raise errors.InvalidRequest.beside_order("/amount", "not_allowed", detail)
        return None
    credited = usual_credit(order, units, before=before)
    if amount is not UNSET:
        if amount > order.due_amount:
            raise errors.AmountExceeded(
                requested=amount, available=order.due_amount, can_be="credited: what is still owed"
            )
        credited = credit_of(amount, credited)
    return write_credit(order, call, cause, credited, part_of=part_of)


def usual_credit(order: Order, units: Mapping[UUID, int], *, before: Mapping[UUID, int]) -> Credited:
    """What these units are worth of what is still owed."""
    return credit_of_units(
        order.sold(),
        units,
        before=before,
        credited=_credited_by_item(order),
        room=order.due_amount or 0,
        with_shipping=order.status == OrderStatus.CANCELED,
    )


def write_credit(
    order: Order,
    call: Call,
    cause: CreditCause,
    credited: Credited,
    *,
    part_of: Return | None = None,
    refund: Refund | None = None,
) -> Credit | None:
    """One more credit of the order, and its sums; a credit of nothing is none."""
    credit = None
    if credited.amount:
        credit = Credit(
            order=order,
            storefront_id=order.storefront_id,
            cause=cause,
            amount=credited.amount,
            lines=[{**line._asdict(), "item_id": str(line.item_id)} for line in credited.lines],
            shipping_amount=credited.shipping,
            part_of=part_of,
            refund=refund,
            created_at=call.now(),
        )
        order.parts.credits.append(credit)
        order.parts.add(credit)
        order.credit_count += 1
        order.credited_amount += credited.amount
        if cause in CREDITS_OF_CANCELED:
            order.canceled_amount += credited.amount
    order.derive_money()
    return credit


def take_credits_back(order: Order, call: Call, *, but: Collection[UUID]) -> None:
    """Each credit is corrected by one of as much below zero, except those with these ids."""
    for credit in [credit for credit in order.parts.credits if credit.pk not in but]:
        cause = CreditCause.REINSTATED if credit.cause in CREDITS_OF_CANCELED else CreditCause(credit.cause)
        write_credit(order, call, cause, taken_back(credit.credited), refund=credit.refund)
    order.derive_money()


def _credited_by_item(order: Order) -> dict[UUID, int]:
    return sum_by_item(credit.parts for credit in order.parts.credits)
