"""What the facts of payment providers come to. The same facts make the same sums, whichever came first.

All amounts are minor units of the order's currency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from orders.rules.statuses import PaymentKind

# The provider of payments that a file of history tells of.
IMPORTED: Final = "import"


class Fact(NamedTuple):
    """One fact. `parent` is the reference of the one it belongs to, of the same provider; `corrects` the id of one
    that never was.
    """

    id: UUID
    kind: str
    amount: int
    occurred_at: datetime
    psp: str
    reference: str
    parent: str | None = None
    refund_id: UUID | None = None
    corrects: UUID | None = None


class Sums(NamedTuple):
    """`authorized` and what is given back are never below zero, whatever is missing of the facts."""

    authorized: int
    captured: int
    refunded: int
    charged_back: int

    @property
    def kept(self) -> int:
        return self.captured - self.refunded - self.charged_back


class Left(NamedTuple):
    """What can still be moved of a payment."""

    fact: Fact
    amount: int


# What takes money back out of a capture, and what puts it back again.
_OUT: Final = {PaymentKind.REFUND: 1, PaymentKind.REFUND_FAILED: -1}
_CHARGED: Final = {PaymentKind.CHARGEBACK: 1, PaymentKind.CHARGEBACK_WON: -1}


def in_force(facts: Iterable[Fact]) -> list[Fact]:
    """Without corrections and what they correct, in the order in which they happened."""
    known = list(facts)
    wrong = {fact.corrects for fact in known if fact.corrects is not None}
    right = [fact for fact in known if fact.id not in wrong and fact.kind != PaymentKind.CORRECTION]
    return sorted(right, key=lambda fact: (fact.occurred_at, fact.psp, fact.reference, fact.kind))


def moving(facts: Iterable[Fact]) -> list[Fact]:
    """Those in force, as far as they move money: a payout that failed puts back no more than was paid out for its
    refund. It may be told first, or alone: then the provider never got as far as paying.
    """
    right = _with_their_refunds(in_force(facts))
    paid: Counter[UUID | None] = Counter()
    for fact in right:
        if fact.kind == PaymentKind.REFUND:
            paid[fact.refund_id] += fact.amount
    moved = []
    for fact in right:
        back = min(fact.amount, paid[fact.refund_id])
        if fact.kind == PaymentKind.REFUND_FAILED:
            paid[fact.refund_id] -= back
        moved.append(fact._replace(amount=back) if fact.kind == PaymentKind.REFUND_FAILED else fact)
    return moved


def _with_their_refunds(facts: Sequence[Fact]) -> list[Fact]:
    """A failure that names no refund is of the one whose payout has its reference."""
    payouts = {(fact.psp, fact.reference): fact.refund_id for fact in facts if fact.kind == PaymentKind.REFUND}

    def refund_of(fact: Fact) -> UUID | None:
        if fact.refund_id is not None or fact.kind != PaymentKind.REFUND_FAILED:
            return fact.refund_id
        return payouts.get((fact.psp, fact.reference)) or payouts.get((fact.psp, fact.parent or ""))

    return [fact._replace(refund_id=refund_of(fact)) for fact in facts]


def sums_of(facts: Iterable[Fact]) -> Sums:
    right = moving(facts)
    by_kind: Counter[str] = Counter()
    for fact in right:
        by_kind[fact.kind] += fact.amount
    return Sums(
        authorized=sum(left.amount for left in _less(right, PaymentKind.AUTHORIZATION, {PaymentKind.VOID: 1})),
        captured=by_kind[PaymentKind.CAPTURE],
        refunded=max(0, _signed(by_kind, _OUT)),
        charged_back=max(0, _signed(by_kind, _CHARGED)),
    )


def left_to_void(facts: Iterable[Fact]) -> list[Left]:
    """The authorizations of which something is neither captured nor void."""
    return _less(in_force(facts), PaymentKind.AUTHORIZATION, {PaymentKind.VOID: 1, PaymentKind.CAPTURE: 1})


def left_to_refund(facts: Iterable[Fact], *, promised: int = 0) -> list[Left]:
    """The captures of which something is neither given back nor about to be."""
    left = _less(moving(facts), PaymentKind.CAPTURE, {**_OUT, **_CHARGED})
    return _without(left, promised)


def paid_out(facts: Iterable[Fact], refund_id: UUID) -> tuple[int, bool]:
    """What was paid out for a refund, and whether paying out has failed."""
    about = [fact for fact in _with_their_refunds(in_force(facts)) if fact.refund_id == refund_id]
    amount = sum(_OUT.get(PaymentKind(fact.kind), 0) * fact.amount for fact in about)
    return max(0, amount), any(fact.kind == PaymentKind.REFUND_FAILED for fact in about)


def take(amount: int, left: Iterable[Left]) -> list[Left]:
    """From which payments an amount is to be taken: the oldest first, no more of each than there is."""
    taken = []
    for payment in left:
        part = min(amount, payment.amount)
        if part > 0:
            taken.append(Left(payment.fact, part))
            amount -= part
    return taken


def _signed(by_kind: Counter[str], signs: dict[PaymentKind, int]) -> int:
    return sum(sign * by_kind[kind] for kind, sign in signs.items())


def provider_key(name: str) -> str:
    """A payment provider's name as it is kept and compared: neither case nor blanks around it count."""
    return name.strip().casefold()


def _less(facts: Sequence[Fact], kind: PaymentKind, signs: dict[PaymentKind, int]) -> list[Left]:
    """The payments of a kind, less what belongs to them; what names none is taken from the oldest."""
    payments = [fact for fact in facts if fact.kind == kind]
    named = {(fact.psp, fact.reference): 0 for fact in payments}
    unnamed = 0
    for fact in facts:
        amount = signs.get(PaymentKind(fact.kind), 0) * fact.amount
        parent = (fact.psp, fact.parent or "")
        if amount and parent in named:
            named[parent] += amount
        else:
            unnamed += amount
    left = []
    for fact in payments:
        taken = named[fact.psp, fact.reference]
        unnamed += max(0, taken - fact.amount)  # more than it was: of the others, then
        left.append(Left(fact, min(fact.amount, max(0, fact.amount - taken))))
    return _without(left, max(0, unnamed))


def _without(left: Sequence[Left], amount: int) -> list[Left]:
    rest = []
    for payment in left:
        part = min(amount, payment.amount)
        amount -= part
        if payment.amount > part:
            rest.append(Left(payment.fact, payment.amount - part))
    return rest
