"""What was sold on each day: read from its sums, and counted from the orders, as the sums have to be.

A day (UTC) has the orders that were placed on it. `placed` are all that are not deleted; `revenue`, for each currency,
is what those of them come to that are not canceled, without their canceled units, in minor units. Whatever becomes of
an order later changes the day on which it was placed. Returns and refunds do not: what was given back was sold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple

from django.db import connection

from orders.announcing.payloads import ORDER_CREATED, ORDER_DELETED, ORDER_RESTORED, ORDER_UPDATED
from orders.models import SalesDay

# An event does not tell whether its order was deleted already: the last one that deleted or restored it does. It is
# looked for among the order's earlier events, by their index.
_OF_DELETED: Final = f"""
    (select earlier.type from events_event earlier
      where earlier.stream_id = event.stream_id and earlier.storefront_id = event.storefront_id
        and earlier.sequence < event.sequence and earlier.type in ('{ORDER_DELETED}', '{ORDER_RESTORED}')
      order by earlier.sequence desc limit 1) is not distinct from '{ORDER_DELETED}'
"""  # noqa: S608 - made of constants of this project
# What an event adds to the day of its order: what the order counts after it, less what it counted before. An
# `order.updated` of a deleted order comes to nothing: a payment that gives it its currency moves nothing that counts.
DIFFERENCES: Final = f"""
select (told ->> 'placed_at')::timestamptz at time zone 'UTC' as placed_at, currency, sign as placed,
       case when status = 'canceled' then 0
            else sign * greatest(0, coalesce(total, 0) - coalesce(canceled, 0)) end as revenue
from (
    select type, data -> 'order' as told, data -> 'changes' as changes from ({{events}}) event
    where type in ('{ORDER_CREATED}', '{ORDER_DELETED}', '{ORDER_RESTORED}')
       or (type = '{ORDER_UPDATED}'
           and data -> 'changes' ?| array['status', 'currency', 'total_amount', 'canceled_amount']
           and not (data -> 'changes' ? 'currency' and {_OF_DELETED}))
) counting cross join lateral (
    select 1 as sign, told ->> 'status' as status, coalesce(told ->> 'currency', '') as currency,
           (told ->> 'total_amount')::bigint as total, (told ->> 'canceled_amount')::bigint as canceled
     where type <> '{ORDER_DELETED}'
    union all
    select -1,
           case when changes ? 'status' then changes -> 'status' ->> 0 else told ->> 'status' end,
           coalesce(
               case when changes ? 'currency' then changes -> 'currency' ->> 0 else told ->> 'currency' end, ''),
           (case when changes ? 'total_amount' then changes -> 'total_amount' ->> 0
                 else told ->> 'total_amount' end)::bigint,
           (case when changes ? 'canceled_amount' then changes -> 'canceled_amount' ->> 0
                 else told ->> 'canceled_amount' end)::bigint
     where type in ('{ORDER_DELETED}', '{ORDER_UPDATED}')
) side
"""  # noqa: S608 - made of constants of this project
# What the feed holds behind the position, and what is not in it yet.
_NOT_SUMMED_UP: Final = """
    select e.* from events_feed feed join events_event e on e.id = feed.event_id
     where feed.storefront_id = %(storefront_id)s
       and feed.position > (select position from orders_sales_progress where storefront_id = %(storefront_id)s)
    union all
    select e.* from events_feed_arrival arrival join events_event e on e.id = arrival.event_id
     where arrival.storefront_id = %(storefront_id)s
"""
# One statement, so one snapshot: whatever happens meanwhile, the orders are as the events have left them.
_COUNTED: Final = f"""
    select coalesce(currency, '') as currency, 1 as placed,
           case when status = 'canceled' then 0
                else greatest(0, coalesce(total_amount, 0) - canceled_amount) end as revenue
      from orders_order
     where storefront_id = %(storefront_id)s and deleted_at is null
       and placed_at >= %(day)s::date::timestamp at time zone 'UTC'
       and placed_at < (%(day)s::date + 1)::timestamp at time zone 'UTC'
    union all
    select currency, -placed, -revenue from ({DIFFERENCES.format(events=_NOT_SUMMED_UP)}) later
     where placed_at >= %(day)s::date and placed_at < %(day)s::date + 1
"""  # noqa: S608 - made of constants of this project
_SUMMED: Final = """
    select currency, placed, revenue from orders_sales_day
     where storefront_id = %(storefront_id)s and day = %(day)s::date
"""
_SUMS: Final = """
select currency, sum(placed), sum(revenue) from ({rows}) rows
group by currency having sum(placed) <> 0 or sum(revenue) <> 0
"""
_BY_ORDERS: Final = _SUMS.format(rows=_COUNTED)
_MISSING: Final = _SUMS.format(
    rows=f"{_COUNTED} union all select currency, -placed, -revenue from ({_SUMMED}) summed"  # noqa: S608
)
_BEHIND: Final = """
select coalesce((select position from events_feed_head where storefront_id = %(storefront_id)s), 0)
     - coalesce((select position from orders_sales_progress where storefront_id = %(storefront_id)s), 0)
     + (select count(*) from (
            select from events_feed_arrival where storefront_id = %(storefront_id)s limit 100000) arrived)
"""


class Sold(NamedTuple):
    """`placed` orders that come to `revenue` minor units of their currency."""

    placed: int = 0
    revenue: int = 0


Day = Mapping[str, Sold]  # by currency


class DayOf(NamedTuple):
    storefront_id: int
    day: date
    currency: str


def day_by_orders(storefront_id: int, day: date) -> Day:
    """What the sums of the day have to be now, at the position up to which events have been summed up."""
    return _day(_BY_ORDERS, storefront_id, day)


def missing_from_sums(storefront_id: int, day: date) -> Day:
    """What the orders tell more than the sums of the day, or less; nothing where they agree."""
    return _day(_MISSING, storefront_id, day)


def events_behind(storefront_id: int) -> int:
    """How many events of the storefront's feed have not been summed up yet."""
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, {"storefront_id": storefront_id})
        (behind,) = cursor.fetchone()
    return int(behind)


def sold_on(storefront_ids: Collection[int], *, since: date, days: int) -> dict[DayOf, Sold]:
    """What these storefronts sold on so many days."""
    rows = SalesDay.objects.filter(
        storefront_id__in=storefront_ids, day__gte=since, day__lt=since + timedelta(days=days)
    )
    return {
        DayOf(*row[:3]): Sold(*row[3:])
        for row in rows.values_list("storefront_id", "day", "currency", "placed", "revenue")
    }


def _day(statement: str, storefront_id: int, day: date) -> Day:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"storefront_id": storefront_id, "day": day})
        return {currency: Sold(int(placed), int(revenue)) for currency, placed, revenue in cursor.fetchall()}
