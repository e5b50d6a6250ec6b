"""The deliveries as a worker sees them: which endpoints have some due, claim one, read, settle what was tried."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from events.webhooks.erasing import Sent, not_erased_since
from events.webhooks.models import WebhookEndpoint
from events.webhooks.retrying import DISABLED_AFTER, is_down, pause_of_endpoint, wished_pause
from events.webhooks.sending import Answer

_DUE_ENDPOINTS = """
select endpoint.id, endpoint.down_rounds > 0
from events_webhook_endpoint endpoint
where endpoint.disabled_at is null and endpoint.deleted_at is null
  and (endpoint.paused_until is null or endpoint.paused_until <= now())
  and exists (
      select from events_webhook_delivery d
      where d.endpoint_id = endpoint.id and d.state = 'pending' and d.next_attempt_at <= now()
  )
"""

# Whoever holds this row serves the endpoint; a worker that dies lets go of it with its connection.
_CLAIM = "select 1 from events_webhook_turn where endpoint_id = %(endpoint_id)s for update skip locked"

# A statement of its own after the claim: under READ COMMITTED it sees what the last holder has left.
_READ_ENDPOINT = """
select id, storefront_id, url, ordered, api_version, secret, previous_secret, previous_secret_until > now() as two_live,
       down_rounds, failing_since
from events_webhook_endpoint
where id = %(endpoint_id)s and disabled_at is null and deleted_at is null
  and (paused_until is null or paused_until <= now())
"""

# A delivery `d` with its event; a test event is of no log.
_SENT = """
select d.id as delivery_id, d.attempts, d.event_id as id, d.storefront_id, d.stream_id, d.sequence,
       coalesce(e.source, endpoint.source) as source, coalesce(e.type, 'webhook.test') as type,
       coalesce(e.occurred_at, d.created_at) as occurred_at, coalesce(e.actor, endpoint.made_by) as actor,
       coalesce(told.reason, '') as reason, coalesce(e.request_id, '') as request_id, coalesce(e.trace, '') as trace,
       coalesce(told.data::text, '{"test": true}') as data, e.xmin::text as row_version
from DELIVERIES as d
join events_webhook_endpoint endpoint on endpoint.id = d.endpoint_id
left join events_event e on e.id = d.event_id and not d.test
left join lateral events_told(e, endpoint.personal) as told on true
where (d.test or e.id is not null)
"""

_READ_ONE = _SENT.replace("DELIVERIES", "events_webhook_delivery") + "and d.id = %(id)s"
# Of an endpoint that keeps order only what is first of its stream: the rest waits for it, whether it is due or not.
# `is null` rather than `not exists` makes it an index probe for each row, as in the relay's queue.
_DUE = """(
    select pending.*
    from events_webhook_delivery pending
    where pending.endpoint_id = %(endpoint_id)s and pending.state = 'pending' and pending.next_attempt_at <= now()
      and (
          not %(ordered)s
          or (
              select earlier.id from events_webhook_delivery earlier
              where earlier.endpoint_id = pending.endpoint_id and earlier.state = 'pending'
                and earlier.stream_id = pending.stream_id and earlier.sequence < pending.sequence
              limit 1
          ) is null
      )
    order by pending.next_attempt_at, pending.id
    limit %(limit)s
)"""
_READ_DUE = _SENT.replace("DELIVERIES", _DUE) + "order by d.next_attempt_at, d.id"

# Not what somebody has asked for anew while it was sent: that one counts from the beginning.
_SETTLE = """
update events_webhook_delivery
set attempts = attempts + 1, last_status = %(status)s, last_error = %(error)s, state = %(state)s,
    next_attempt_at = case when %(seconds)s::float8 is null then next_attempt_at
                           else now_here + make_interval(secs => %(seconds)s::float8) end,
    settled_at = case when %(state)s = 'pending' then null else now_here end
from clock_timestamp() as now_here
where id = %(id)s and state = 'pending' and attempts = %(attempts)s
"""

_LOG = """
insert into events_webhook_attempt (delivery_id, url, address, request_headers, status, response_headers, response_body,
                                    error, milliseconds, attempted_at)
values (%(delivery_id)s, %(url)s, %(address)s, %(request_headers)s, %(status)s, %(response_headers)s,
        %(response_body)s, %(error)s, %(milliseconds)s,
        clock_timestamp() - make_interval(secs => %(age)s::float8))
"""

_UP = """
update events_webhook_endpoint
set failing_since = null, down_rounds = 0,
    paused_until = clock_timestamp() + make_interval(secs => %(pause)s::float8)
where id = %(id)s and (failing_since is not null or down_rounds > 0 or %(pause)s::float8 is not null)
"""

_FAILED = """
update events_webhook_endpoint
set failing_since = coalesce(failing_since, clock_timestamp()), down_rounds = %(down_rounds)s,
    paused_until = clock_timestamp() + make_interval(secs => %(pause)s::float8)
where id = %(id)s and url = %(url)s
returning failing_since < clock_timestamp() - %(disabled_after)s::interval
"""

# And log it, as `audit.recording` does. Not an address that was named while the one before it was asked.
_DISABLE = """
with disabled as (
    update events_webhook_endpoint
    set disabled_at = clock_timestamp(), disabled_because = %(because)s, disabled_by = 'system:webhooks',
        down_rounds = 0, paused_until = null
    where id = %(id)s and url = %(url)s and disabled_at is null
    returning id, url, disabled_by
)
insert into audit_entry (by, model, object_id, name, action, changes)
select disabled_by, 'events.webhookendpoint', id::text, url, 'Disabled',
       jsonb_build_array(jsonb_build_object('field', 'disabled_because', 'before', null, 'after', %(why)s::text))
