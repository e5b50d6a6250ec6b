"""What is still to be done about an order's money, in one sentence, and why.

"12.99 AUD to refund: 1 × cup came back". All amounts are minor units of the order's currency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from orders.rules.credits import standing
from orders.rules.currencies import format_amount
from orders.rules.statuses import CreditCause

_CAUSES: Final[dict[str, str]] = {CreditCause.RETURNED: "came back", CreditCause.CANCELED: "canceled"}


class Reduction(NamedTuple):
    """A credit: what is owed less, and for how many of which products."""

    cause: str
    amount: int
    units: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of an order's money. `due` is None where it has no prices; `reductions` come oldest first.

    `requested` and `approved` are refunds that wait for approval, and for being paid out; `refund_failed`, that the
    latest one could not be.
    """

    currency: str | None
    due: int | None
    captured: int = 0
    refunded: int = 0
    charged_back: int = 0
    authorized: int = 0
    requested: int = 0
    approved: int = 0
    reductions: Sequence[Reduction] = ()
    canceled: bool = False
    refund_failed: bool = False

    @property
    def kept(self) -> int:
        return self.captured - self.refunded - self.charged_back

    @property
    def capturable(self) -> int:
        return max(0, self.authorized - self.captured)

    @property
    def pending(self) -> int:
        return self.requested + self.approved

    def money(self, amount: int) -> str:
        return format_amount(amount, self.currency)


class Balance(NamedTuple):
    """`open` says whether somebody has still to do something."""

    what: str
    why: str = ""
    open: bool = True

    def __str__(self) -> str:
        return f"{self.what}: {self.why}" if self.why else self.what


def balance_of(account: Account) -> Balance:
    money = account.money
    if account.due is None:
        return _without_prices(account)
    to_pay = account.due - account.kept
    if to_pay > 0:
        if account.capturable >= to_pay:
            return Balance(f"{money(to_pay)} to capture", f"{money(account.capturable)} authorized")
        return Balance(f"{money(to_pay)} to pay", _told(_why_to_pay(account)))
    if twice := _given_back_twice(account, -to_pay):
        return Balance(f"{money(twice)} not to be refunded", _told(_why_not_to_refund(account, -to_pay)))
    if to_pay < 0 or account.pending:
        return Balance(f"{money(max(-to_pay, account.pending))} to refund", _told(_why_to_refund(account, -to_pay)))
    if account.due == 0 and account.capturable:
        why = "the order was canceled" if account.canceled else "nothing is due"
        return Balance(f"{money(account.capturable)} authorized, to be released", why)
    return Balance("Settled", "nothing was to be paid" if not account.due and not account.captured else "", open=False)


def _without_prices(account: Account) -> Balance:
    if account.pending:
        return Balance(f"{account.money(account.pending)} to refund", _told(_refunds_under_way(account, 0)))
    why = "the order has no prices"
    if account.kept > 0:
        return Balance(f"{account.money(account.kept)} received", why, open=False)
    return Balance("Nobody knows what is to be paid", why, open=False)


def _why_to_pay(account: Account) -> Iterator[str]:
    money = account.money
    if account.charged_back:
        yield f"{money(account.charged_back)} charged back"
    if account.kept > 0:
        yield f"{money(account.kept)} of {money(account.due or 0)} paid"
    elif account.refunded:
        yield f"{money(account.refunded)} given back"
    if account.capturable:
        yield f"{money(account.capturable)} authorized"
    if account.pending:
        yield from _refunds_under_way(account, 0)


def _given_back_twice(account: Account, too_much: int) -> int:
    """What has been charged back since it was to be refunded.

    Of refunds that are approved nothing but what is kept too much is to be paid out, of all that are open together
    nothing but what is kept.
    """
    without_money = max(account.approved - too_much, account.pending - account.kept, 0)
    return min(account.charged_back, without_money)


def _why_not_to_refund(account: Account, too_much: int) -> Iterator[str]:
    yield f"{account.money(account.charged_back)} charged back"
    if too_much:
        yield f"{account.money(too_much)} still to be given back"
    yield "let the approved refund fail" if account.approved else "reject the refund that waits for approval"


def _why_to_refund(account: Account, too_much: int) -> Iterator[str]:
    yield from _reasons(account, too_much)
    if account.charged_back:
        yield f"{account.money(account.charged_back)} charged back"
    yield from _refunds_under_way(account, too_much)
    if account.refund_failed and not account.pending:
        yield "the last refund failed"


def _reasons(account: Account, too_much: int) -> Iterator[str]:
    """The latest reductions that come to what is kept too much; what was given back already was for earlier ones.

    One that was taken back again, as by reinstating, is no reason.
    """
    units: dict[str, Counter[str]] = {}
    goodwill, other_prices, left = 0, False, too_much
    for reduction in reversed(standing(account.reductions)):
        if left <= 0:
            break
        left -= reduction.amount
        if reduction.cause == CreditCause.GOODWILL:
            goodwill += reduction.amount
        elif reduction.cause == CreditCause.AMENDED:
            other_prices = True
        elif reduction.cause in _CAUSES:
            counted = units.setdefault(reduction.cause, Counter())
            for quantity, name in reduction.units:
                counted[name] += quantity
    for cause, counted in units.items():
        if account.canceled and cause == CreditCause.CANCELED:
            yield "the order was canceled"
        elif counted:
            yield f"{', '.join(f'{quantity} × {name}' for name, quantity in counted.items())} {_CAUSES[cause]}"
        else:
            yield "shipping taken off"
    if other_prices:
        yield "other prices for canceled units"
    if goodwill:
        yield f"{account.money(goodwill)} goodwill"
    if left > 0:
        yield f"{account.money(left)} paid too much"


def _refunds_under_way(account: Account, too_much: int) -> Iterator[str]:
    if account.requested:
        part = "" if account.requested >= too_much and not account.approved else f"{account.money(account.requested)} "
        yield f"{part}waits for approval"
    if account.approved:
        part = "" if account.approved >= too_much and not account.requested else f"{account.money(account.approved)} "
        yield f"{part}approved, to be paid out"


def _told(reasons: Iterable[str]) -> str:
    return "; ".join(reasons)
