"""What the list of orders can be narrowed by: each filter reads its values off the address and says what they ask for.

An index answers storefronts and statuses by themselves, and what hardly any order has (*selective*). Everything else
is *tested*: the list is walked, newest first, and shows what passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date

from orders.admin.display.moments import zone_name, zone_place
from orders.models import Claim, Refund, Return, Shipment, Storefront
from orders.models.payments import OPEN_REFUNDS
from orders.models.querysets import OrderQuerySet, late
from orders.models.returns import OPEN_RETURNS
from orders.reading.queues import end_of_today, refunds_of_others
from orders.rules.statuses import (
    FulfillmentStatus,
    HoldKind,
    OrderStatus,
    PaymentStatus,
    RefundState,
    ReturnState,
)

Narrow = Callable[[OrderQuerySet], OrderQuerySet]

LONGEST_TEXT: Final = 200
_FOR_ME: Final = "for_me"
# In an id, a time is counted from 1970; before and behind these no order can be.
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(9000, 12, 31)


@dataclass(frozen=True)
class Asked:
    """What all filters together ask for. `storefronts` of None are all of them, no `statuses` any.

    `few` says that what is left of all orders is so little that it can be sorted.
    """

    storefronts: frozenset[int] | None = None
    statuses: frozenset[OrderStatus] = frozenset()
    hides_deleted: bool = True
    since: datetime | None = None
    before: datetime | None = None
    selective: tuple[Narrow, ...] = ()
    tested: tuple[Q, ...] = ()
    few: bool = False

    def in_storefronts(self, storefronts: Iterable[int]) -> Asked:
        known = self.storefronts
        return replace(self, storefronts=frozenset(storefronts) if known is None else known & frozenset(storefronts))

    def in_statuses(self, statuses: Iterable[OrderStatus]) -> Asked:
        """An order has one status, so two filters that name some leave what both have."""
        wanted = frozenset(statuses)
        if self.statuses:
            wanted &= self.statuses
        return replace(self, statuses=wanted, tested=self.tested if wanted else (*self.tested, Q(pk__in=[])))

    def placed_before(self, moment: datetime) -> Asked:
        return replace(self, before=moment if self.before is None else min(self.before, moment))

    def narrowed(self, narrow: Narrow, *, to_few: bool = False) -> Asked:
        return replace(self, selective=(*self.selective, narrow), few=self.few or to_few)

    def passing(self, test: Q) -> Asked:
        return replace(self, tested=(*self.tested, test))


class Choice(NamedTuple):
    value: str
    label: str


@dataclass(frozen=True)
class Filter:
    """`choices` are what can be asked for; without any, whatever is typed. `asks` adds what the values ask for."""

    name: str
    title: str
    asks: Callable[[Asked, list[str]], Asked]
    choices: tuple[Choice, ...] = ()
    is_day: bool = False
    single: bool = False
    personal: bool = False  # its values are kept nowhere: they tell of a person, who can be erased
    without: str = ""  # how it is called when a single one is not chosen
    hint: str = ""

    def label_of(self, value: str) -> str | None:
        """As a chip says it; None for what this filter cannot use."""
        if self.choices:
            return next((choice.label for choice in self.choices if choice.value == value), None)
        if self.is_day:
            return f"{value} ({zone_name()})" if _day(value) else None
        return value if value and len(value) <= LONGEST_TEXT else None

    @property
    def heading(self) -> str:
        """A day is one where whoever asks is."""
        return f"{self.title} ({zone_place()})" if self.is_day else self.title

    def unusable(self, value: str) -> str:
        wanted = ", ".join(choice.value for choice in self.choices) if self.choices else "a day such as 2026-11-30"
        if not self.choices and not self.is_day:
            wanted = f"at most {LONGEST_TEXT} characters"
        return f"“{value[:LONGEST_TEXT]}” cannot be used for {self.title.lower()}: it takes {wanted}."


class Person(NamedTuple):
    """Who looks at the list: what "mine" is. Commands are nobody."""

    pk: int = 0
    actor: str = ""


_NOT_SIGNED_IN: Final = Person()


class Chip(NamedTuple):
    """A filter in force; `name` and `value` are what the address has to lose for it to be taken off."""

    name: str
    value: str
    label: str


@dataclass
class Narrowing:
    """The filters of an address, read. `unusable` are sentences: with any of them the list shows nothing."""

    asked: Asked
    chips: list[Chip] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)


def read(parameters: Mapping[str, list[str]], filters: Iterable[Filter]) -> Narrowing:
    """What these parameters ask for; empty values, as forms send them, ask for nothing."""
    found = Narrowing(Asked())
    for each in filters:
        usable: list[str] = []
        for value in dict.fromkeys(value.strip() for value in parameters.get(each.name, [])):
            if not value:
                continue
            label = each.label_of(value)
            if label is None or (usable and each.single):
                found.unusable.append(each.unusable(value))
                continue
            usable.append(value)
            found.chips.append(Chip(each.name, value, f"{each.title}: {label}"))
        if usable:
            found.asked = each.asks(found.asked, usable)
    return found


def order_filters(storefronts: list[Storefront], person: Person = _NOT_SIGNED_IN) -> list[Filter]:
    """All filters for somebody who sees these storefronts."""
    by_code = {storefront.code: storefront.pk for storefront in storefronts}
    return [
        Filter(
            "storefront",
            "Storefront",
            lambda asked, codes: asked.in_storefronts(by_code[code] for code in codes),
            tuple(Choice(each.code, f"{each.name} ({each.code})") for each in storefronts),
        ),
        Filter(
            "status",
            "Status",
            lambda asked, values: asked.in_statuses(map(OrderStatus, values)),
            _choices(OrderStatus.choices),
        ),
        Filter(
            "payment_status",
            "Payment",
            lambda asked, values: asked.passing(Q(payment_status__in=values)),
            _choices(PaymentStatus.choices),
        ),
        Filter(
            "fulfillment_status",
            "Fulfillment",
            lambda asked, values: asked.passing(Q(fulfillment_status__in=values)),
            _choices(FulfillmentStatus.choices),
        ),
        Filter("held_up", "On hold", _held_up, (Choice("yes", "For any reason"), *_choices(HoldKind.choices))),
        Filter(
            "refund",
            "Refund",
            lambda asked, states: _with_refund(asked, states, person),
            (Choice(_FOR_ME, "Waits for my approval"), *_choices(RefundState.choices)),
        ),
        Filter("return", "Return", _with_return, _choices(ReturnState.choices)),
        Filter("paid", "Paid", _paid_not_confirmed, (Choice("unconfirmed", "But not confirmed"),)),
        Filter(
            "late",
            "Late",
            lambda asked, _: asked.in_statuses([OrderStatus.CONFIRMED]).passing(late(storefronts, timezone.now())),
            (Choice("yes", "To be shipped, and its time has passed"),),
        ),
        Filter(
            "reserved",
            "Reservation",
            lambda asked, _: asked.narrowed(
                lambda orders: orders.reserved_before(end_of_today(timezone.now())), to_few=True
            ),
            (Choice("today", "Ends today, or has ended"),),
        ),
        Filter(
            "claimed",
            "Claimed",
            lambda asked, values: _claimed(asked, values, person),
            (Choice("mine", "By me"), Choice("somebody", "By somebody"), Choice("nobody", "By nobody")),
        ),
        Filter(
            "inventory",
            "Inventory",
            lambda asked, _: asked.narrowed(OrderQuerySet.awaiting_inventory),
            (Choice("waiting", "Still to be told"),),
        ),
        Filter(
            "deleted",
            "Deleted orders",
            _deleted,
            (Choice("shown", "Shown"), Choice("only", "Only these")),
            single=True,
            without="Hidden",
        ),
        Filter(
            "customer",
            "Customer id",
            lambda asked, ids: _of_customers(asked, ids, storefronts),
            personal=True,
            hint="cus123",
        ),
        Filter("tag", "Tag", lambda asked, tags: asked.passing(Q(tags__overlap=tags)), personal=True, hint="vip"),
        Filter("carrier", "Carrier", _with_carrier, hint="DHL"),
        Filter("placed_at_from", "Placed since", _placed_since, is_day=True, single=True),
        Filter("placed_at_to", "Placed until", _placed_until, is_day=True, single=True),
        Filter("updated_at_from", "Changed since", _updated_since, is_day=True, single=True),
        Filter("updated_at_to", "Changed until", _updated_until, is_day=True, single=True),
    ]


def _choices(choices: Iterable[tuple[str, object]]) -> tuple[Choice, ...]:
    return tuple(Choice(value, str(label)) for value, label in choices)


def _held_up(asked: Asked, kinds: list[str]) -> Asked:
    if "yes" in kinds:
        return asked.narrowed(OrderQuerySet.held_up)
    return asked.narrowed(lambda orders: orders.held_for(kinds))


def _with_refund(asked: Asked, states: list[str], person: Person) -> Asked:
    """Those that are open stand in an index of their own."""
    of_states = Refund.objects.filter(state__in=[state for state in states if state != _FOR_ME])
    for_me = refunds_of_others(person.actor) if _FOR_ME in states else Refund.objects.none()
    if OPEN_REFUNDS.issuperset(set(states) - {_FOR_ME}):
        refunds = (of_states | for_me).values("order_id")
        return asked.narrowed(lambda orders: orders.filter(pk__in=refunds), to_few=True)
    return asked.passing(_has(of_states | for_me))


def _with_return(asked: Asked, states: list[str]) -> Asked:
    returns = Return.objects.filter(state__in=states)
    if OPEN_RETURNS.issuperset(states):  # they have an index
        return asked.narrowed(lambda orders: orders.filter(pk__in=returns.values("order_id")), to_few=True)
    return asked.passing(_has(returns))


def _claimed(asked: Asked, values: list[str], person: Person) -> Asked:
    """Claims are few: so many as people have taken on themselves."""
    if "nobody" in values:
        wanted = Q(~Exists(Claim.objects.in_force().filter(order_id=OuterRef("pk"))))
        if "somebody" in values:
            return asked
        if "mine" in values:
            wanted |= Q(Exists(Claim.objects.in_force().filter(order_id=OuterRef("pk"), user=person.pk)))
        return asked.passing(wanted)
    claims = Claim.objects.in_force()
    if "somebody" not in values:
        claims = claims.filter(user=person.pk)
    return asked.narrowed(lambda orders: orders.filter(pk__in=claims.values("order_id")), to_few=True)


def _of_customers(asked: Asked, ids: list[str], storefronts: list[Storefront]) -> Asked:
    """All storefronts are named, because the index begins with them."""
    every = [storefront.pk for storefront in storefronts]
    return asked.narrowed(lambda orders: orders.filter(storefront_id__in=every, customer_id__in=ids))


def _with_carrier(asked: Asked, carriers: list[str]) -> Asked:
    named = Q()
    for carrier in carriers:
        named |= Q(tracking_company__iexact=carrier)
    return asked.passing(_has(Shipment.objects.filter(named)))


def _has(parts: QuerySet[Refund] | QuerySet[Return] | QuerySet[Shipment]) -> Q:
    return Q(Exists(parts.filter(order_id=OuterRef("pk"))))


def _paid_not_confirmed(asked: Asked, _: list[str]) -> Asked:
    return asked.in_statuses([OrderStatus.PENDING]).passing(
        Q(payment_status__in=[PaymentStatus.PAID, PaymentStatus.OVERPAID])
    )


def _deleted(asked: Asked, values: list[str]) -> Asked:
    asked = replace(asked, hides_deleted=False)
    return asked.narrowed(lambda orders: orders.exclude(deleted_at=None)) if values == ["only"] else asked


def _day(text: str) -> date | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return day if day and _FIRST_DAY <= day <= _LAST_DAY else None


def _midnight(text: str, *, days: int = 0) -> datetime:
    """Where whoever asks is: a day on which the clocks change has 23 hours there, or 25."""
    day = _day(text)
    assert day is not None  # noqa: S101 - `label_of` took it
    return datetime.combine(day + timedelta(days=days), time.min, timezone.get_current_timezone())


def _placed_since(asked: Asked, days: list[str]) -> Asked:
    return replace(asked, since=_midnight(days[0]))


def _placed_until(asked: Asked, days: list[str]) -> Asked:
    return asked.placed_before(_midnight(days[0], days=1))


def _updated_since(asked: Asked, days: list[str]) -> Asked:
    return asked.passing(Q(updated_at__gte=_midnight(days[0])))


def _updated_until(asked: Asked, days: list[str]) -> Asked:
    """What was placed later was changed later."""
    moment = _midnight(days[0], days=1)
    return asked.placed_before(moment).passing(Q(updated_at__lt=moment))
