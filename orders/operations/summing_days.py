"""Keeps what was sold on each day up to date: a step of the sweeper.

Events are summed up in the order of the feed, so each of them once: the sums, and how far they have come, are written
in one transaction. No change of an order writes here, nor waits for whoever does. Days from before there were sums are
counted from the orders, the newest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from time import monotonic
from typing import Final, NamedTuple

from django.db import connection, transaction

from events.models import FeedHistory
from orders.models import SalesDay, SalesProgress
from orders.reading.sales_days import DIFFERENCES, day_by_orders, events_behind

_EVENTS_AT_ONCE: Final = 1000
# Each is a transaction of its own: whoever calls can be stopped in between.
_SLICES: Final = 40
# How long one pass counts days of the past.
_SECONDS: Final = 3.0

_WAITING: Final = """
select head.storefront_id
  from events_feed_head head join orders_storefront on orders_storefront.id = head.storefront_id
  left join orders_sales_progress progress on progress.storefront_id = head.storefront_id
 where progress.position is null or progress.position < head.position or progress.counted_from > '0001-01-01'
 order by head.storefront_id
"""
# No order has been placed on the days from which it begins. One statement: the order of each event up to the position
# is there.
_BEGIN: Final = """
insert into orders_sales_progress (storefront_id, position, counted_from)
select %(storefront_id)s, head.position, 1 + greatest(
    (clock_timestamp() at time zone 'UTC')::date,
    (select (placed_at at time zone 'UTC')::date from orders_order where storefront_id = %(storefront_id)s
      order by placed_at desc limit 1))
  from events_feed_head head where head.storefront_id = %(storefront_id)s
on conflict do nothing
"""
_EVENTS: Final = "select * from slice"
_ADD: Final = f"""
with slice as materialized (
    select feed.position, e.* from events_feed feed join events_event e on e.id = feed.event_id
     where feed.storefront_id = %(storefront_id)s and feed.position > %(position)s
     order by feed.position limit %(most)s
), added as (
    insert into orders_sales_day (storefront_id, day, currency, placed, revenue)
    select %(storefront_id)s, placed_at::date, currency, sum(placed), sum(revenue)
      from ({DIFFERENCES.format(events=_EVENTS)}) difference
     where placed_at >= %(counted_from)s::date
     group by placed_at::date, currency having sum(placed) <> 0 or sum(revenue) <> 0
    on conflict (storefront_id, day, currency) do update
       set placed = orders_sales_day.placed + excluded.placed, revenue = orders_sales_day.revenue + excluded.revenue
)
select count(*), max(position) from slice
"""  # noqa: S608 - made of constants of this project
_NEXT_DAY: Final = """
select (placed_at at time zone 'UTC')::date from orders_order
 where storefront_id = %(storefront_id)s and placed_at < %(before)s::date::timestamp at time zone 'UTC'
 order by placed_at desc limit 1
"""


class Summed(NamedTuple):
    """`events` were added; `days` of the past were counted."""

    events: int = 0
    days: int = 0


def sum_up_days() -> Summed:
    """Add what has happened, and count some days of the past; waits for nobody."""
    if FeedHistory.objects.exists():  # events from before there was a feed have no positions yet
        return Summed()
    events = days = 0
    deadline = monotonic() + _SECONDS
    for storefront_id in _storefronts_that_wait():
        for _ in range(_SLICES):
            added = _add_events(storefront_id)
            events += added
            if added < _EVENTS_AT_ONCE:
                break
        while monotonic() < deadline and _count_next_day(storefront_id):
            days += 1
    return Summed(events, days)


def count_days_anew(storefront_id: int, days: Iterable[date]) -> int:
    """Put what the orders say in the place of the sums; return of how many days. What was not counted yet is left."""
    counted = 0
    for day in days:
        with transaction.atomic(durable=True):
            progress = SalesProgress.objects.select_for_update().filter(pk=storefront_id).first()
            if progress is not None and day >= progress.counted_from:
                _count(storefront_id, day)
                counted += 1
    return counted


def _storefronts_that_wait() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        return [storefront_id for (storefront_id,) in cursor.fetchall()]


def _locked(storefront_id: int) -> SalesProgress | None:
    """None while another works on it."""
    if not SalesProgress.objects.filter(pk=storefront_id).exists():
        with connection.cursor() as cursor:
            cursor.execute(_BEGIN, {"storefront_id": storefront_id})
    return SalesProgress.objects.select_for_update(skip_locked=True).filter(pk=storefront_id).first()


def _add_events(storefront_id: int) -> int:
    """Those that come next."""
    with transaction.atomic(durable=True):
        progress = _locked(storefront_id)
        if progress is None:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(
                _ADD,
                {
                    "storefront_id": storefront_id,
                    "position": progress.position,
                    "counted_from": progress.counted_from,
                    "most": _EVENTS_AT_ONCE,
                },
            )
            added, position = cursor.fetchone()
        if added:
            SalesProgress.objects.filter(pk=storefront_id).update(position=position)
    return int(added)


def _count_next_day(storefront_id: int) -> bool:
    """Whether there was one. Not while many events wait: each day would have to look at them."""
    with transaction.atomic(durable=True):
        progress = _locked(storefront_id)
        if progress is None or progress.counted_from == date.min or events_behind(storefront_id) > _EVENTS_AT_ONCE:
            return False
        with connection.cursor() as cursor:
            cursor.execute(_NEXT_DAY, {"storefront_id": storefront_id, "before": progress.counted_from})
            row = cursor.fetchone()
        if row is not None:
            _count(storefront_id, row[0])
        SalesProgress.objects.filter(pk=storefront_id).update(counted_from=row[0] if row else date.min)
    return row is not None


def _count(storefront_id: int, day: date) -> None:
    sold = day_by_orders(storefront_id, day)
    SalesDay.objects.filter(storefront_id=storefront_id, day=day).delete()
    SalesDay.objects.bulk_create(
        SalesDay(storefront_id=storefront_id, day=day, currency=currency, placed=of_it.placed, revenue=of_it.revenue)
        for currency, of_it in sold.items()
    )
