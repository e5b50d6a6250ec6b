"""Orders and revenue of the last seven days against the seven before, as the first page draws them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Final, NamedTuple

from django.utils import timezone

from orders.admin.operations.staff_requests import Staff, visible_storefronts
from orders.models import SalesProgress
from orders.reading.sales_days import DayOf, Sold, sold_on
from orders.rules.currencies import format_amount

_WEEK: Final = 7
_MOST_ROWS: Final = 12
# In units of the drawing.
_SLOT, _HEIGHT = 20, 40


class Bar(NamedTuple):
    """From the left and from the top; `before` is the wider one behind."""

    x: int
    y: float
    width: int
    height: float
    before: bool


class TableRow(NamedTuple):
    day: date
    placed: int
    placed_before: int
    revenue: str
    revenue_before: str


@dataclass(frozen=True)
class Row:
    """A storefront, or several together. `money` is a line for each currency; they are never added up."""

    name: str
    placed: int
    placed_before: int
    money: list[tuple[str, str]]
    bars: list[Bar]
    table: list[TableRow]

    @property
    def change(self) -> str:
        return in_percent(self.placed, self.placed_before)


@dataclass(frozen=True)
class Chart:
    """`counted_from` is the first day that all storefronts have counted, where it is not the first one shown.

    Until the sweeper has `begun`, nobody knows whether anything was sold.
    """

    rows: list[Row]
    first: date
    last: date
    begun: bool
    counted_from: date | None


def in_percent(now: int, before: int) -> str:
    if not before:
        return "new" if now else "–"
    return f"{round(100 * (now - before) / before):+d} %"


def chart_for(user: Staff) -> Chart:
    """Of the storefronts that the user sees: the busiest on their own, the others together, and all of them."""
    storefronts = visible_storefronts(user)
    today = timezone.now().astimezone(UTC).date()
    since = today - timedelta(days=2 * _WEEK - 1)
    by_storefront: dict[int, dict[DayOf, Sold]] = defaultdict(dict)
    for key, sold in sold_on([storefront.pk for storefront in storefronts], since=since, days=2 * _WEEK).items():
        if sold.placed or sold.revenue:
            by_storefront[key.storefront_id][key] = sold
    busiest = sorted(
        (storefront for storefront in storefronts if storefront.pk in by_storefront),
        key=lambda storefront: -sum(sold.placed for sold in by_storefront[storefront.pk].values()),
    )
    rows = []
    if len(busiest) > 1:
        rows.append(_row("All storefronts", by_storefront.values(), today))
    shown, others = busiest[:_MOST_ROWS], busiest[_MOST_ROWS:]
    rows += [_row(storefront.name, [by_storefront[storefront.pk]], today) for storefront in shown]
    if others:
        rows.append(_row(f"{len(others)} others", [by_storefront[storefront.pk] for storefront in others], today))
    begun = list(SalesProgress.objects.filter(pk__in=[storefront.pk for storefront in storefronts]))
    counted_from = max((progress.counted_from for progress in begun), default=since)
    return Chart(
        rows,
        today - timedelta(days=_WEEK - 1),
        today,
        bool(begun),
        counted_from if counted_from > since else None,
    )


def _row(name: str, parts: Iterable[Mapping[DayOf, Sold]], today: date) -> Row:
    placed: dict[date, int] = defaultdict(int)
    revenue: dict[tuple[str, date], int] = defaultdict(int)
    for part in parts:
        for (_, day, currency), sold in part.items():
            placed[day] += sold.placed
            revenue[currency, day] += sold.revenue
    days = [today - timedelta(days=back) for back in reversed(range(_WEEK))]
    earlier = [day - timedelta(days=_WEEK) for day in days]
    currencies = sorted({currency for currency, _ in revenue if currency})

    def money(of_days: list[date]) -> dict[str, int]:
        return {currency: sum(revenue[currency, day] for day in of_days) for currency in currencies}

    now, before = money(days), money(earlier)
    return Row(
        name,
        sum(placed[day] for day in days),
        sum(placed[day] for day in earlier),
        [
            (
                f"{format_amount(now[currency], currency)} (before {format_amount(before[currency], currency)})",
                in_percent(now[currency], before[currency]),
            )
            for currency in currencies
        ],
        _bars([placed[day] for day in days], [placed[day] for day in earlier]),
        [
            TableRow(day, placed[day], placed[back], _amounts(money([day])), _amounts(money([back])))
            for day, back in zip(days, earlier, strict=True)
        ],
    )


def _amounts(by_currency: Mapping[str, int]) -> str:
    return ", ".join(format_amount(amount, currency) for currency, amount in by_currency.items() if amount) or "–"


def _bars(now: list[int], before: list[int]) -> list[Bar]:
    most = max(1, *now, *before)
    bars = []
    for counts, margin, is_before in ((before, 1, True), (now, 5, False)):
        for place, count in enumerate(counts):
            height = round(_HEIGHT * count / most, 1)
            bars.append(Bar(_SLOT * place + margin, _HEIGHT - height, _SLOT - 2 * margin, height, is_before))
    return bars