from disabled
"""


class ClaimedEndpoint(NamedTuple):
    id: UUID
    storefront_id: int
    url: str
    ordered: bool
    api_version: str
    secret: bytes
    previous_secret: bytes | None
    two_live: bool | None
    down_rounds: int
    failing_since: datetime | None


class DueDelivery(NamedTuple):
    """A delivery that may be tried now, with its event's row: the fields of `events.cloudevents.StoredEvent`.

    `row_version` tells whether the row is still the one that was read; a test event has none.
    """

    delivery_id: int
    attempts: int
    id: UUID
    storefront_id: int
    stream_id: UUID
    sequence: int
    source: str
    type: str
    occurred_at: datetime
    actor: str
    reason: str
    request_id: str
    trace: str
    data: str
    row_version: str | None


class Attempt(NamedTuple):
    """`seconds` until the next one; None when this was the last, delivered or given up. `age` is since it began."""

    delivery: DueDelivery
    request_headers: dict[str, str]
    answer: Answer
    seconds: float | None
    age: float


def due_endpoints(connection: Connection) -> list[tuple[UUID, bool]]:
    """The endpoints with something to send now, and whether each was down the last time."""
    return connection.execute(_DUE_ENDPOINTS).fetchall()


def take_turn(connection: Connection, endpoint_id: UUID) -> bool:
    """Claim the endpoint for this transaction alone; False when another worker has it."""
    return connection.execute(_CLAIM, {"endpoint_id": endpoint_id}).fetchone() is not None


def read_endpoint(connection: Connection, endpoint_id: UUID) -> ClaimedEndpoint | None:
    """What is to be known to serve it, after `take_turn`; None when it is to get nothing now."""
    with Cursor(connection, row_factory=class_row(ClaimedEndpoint)) as cursor:
        return cursor.execute(_READ_ENDPOINT, {"endpoint_id": endpoint_id}).fetchone()


def read_due(connection: Connection, endpoint: ClaimedEndpoint, *, limit: int) -> list[DueDelivery]:
    """Of an endpoint that keeps order at most one of each stream."""
    with Cursor(connection, row_factory=class_row(DueDelivery)) as cursor:
        parameters = {"endpoint_id": endpoint.id, "ordered": endpoint.ordered, "limit": limit}
        return cursor.execute(_READ_DUE, parameters).fetchall()


def read_one(connection: Connection, delivery_id: int) -> DueDelivery | None:
    """A delivery as it was, or will be, sent."""
    with Cursor(connection, row_factory=class_row(DueDelivery)) as cursor:
        return cursor.execute(_READ_ONE, {"id": delivery_id}).fetchone()


def settle(connection: Connection, endpoint: ClaimedEndpoint, attempts: Sequence[Attempt]) -> None:
    """Write what came of the attempts, each with its entry in the log; without the answer to what was erased since.

    In the order in which `redelivering` locks them.
    """
    attempts = sorted(_without_answers_about_erased(connection, attempts), key=lambda attempt: attempt.delivery.id)
    with connection.cursor() as cursor:
        cursor.executemany(_SETTLE, [_settled(attempt) for attempt in attempts])
        cursor.executemany(_LOG, [_logged(endpoint, attempt) for attempt in attempts])


def _without_answers_about_erased(connection: Connection, attempts: Sequence[Attempt]) -> list[Attempt]:
    deliveries = [attempt.delivery for attempt in attempts]
    kept = not_erased_since(connection, [Sent(one.id, one.stream_id, one.row_version) for one in deliveries])
    return [
        attempt
        if attempt.delivery.id in kept
        else attempt._replace(answer=attempt.answer._replace(headers={}, body=""))
        for attempt in attempts
    ]


def settle_endpoint(connection: Connection, endpoint: ClaimedEndpoint, answers: Sequence[Answer]) -> bool:
    """Write how the endpoint is. True when it has failed for so long that it has to be disabled."""
    wishes = [wish for answer in answers if (wish := wished_pause(answer)) is not None]
    if any(answer.delivered for answer in answers):
        connection.execute(_UP, {"id": endpoint.id, "pause": max(wishes, default=None)})
        return False
    down = all(map(is_down, answers))
    down_rounds = min(endpoint.down_rounds + 1, 1000) if down else 0
    pauses = [*wishes, pause_of_endpoint(down_rounds)] if down else wishes
    row = connection.execute(
        _FAILED,
        {
            "id": endpoint.id,
            "url": endpoint.url,
            "down_rounds": down_rounds,
            "pause": max(pauses, default=None),
            "disabled_after": DISABLED_AFTER,
        },
    ).fetchone()
    return row is not None and bool(row[0])


def disable(connection: Connection, endpoint: ClaimedEndpoint, *, because: WebhookEndpoint.Because) -> None:
    asked = {"id": endpoint.id, "url": endpoint.url, "because": because.value, "why": str(because.label)}
    connection.execute(_DISABLE, asked)


def _settled(attempt: Attempt) -> dict[str, object]:
    state = "delivered" if attempt.answer.delivered else "failed" if attempt.seconds is None else "pending"
    return {
        "id": attempt.delivery.delivery_id,
        "attempts": attempt.delivery.attempts,
        "status": attempt.answer.status,
        "error": attempt.answer.error,
        "state": state,
        "seconds": attempt.seconds,
    }


def _logged(endpoint: ClaimedEndpoint, attempt: Attempt) -> dict[str, object]:
    answer = attempt.answer
    return {
        "delivery_id": attempt.delivery.delivery_id,
        "url": endpoint.url,
        "address": answer.address,
        "request_headers": Jsonb(attempt.request_headers),
        "status": answer.status,
        "response_headers": Jsonb(answer.headers),
        "response_body": answer.body,
        "error": answer.error,
        "milliseconds": round(answer.seconds * 1000),
        "age": attempt.age,
    }
