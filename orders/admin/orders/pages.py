"""Pages of the list of orders, newest first, by keyset: each costs the same, however deep it lies.

One storefront's orders of one status stand in an index in the order of the list. So a list of several is read as
several such lists, put together. What no index answers is tested on the way, a stretch of the list at a time: a page
ends early when its time is up, and says how far it has looked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from time import monotonic
from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import Q

from orders.admin.display.names import name_of_person
from orders.admin.orders.narrowing import Asked
from orders.models import Order
from orders.models.querysets import OrderQuerySet
from orders.reading.listing import Cursor

PAGE_ROWS: Final = 50
# How many orders a stretch has, and how long one page goes on with one stretch after the other. What is asked for
# stands mostly among the first ones; where it does not, stretches become longer.
_STRETCH: Final = 500
_LONGER: Final = 4
_LONGEST_STRETCH: Final = 20_000
_SECONDS: Final = 1.0
_MOST_LISTS: Final = 60  # that are put together; planning more of them takes longer than walking through everybody's
_MANY: Final = 500  # rows of a page that nobody looks at


class Place(NamedTuple):
    """Between two orders of the list: that of this one belongs to what has been read."""

    placed_at: datetime
    order_id: UUID


class Page(NamedTuple):
    """`looked_back_to` is when the last order was placed that has been looked at, where the page ended early."""

    orders: list[Order]
    newer: Cursor | None
    older: Cursor | None
    looked_back_to: datetime | None = None


@dataclass(frozen=True)
class Listing:
    """The orders that the filters ask for, among all: `asked` names the storefronts of whoever is limited to some.

    `storefronts` are all there are: an index answers for each of them, where there is none for all. Of `bare` orders
    nothing is read but their place and their version.
    """

    asked: Asked
    storefronts: frozenset[int]
    bare: bool = False

    def page(self, cursor: Cursor | None, *, rows: int) -> Page:
        """One order more is read, to know whether the list goes on."""
        backwards = cursor is not None and cursor.backwards
        place = None if cursor is None else Place(cursor.placed_at, cursor.order_id)
        found: list[Order] = []
        deadline, stopped_at, stretch = monotonic() + _SECONDS, None, _STRETCH
        while True:
            end = self._end_of_stretch(place, backwards, stretch)
            found += self._stretch(place, end, backwards, rows + 1 - len(found))
            if len(found) > rows or end is None:
                break
            place, stretch = end, min(stretch * _LONGER, _LONGEST_STRETCH)
            if monotonic() > deadline:
                stopped_at = end
                break
        return _page(found, rows, cursor, stopped_at)

    def pages(self, *, most: int | None = None) -> Iterator[list[Order]]:
        """All of them, newest first, or as many as that; a page may be empty."""
        cursor, left = None, most
        while left is None or left > 0:
            page = self.page(cursor, rows=_MANY if left is None else min(_MANY, left))
            yield page.orders
            if page.older is None:
                return
            cursor, left = page.older, None if left is None else left - len(page.orders)

    @property
    def _within(self) -> frozenset[int]:
        wanted = self.asked.storefronts
        return self.storefronts if wanted is None else wanted & self.storefronts

    @property
    def _is_narrowed(self) -> bool:
        return self.asked.storefronts is not None or bool(self.asked.statuses)

    @property
    def _is_read_as_one(self) -> bool:
        """By the primary key, which has the order of all lists, or by an index of what hardly any order has."""
        return bool(self.asked.selective) or not self._is_narrowed or self._has_too_many_lists

    @property
    def _has_too_many_lists(self) -> bool:
        return len(self._within) * max(1, len(self.asked.statuses)) > _MOST_LISTS

    @property
    def _tests(self) -> tuple[Q, ...]:
        """What is asked of each order that is read; of too many lists, whether it belongs to one of them, too."""
        if self.asked.selective or not (self._is_narrowed and self._has_too_many_lists):
            return self.asked.tested
        return (*self.asked.tested, self._belongs)

    @property
    def _belongs(self) -> Q:
        of_storefronts = Q() if self.asked.storefronts is None else Q(storefront_id__in=self._within)
        return of_storefronts & Q(status__in=self.asked.statuses) if self.asked.statuses else of_storefronts

    def _lists(self) -> list[OrderQuerySet]:
        orders, statuses = self._among_all(), sorted(self.asked.statuses)
        if self.asked.selective:
            return [orders.filter(self._belongs)]
        if self._is_read_as_one:
            return [orders]
        if not statuses:
            return [orders.of_storefront(storefront) for storefront in sorted(self._within)]
        pairs = product(sorted(self._within), statuses)
        return [orders.of_storefront(storefront).in_status(status) for storefront, status in pairs]

    def _among_all(self) -> OrderQuerySet:
        orders: OrderQuerySet = Order.all_objects.all()
        for narrow in self.asked.selective:
            orders = narrow(orders)
        if self.asked.since:
            orders = orders.placed_since(self.asked.since)
        if self.asked.before:
            orders = orders.placed_before(self.asked.before)
        return orders.not_deleted() if self.asked.hides_deleted else orders

    def _end_of_stretch(self, place: Place | None, backwards: bool, stretch: int) -> Place | None:
        """None where nothing is tested, or no list goes on for longer.

        Of several lists, the end that is met first: up to there, none has more than its part of the stretch.
        """
        lists = self._lists()
        if not self._tests or self.asked.selective or not lists:
            return None
        part = max(1, stretch // len(lists))
        ends = [self._ordered(self._from(orders, place, backwards), backwards) for orders in lists]
        rows = [end.values_list("placed_at", "pk")[part - 1 : part] for end in ends]
        found = [Place(*row) for row in (rows[0].union(*rows[1:], all=True) if rows[1:] else rows[0])]
        return (min if backwards else max)(found, default=None)

    def _stretch(self, place: Place | None, end: Place | None, backwards: bool, count: int) -> list[Order]:
        lists = [
            self._ordered(self._up_to(self._from(orders, place, backwards), end, backwards), backwards)
            for orders in (orders.filter(*self._tests) for orders in self._lists())
        ]
        if not lists:
            return []
        rows = lists[0]
        if self.asked.few:
            rows = self._ordered(Order.all_objects.sorted_few(lists[0], backwards=backwards, count=count), backwards)
        elif lists[1:]:
            ids = [each.values("pk")[:count] for each in lists]
            merged: OrderQuerySet = Order.all_objects.filter(pk__in=ids[0].union(*ids[1:], all=True))
            rows = self._ordered(merged, backwards)
        rows = (
            rows.only("placed_at", "version")
            if self.bare
            else rows.select_related("storefront").with_claims(named=name_of_person("user"))
        )
        return list(rows[:count])

    def _ordered(self, orders: OrderQuerySet, backwards: bool) -> OrderQuerySet:
        sign = "" if backwards else "-"
        fields = ["id"] if self._is_read_as_one else ["placed_at", "id"]
        return orders.order_by(*(f"{sign}{name}" for name in fields))

    def _from(self, orders: OrderQuerySet, place: Place | None, backwards: bool) -> OrderQuerySet:
        """Behind the place, or before it where the list is read backwards.

        What the second half says already is what an index can begin at.
        """
        if place is None:
            return orders
        at, order_id = place
        if self._is_read_as_one:
            return orders.filter(pk__gt=order_id) if backwards else orders.filter(pk__lt=order_id)
        if backwards:
            return orders.filter(Q(placed_at__gt=at) | Q(pk__gt=order_id), placed_at__gte=at)
        return orders.filter(Q(placed_at__lt=at) | Q(pk__lt=order_id), placed_at__lte=at)

    def _up_to(self, orders: OrderQuerySet, end: Place | None, backwards: bool) -> OrderQuerySet:
        if end is None:
            return orders
        at, order_id = end
        if self._is_read_as_one:
            return orders.filter(pk__lte=order_id) if backwards else orders.filter(pk__gte=order_id)
        if backwards:
            return orders.filter(Q(placed_at__lt=at) | Q(pk__lte=order_id), placed_at__lte=at)
        return orders.filter(Q(placed_at__gt=at) | Q(pk__gte=order_id), placed_at__gte=at)


def _page(found: list[Order], rows: int, cursor: Cursor | None, stopped_at: Place | None) -> Page:
    more, shown = len(found) > rows, found[:rows]
    backwards = cursor is not None and cursor.backwards
    far = None
    if more:
        far = Cursor(shown[-1].placed_at, shown[-1].pk, backwards)
    elif stopped_at is not None:
        far = Cursor(*stopped_at, backwards)
    looked_to = None if more or stopped_at is None else stopped_at.placed_at
    near = None
    if cursor is not None:
        first = Place(shown[0].placed_at, shown[0].pk) if shown else Place(cursor.placed_at, cursor.order_id)
        near = Cursor(*first, not backwards)
    if backwards:
        return Page(shown[::-1], newer=far, older=near, looked_back_to=looked_to)
    return Page(shown, newer=near, older=far, looked_back_to=looked_to)
