"""What an order owes: whatever is canceled, comes back or is shown goodwill, in whichever order and portions."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.rules.credits import (
    Sold,
    SoldLine,
    beyond_due,
    credit_of,
    credit_of_units,
    deal,
    goodwill_in,
    line_totals,
    scaled,
    share_of_units,
)

A, B, C = (UUID(int=number) for number in (1, 2, 3))


def sold(*lines: SoldLine, shipping: int = 0, discount: int = 0, tax: int = 0, included: bool = False) -> Sold:
    items = sum(line.amount for line in lines)
    return Sold(lines, items + shipping - discount + (0 if included else tax), discount, tax, included)


def all_at_once(order: Sold) -> int:
    units = {line.item_id: line.quantity for line in order.lines}
    return credit_of_units(order, units, before={}, credited={}, room=order.total, with_shipping=True).amount


# --- shares ------------------------------------------------------------------------------------------


def test_an_amount_is_dealt_by_the_largest_remainder_and_the_first_of_equals():
    assert deal(10, [1, 1, 1]) == [4, 3, 3]
    assert deal(100, [1, 2, 3]) == [17, 33, 50]
    assert deal(5, [0, 3]) == [0, 5]
    assert deal(5, [0, 0]) == [0, 0]
    assert deal(0, [7, 3]) == [0, 0]


def test_a_discount_of_the_order_is_shared_by_price():
    order = sold(SoldLine(A, 1, 1000), SoldLine(B, 1, 500), discount=600)

    assert line_totals(order) == [600, 300]


def test_the_tax_of_the_order_is_shared_by_what_is_left_of_the_price():
    order = sold(SoldLine(A, 1, 1000, discount=500), SoldLine(B, 1, 500), shipping=300, discount=500, tax=100)

    assert line_totals(order) == [550, 550]


def test_included_tax_adds_nothing():
    assert line_totals(sold(SoldLine(A, 1, 1190, tax=190), tax=190, included=True)) == [1190]


def test_what_the_lines_do_not_tell_of_the_tax_is_that_of_the_shipping():
    order = sold(SoldLine(A, 1, 1000, tax=190), shipping=500, tax=285)

    assert (line_totals(order), order.total) == ([1190], 1785)


def test_a_discount_beyond_the_prices_is_off_the_shipping():
    order = sold(SoldLine(A, 1, 100), shipping=300, discount=150)

    assert (line_totals(order), order.total, all_at_once(order)) == ([0], 250, 250)


@pytest.mark.parametrize("portions", [[3], [1, 1, 1], [1, 2], [2, 1]])
def test_three_for_a_thousand_are_a_thousand_in_any_portions(portions):
    shares, before = [], 0
    for units in portions:
        shares.append(share_of_units(1000, 3, before=before, units=units))
        before += units

    assert sum(shares) == 1000
    assert shares[0] == {1: 334, 2: 667, 3: 1000}[portions[0]]


def test_more_units_cost_as_much_more_and_fewer_their_part():
    assert (scaled(1000, 6, 3), scaled(1000, 1, 3), scaled(1000, 4, 3), scaled(1000, 0, 3)) == (2000, 334, 1334, 0)


# --- credits -----------------------------------------------------------------------------------------


def test_the_shipping_goes_with_the_last_units():
    order = sold(SoldLine(A, 2, 2000), shipping=500)

    first = credit_of_units(order, {A: 1}, before={}, credited={}, room=2500)
    last = credit_of_units(order, {A: 1}, before={A: 1}, credited={A: 1000}, room=1500, with_shipping=True)

    assert (first.amount, first.shipping) == (1000, 0)
    assert (last.amount, last.shipping) == (1500, 500)


def test_never_more_is_credited_than_is_owed_or_the_line_has_left():
    order = sold(SoldLine(A, 2, 2000))

    assert credit_of_units(order, {A: 2}, before={}, credited={}, room=1500).amount == 1500
    assert credit_of_units(order, {A: 1}, before={}, credited={A: 1600}, room=2000).amount == 400


def test_another_amount_is_dealt_like_the_usual_one():
    order = sold(SoldLine(A, 1, 1000), SoldLine(B, 1, 500), shipping=500)
    usual = credit_of_units(order, {A: 1, B: 1}, before={}, credited={}, room=2000, with_shipping=True)

    other = credit_of(1800, usual)

    assert ([line.amount for line in other.lines], other.shipping, other.amount) == ([900, 450], 450, 1800)
    assert credit_of(0, usual).amount == 0


def test_a_refund_of_more_than_is_kept_beyond_what_is_due_is_goodwill():
    assert beyond_due(kept=2000, pending=0, due=1500) == 500
    assert goodwill_in(700, kept=2000, pending=0, due=1500) == 200
    assert goodwill_in(500, kept=2000, pending=0, due=1500) == 0
    assert goodwill_in(100, kept=1000, pending=500, due=1000) == 100


# --- any order, any sequence -------------------------------------------------------------------------

amounts = st.integers(0, 5000)


@st.composite
def orders(draw: st.DrawFn) -> Sold:
    lines = []
    for number in range(draw(st.integers(1, 4))):
        amount = draw(amounts)
        tax = draw(st.none() | st.integers(0, 500))
        lines.append(SoldLine(UUID(int=number + 1), draw(st.integers(1, 6)), amount, draw(st.integers(0, amount)), tax))
    included = draw(st.booleans())
    shipping = draw(amounts)
    gross = sum(line.amount for line in lines) + shipping
    discount = draw(st.integers(min(gross, sum(line.discount for line in lines)), gross))
    tax = sum(line.tax or 0 for line in lines) + draw(st.integers(0, 300))
    return sold(*lines, shipping=shipping, discount=discount, tax=tax, included=included)


@dataclass
class Books:
    """An order's money, as its operations keep it."""

    order: Sold
    credited: int = 0
    by_item: dict[UUID, int] = field(default_factory=dict)
    ended: dict[UUID, int] = field(default_factory=dict)
    shipped: bool = False
    captured: int = 0
    refunded: int = 0

    @property
    def due(self) -> int:
        return self.order.total - self.credited

    @property
    def kept(self) -> int:
        return self.captured - self.refunded

    def end(self, units: dict[UUID, int], amount: int | None = None) -> None:
        """Cancel them, or take them back."""
        after = {item_id: self.ended.get(item_id, 0) + count for item_id, count in units.items()}
        all_ended = all({**self.ended, **after}.get(line.item_id, 0) == line.quantity for line in self.order.lines)
        credit = credit_of_units(
            self.order,
            units,
            before=self.ended,
            credited=self.by_item,
            room=self.due,
            with_shipping=all_ended and not self.shipped,
        )
        if amount is not None:
            credit = credit_of(min(amount, self.due), credit)
        self.ended |= after
        self.credited += credit.amount
        for line in credit.lines:
            self.by_item[line.item_id] = self.by_item.get(line.item_id, 0) + line.amount

    def refund(self, amount: int) -> None:
        amount = min(amount, max(0, self.kept))
        self.credited += goodwill_in(amount, kept=self.kept, pending=0, due=self.due)
        self.refunded += amount


