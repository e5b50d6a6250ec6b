"""How far behind the relay is."""

from typing import NamedTuple

from django.db import connection, transaction

from events.feed.numbering import arrived_in
from events.models import BUCKETS, PARKED
from events.sinks import enabled_sinks

# One index probe for each bucket however long the queue is. Entries held by a failed one are not the relay's
# delay. The first 48 bits of an event's id are the milliseconds at which it was made (RFC 9562, UUIDv7).
_LAG = """
select sink.name,
       coalesce(
           extract(epoch from clock_timestamp())
               - min(('x' || left(replace(oldest.event_id::text, '-', ''), 12))::bit(48)::bigint) / 1000.0,
           0),
       (select count(*) from events_outbox p where p.sink = sink.name and p.next_attempt_at = %(parked)s)
from unnest(%(sinks)s::text[]) as sink (name)
cross join generate_series(0, %(last_bucket)s) as bucket (number)
left join lateral (
    select o.event_id
    from events_outbox o
    where o.sink = sink.name and o.bucket = bucket.number and not o.replay
      and (
          select held.id from events_outbox held
          where held.sink = o.sink and held.bucket = o.bucket and held.stream_id = o.stream_id
            and held.sequence <= o.sequence and held.next_attempt_at > now()
          limit 1
      ) is null
    order by o.id
    limit 1
) as oldest on true
group by sink.name
"""

# Of each storefront the one that arrived first; see feed/numbering.py for the walk.
_FEED_LAG = """
select coalesce(
    extract(epoch from clock_timestamp())
        - min(('x' || left(replace(oldest.event_id::text, '-', ''), 12))::bit(48)::bigint) / 1000.0,
    0)
from unnest(%(storefronts)s::integer[]) as storefront (id)
cross join lateral (
    select a.event_id from events_feed_arrival a where a.storefront_id = storefront.id order by a.id limit 1
) as oldest
"""

# A walk from one distinct value to the next, because PostgreSQL has no skip scan before version 18.
_QUEUED_SINKS = """
with recursive queued (sink) as (
    (select sink from events_outbox order by sink limit 1)
    union all
    select (select o.sink from events_outbox o where o.sink > queued.sink order by o.sink limit 1)
    from queued where queued.sink is not null
)
select sink from queued where sink is not null
"""


class SinkLag(NamedTuple):
    seconds: float
    """Age of the oldest event that is due; 0 when none is."""
    parked: int
    """Events that wait for a person."""


def relay_lag() -> dict[str, SinkLag]:
    """For each enabled sink. Cheap: its cost does not grow with the queue."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Index probes are right at any size of the queue, which changes faster than the planner's statistics.
        cursor.execute("set local enable_seqscan = off; set local enable_bitmapscan = off; set local jit = off")
        cursor.execute(_LAG, {"sinks": enabled_sinks(), "parked": PARKED, "last_bucket": BUCKETS - 1})
        return {name: SinkLag(max(0.0, float(age)), parked) for name, age, parked in cursor.fetchall()}


def feed_lag_seconds() -> float:
    """Age of the oldest event that has no position in the feed yet; 0 when all have one."""
    with connection.cursor() as cursor:
        cursor.execute(_FEED_LAG, {"storefronts": arrived_in()})
        (seconds,) = cursor.fetchone()
    return max(0.0, float(seconds))


def queued_sinks() -> list[str]:
    """Every sink with entries in the queue, enabled or not."""
    with connection.cursor() as cursor:
        cursor.execute(_QUEUED_SINKS)
        return [sink for (sink,) in cursor.fetchall()]
