"""What an order owes: its total, less its credits. All in minor units of its currency.

A credit lowers what is owed: for units that were canceled or came back, or out of goodwill. What units are worth is
their exact share of the total: of their line's price, less its share of the discount, plus its share of the tax. Shares
are dealt by the largest remainder, in the order of the lines, so that those of all units and of the shipping make the
total to the last minor unit, in whichever order and portions they are credited.

    due = total − credits        balance = due − kept        kept = captured − refunded − charged back
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar
from uuid import UUID

from orders.rules.statuses import CreditCause

# Of these is an order's canceled_amount made.
CREDITS_OF_CANCELED: Final = frozenset({CreditCause.CANCELED, CreditCause.AMENDED, CreditCause.REINSTATED})


class Counted(Protocol):
    """A credit, as far as it matters here: why, and how much."""

    @property
    def cause(self) -> str: ...

    @property
    def amount(self) -> int: ...


AnyCredit = TypeVar("AnyCredit", bound=Counted)


class SoldLine(NamedTuple):
    """One line of an order as it was sold. `tax` is None where only the order tells it."""

    item_id: UUID
    quantity: int
    amount: int
    discount: int = 0
    tax: int | None = None


class Sold(NamedTuple):
    """The amounts of an order; `discount` and `tax` are those of the whole order, lines included."""

    lines: Sequence[SoldLine]
    total: int
    discount: int = 0
    tax: int = 0
    tax_included: bool = False


class CreditedLine(NamedTuple):
    item_id: UUID
    quantity: int
    amount: int


class Credited(NamedTuple):
    """What is taken off: for units, by line, for shipping, and for nothing in particular."""

    lines: list[CreditedLine]
    shipping: int = 0
    other: int = 0

    @property
    def amount(self) -> int:
        return sum(line.amount for line in self.lines) + self.shipping + self.other


def deal(amount: int, weights: Sequence[int]) -> list[int]:
    """Deal an amount in proportion to the weights, to the last unit (largest remainder, earlier ones first).

    Nothing is dealt where all weights are 0.
    """
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    shares = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: -(amount * weights[at] % whole))
    for at in by_remainder[: amount - sum(shares)]:
        shares[at] += 1
    return shares


def line_totals(sold: Sold) -> list[int]:
    """What each line is of the total; what no line is, is shipping."""
    net = [line.amount - line.discount for line in sold.lines]
    rest = sold.discount - sum(line.discount for line in sold.lines)
    off = deal(min(rest, sum(net)), net)  # what is more than all lines together is off the shipping
    totals = [amount - less for amount, less in zip(net, off, strict=True)]
    if not sold.tax_included:
        taxes = _taxes(sold, totals)
        totals = [amount + tax for amount, tax in zip(totals, taxes, strict=True)]
    if sum(totals) > sold.total:  # a discount beyond the lines and the shipping
        totals = deal(sold.total, totals)
    return totals


def _taxes(sold: Sold, net: Sequence[int]) -> list[int]:
    """The lines' own, where they tell any: what the order's is more is the shipping's. Otherwise their share."""
    if any(line.tax is not None for line in sold.lines):
        return [line.tax or 0 for line in sold.lines]
    return deal(sold.tax, net)


def share_of_units(line_total: int, quantity: int, *, before: int, units: int) -> int:
    """What `units` of a line are worth, of which `before` have been credited already."""
    return _first_units(line_total, quantity, before + units) - _first_units(line_total, quantity, before)


def _first_units(line_total: int, quantity: int, units: int) -> int:
    each, rest = divmod(line_total, quantity)
    return units * each + min(units, rest)


def credit_of_units(
    sold: Sold,
    units: Mapping[UUID, int],
    *,
    before: Mapping[UUID, int],
    credited: Mapping[UUID, int],
    room: int,
    with_shipping: bool = False,
) -> Credited:
    """What these units are to be credited with.

    `before` is how many units of each line were canceled or came back earlier, `credited` the amount each line was
    credited with by then, for whatever reason, `room` what is still owed: a credit is never more. The shipping goes
    with the last units of an order of which nothing was shipped.
    """
    totals = line_totals(sold)
    lines = []
    for line, line_total in zip(sold.lines, totals, strict=True):
        if count := units.get(line.item_id, 0):
            share = share_of_units(line_total, line.quantity, before=before.get(line.item_id, 0), units=count)
            left = max(0, line_total - credited.get(line.item_id, 0))
            amount = min(share, left, room)
            room -= amount
            lines.append(CreditedLine(line.item_id, count, amount))
    shipping = min(sold.total - sum(totals), room) if with_shipping else 0
    return Credited(lines, shipping)


def credit_of(amount: int, usual: Credited) -> Credited:
    """Another amount than the usual one for these units, dealt like it."""
    parts = [*(line.amount for line in usual.lines), usual.shipping]
    if not any(parts):
        parts = [*(line.quantity for line in usual.lines), 0]
    *dealt, shipping = deal(amount, parts)
    lines = [line._replace(amount=part) for line, part in zip(usual.lines, dealt, strict=True)]
    return Credited(lines, shipping)


def taken_back(credited: Credited) -> Credited:
    """What makes it undone: as much below zero."""
    lines = [line._replace(amount=-line.amount) for line in credited.lines]
    return Credited(lines, -credited.shipping, -credited.other)


def standing(written: Iterable[AnyCredit]) -> list[AnyCredit]:
    """Those that were not taken back again, as they come: the oldest first. What took one back is none of them."""
    found: list[AnyCredit] = []
    for credit in written:
        for position in reversed(range(len(found))):
            if _takes_back(credit, found[position]):
                del found[position]
                break
        else:
            found.append(credit)
    return found


def _takes_back(credit: Counted, earlier: Counted) -> bool:
    """A correction of canceled units takes no credit back: it makes them worth less."""
    if credit.amount >= 0 or credit.cause == CreditCause.AMENDED or earlier.amount != -credit.amount:
        return False
    taken_back_by_it = CREDITS_OF_CANCELED if credit.cause == CreditCause.REINSTATED else {credit.cause}
    return earlier.cause in taken_back_by_it


def beyond_due(*, kept: int, pending: int, due: int) -> int:
    """What is kept, and not about to be given back, beyond what is owed."""
    return max(0, kept - pending - due)


def goodwill_in(amount: int, *, kept: int, pending: int, due: int) -> int:
    """How much of a refund is more than what is kept beyond what is due: that much is owed less."""
    return max(0, amount - beyond_due(kept=kept, pending=pending, due=due))


def scaled(amount: int, quantity: int, of: int) -> int:
    """The part of a line's amount that another number of its units has; as many units more cost as much more."""
    whole, rest = divmod(quantity, of)
    return whole * amount + _first_units(amount, of, rest)


def sum_by_item(credited: Iterable[Iterable[CreditedLine]]) -> dict[UUID, int]:
    sums: dict[UUID, int] = {}
    for lines in credited:
        for line in lines:
            sums[line.item_id] = sums.get(line.item_id, 0) + line.amount
    return sums