@given(orders(), st.booleans(), st.data())
def test_the_credits_of_all_units_make_the_total_to_the_last_minor_unit(order, shipped, data):
    books = Books(order, shipped=shipped)
    units = [line.item_id for line in order.lines for _ in range(line.quantity)]
    for item_id in data.draw(st.permutations(units)):
        books.end({item_id: 1})
        assert 0 <= books.credited <= order.total

    rest = order.total - sum(line_totals(order))
    assert books.due == (rest if shipped else 0)
    assert rest >= 0


@given(orders(), st.lists(st.tuples(st.sampled_from(["end", "fee", "goodwill", "capture"]), st.integers(0, 6000))))
def test_in_any_sequence_nothing_is_lost_and_nobody_gets_more_than_was_captured(order, steps):
    books = Books(order)
    for kind, number in steps:
        left = [line for line in order.lines if books.ended.get(line.item_id, 0) < line.quantity]
        if kind in ("end", "fee") and left:
            line = left[number % len(left)]
            count = 1 + number % (line.quantity - books.ended.get(line.item_id, 0))
            books.end({line.item_id: count}, number if kind == "fee" else None)
        elif kind == "goodwill":
            books.refund(number)
        elif kind == "capture":
            books.captured += number
        assert 0 <= books.credited <= order.total
        assert order.total == books.due + books.credited
        assert 0 <= books.refunded <= books.captured
        for line, line_total in zip(order.lines, line_totals(order), strict=True):
            assert kind == "fee" or "fee" in dict(steps) or books.by_item.get(line.item_id, 0) <= line_total

    books.refund(beyond_due(kept=books.kept, pending=0, due=books.due))
    assert books.kept <= books.due


@given(orders(), st.data())
def test_once_all_is_canceled_and_refunded_the_balance_is_nothing(order, data):
    books = Books(order, captured=order.total)
    units = [line.item_id for line in order.lines for _ in range(line.quantity)]
    for item_id in data.draw(st.permutations(units)):
        books.end({item_id: 1})
        books.refund(beyond_due(kept=books.kept, pending=0, due=books.due))

    assert (books.due, books.kept) == (0, 0)
