"""What is owed less than the total, counted otherwise than the service does: unit by unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from tests.chaos.model.order import ModelOrder
from tests.chaos.model.parts import Credit
from tests.chaos.model.rules import Refused


def credit_units(
    order: ModelOrder,
    cause: str,
    units: Mapping[str, int],
    ended: Mapping[str, int],
    *,
    amount: int | None = None,
    return_id: str | None = None,
) -> Credit | None:
    """Credit units of which `ended` were canceled or back before."""
    if order.total_amount is None or order.due is None:
        if amount is not None:
            raise Refused("validation_error")
        return None
    lines, shipping = usual(order, units, ended)
    if amount is not None:
        if amount > order.due:
            raise Refused("amount_exceeded")
        parts = [line["amount"] for line in lines] + [shipping]
        weights = parts if any(parts) else [line["quantity"] for line in lines] + [0]
        *dealt, shipping = deal(amount, weights)
        for line, part in zip(lines, dealt, strict=True):
            line["amount"] = part
    whole = sum(line["amount"] for line in lines) + shipping
    if not whole:
        return None
    order.credits.append(Credit(cause, whole, lines, shipping, return_id))
    return order.credits[-1]


def shipping_left(order: ModelOrder) -> int:
    """What is for no unit, owed still, and asked back by nobody yet."""
    if order.total_amount is None:
        return 0
    credited = sum(credit.shipping_amount for credit in order.credits)
    asked = sum(refund.shipping_amount for refund in order.refunds if refund.waiting)
    return max(0, min(order.total_amount - sum(_worth_of_lines(order).values()) - credited - asked, order.due or 0))


def usual(order: ModelOrder, units: Mapping[str, int], ended: Mapping[str, int]) -> tuple[list[dict[str, Any]], int]:
    """Lines with what these units are worth, and the shipping that goes with the last of them."""
    room = order.due or 0
    worth = _worth_of_lines(order)
    lines = []
    for item in order.items:
        if not (count := units.get(item.id, 0)):
            continue
        before = ended.get(item.id, 0)
        share = sum(_worth_of_units(worth[item.id], item.quantity)[before : before + count])
        credited = sum(
            line["amount"] for credit in order.credits for line in credit.lines if line["item_id"] == item.id
        )
        share = min(share, max(0, worth[item.id] - credited), room)
        room -= share
        lines.append({"item_id": item.id, "quantity": count, "amount": share})
    shipping = (order.total_amount or 0) - sum(worth.values()) if order.status == "canceled" else 0
    return lines, min(shipping, room)


def take_back(order: ModelOrder, given: Sequence[Credit]) -> None:
    for credit in list(given):
        credit.taken_back = True
        lines = [{**line, "amount": -line["amount"]} for line in credit.lines]
        cause = "reinstated" if credit.cause in ("canceled", "amended") else credit.cause
        order.credits.append(Credit(cause, -credit.amount, lines, -credit.shipping_amount, refund_id=credit.refund_id))


def correct_canceled(order: ModelOrder, before: ModelOrder) -> None:
    """An amendment has made canceled units worth something else."""
    if order.total_amount is None or before.total_amount is None:
        return
    canceled = {item.id: item.canceled for item in order.items if item.canceled}
    were, are = (_worth_of_first(each, canceled) for each in (before, order))
    wanted = sum(are.values()) - sum(were.values())
    correction = max(-order.canceled_amount, min(wanted, order.total_amount - order.credited_amount))
    if order.credited_amount + correction > order.total_amount:
        raise Refused("validation_error")
    if correction:
        lines = [
            {"item_id": item_id, "quantity": 0, "amount": are[item_id] - were[item_id]}
            for item_id in canceled
            if are[item_id] != were[item_id]
        ]
        order.credits.append(Credit("amended", correction, lines if correction == wanted else []))


def _worth_of_first(order: ModelOrder, units: Mapping[str, int]) -> dict[str, int]:
    worth = _worth_of_lines(order)
    return {
        item.id: sum(_worth_of_units(worth[item.id], item.quantity)[: units[item.id]])
        for item in order.items
        if item.id in units
    }


def _worth_of_lines(order: ModelOrder) -> dict[str, int]:
    net = [(item.line_amount or 0) - (item.discount_amount or 0) for item in order.items]
    rest = order.discount_amount - sum(item.discount_amount or 0 for item in order.items)
    worth = [price - off for price, off in zip(net, deal(min(rest, sum(net)), net), strict=True)]
    if not order.tax_included:
        own = [item.tax_amount for item in order.items]
        taxes = [tax or 0 for tax in own] if any(tax is not None for tax in own) else deal(order.tax_amount, worth)
        worth = [price + tax for price, tax in zip(worth, taxes, strict=True)]
    if sum(worth) > (order.total_amount or 0):
        worth = deal(order.total_amount or 0, worth)
    return {item.id: amount for item, amount in zip(order.items, worth, strict=True)}


def _worth_of_units(amount: int, quantity: int) -> list[int]:
    return [amount // quantity + (number < amount % quantity) for number in range(quantity)]


def deal(amount: int, weights: list[int]) -> list[int]:
    """By the largest remainder, the first of equals."""
    if not sum(weights):
        return [0] * len(weights)
    exact = [Fraction(amount * weight, sum(weights)) for weight in weights]
    dealt = [int(share) for share in exact]
    for _ in range(amount - sum(dealt)):
        remainders = [share - part for share, part in zip(exact, dealt, strict=True)]
        dealt[remainders.index(max(remainders))] += 1
    return dealt
