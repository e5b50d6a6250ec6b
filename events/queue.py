"""The queue as the relay sees it: claim buckets, read what is due, settle what was tried."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import class_row

from events.models import BUCKETS, PARKED

_ENSURE_BUCKETS = """
insert into events_outbox_bucket (sink, bucket)
select %(sink)s, bucket from generate_series(0, %(last)s) as bucket
on conflict do nothing
"""

# Whoever holds these rows owns the buckets' streams; a relay that dies lets go of them with its connection.
_CLAIM = """
select bucket from events_outbox_bucket
where sink = %(sink)s and bucket = any(%(buckets)s)
for update skip locked
"""

# A statement of its own after the claim: under READ COMMITTED it sees all that the last holder deleted. An
# entry that waits for its next attempt, or is parked, holds back the later ones of its stream. The buckets
# are drained one after the other up to the limit; they come shuffled, so that none is always last.
# `is null` rather than `not exists` makes it an index probe for each row, however few held ones the planner
# expects: with 12,500 parked streams the join it chose took 2.7 s instead of 0.1 s.
_READ_DUE = """
select due.id as entry_id, due.attempts, e.id, e.storefront_id, e.source, e.stream_id, e.sequence, e.type,
       e.occurred_at, e.actor, told.reason, e.request_id, e.trace, told.data::text as data, e.xmin::text as row_version
from (
    select entry.id, entry.attempts, entry.event_id
    from unnest(%(buckets)s::smallint[]) as claimed (bucket)
    cross join lateral (
        select o.id, o.attempts, o.event_id
        from events_outbox o
        where o.sink = %(sink)s and o.bucket = claimed.bucket
          and (
              select held.id from events_outbox held
              where held.sink = o.sink and held.bucket = o.bucket and held.stream_id = o.stream_id
                and held.sequence <= o.sequence and held.next_attempt_at > now()
              limit 1
          ) is null
        order by o.id
        limit %(batch)s
    ) as entry
    limit %(batch)s
) as due
join events_event e on e.id = due.event_id
cross join lateral events_told(e, %(personal)s) as told
order by due.id
"""

_DELETE = "delete from events_outbox where id = any(%(ids)s)"

_HOLD = """
update events_outbox
set attempts = attempts + 1, last_error = %(error)s,
    next_attempt_at = case when %(seconds)s::float8 is null then %(parked)s
                           else now() + make_interval(secs => %(seconds)s::float8) end
where id = %(id)s
"""


class DueEvent(NamedTuple):
    """A queue entry that may be tried now, with its event's row; `row_version` tells whether that is as it was read."""

    entry_id: int
    attempts: int
    id: UUID
    storefront_id: int
    source: str
    stream_id: UUID
    sequence: int
    type: str
    occurred_at: datetime
    actor: str
    reason: str
    request_id: str
    trace: str
    data: str
    row_version: str = ""


class QueueMismatch(RuntimeError):
    """Rows that this transaction owned were changed by someone else; nothing of it may be committed."""


def ensure_buckets(connection: Connection, sink: str) -> None:
    connection.execute(_ENSURE_BUCKETS, {"sink": sink, "last": BUCKETS - 1})


def claim(connection: Connection, sink: str, buckets: Sequence[int]) -> list[int]:
    """Lock the buckets that no other relay holds, until the transaction ends."""
    rows = connection.execute(_CLAIM, {"sink": sink, "buckets": list(buckets)}).fetchall()
    free = {bucket for (bucket,) in rows}
    return [bucket for bucket in buckets if bucket in free]


def read_due(
    connection: Connection, sink: str, buckets: Sequence[int], *, batch: int, personal: bool = False
) -> list[DueEvent]:
    """At most `batch` entries of claimed buckets, within each stream in order; with what tells of people or without."""
    with Cursor(connection, row_factory=class_row(DueEvent)) as cursor:
        cursor.execute(_READ_DUE, {"sink": sink, "buckets": list(buckets), "batch": batch, "personal": personal})
        return cursor.fetchall()


def remove(connection: Connection, acknowledged: Sequence[int]) -> None:
    if not acknowledged:
        return
    removed = connection.execute(_DELETE, {"ids": list(acknowledged)}).rowcount
    if removed != len(acknowledged):
        raise QueueMismatch(
            f"{len(acknowledged)} acknowledged entries were to be removed, but {removed} were there. "
            "Has something else than the relay deleted rows of events_outbox?"
        )


def hold(connection: Connection, entry_id: int, *, seconds: float | None, error: str) -> None:
    """Count a failed attempt and wait for `seconds`; None parks the entry until a person decides."""
    # A sink's error may quote anything; PostgreSQL takes no NUL, and nobody reads more than this.
    shown = error.replace("\x00", "")[:2000]
    connection.execute(_HOLD, {"id": entry_id, "seconds": seconds, "parked": PARKED, "error": shown})
