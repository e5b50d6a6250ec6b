"""Sending again what was sent, or could not be: one event, those of a time, all that failed since."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from events.webhooks.endpoints import EndpointDisabled
from events.webhooks.models import WebhookDelivery, WebhookEndpoint

MOST_AT_ONCE = 10_000

_DUE_AGAIN = """
set state = 'pending', attempts = 0, next_attempt_at = now(), last_status = null, last_error = '', settled_at = null
"""

# From the log rather than from what was queued: so events that happened while the endpoint was disabled come too.
_OF_A_TIME = """
with chosen as materialized (
    select e.id as event_id, e.storefront_id, e.stream_id, e.sequence
    from events_event e
    where e.id >= %(first)s::uuid and e.id < %(last)s::uuid and e.storefront_id = %(storefront_id)s
      and (%(types)s::text[] = '{}' or e.type = any (%(types)s::text[]))
    order by e.id
    limit %(most)s
)
"""
_GIVEN_UP = """
with chosen as materialized (
    select id, event_id from events_webhook_delivery
    where endpoint_id = %(endpoint_id)s::uuid and state = 'failed'
      and event_id >= %(first)s::uuid and event_id < %(last)s::uuid
    order by event_id
    limit %(most)s
    for update
)
"""
_QUEUE_OF_A_TIME = """, written as (
    insert into events_webhook_delivery (endpoint_id, event_id, storefront_id, stream_id, sequence)
    select %(endpoint_id)s::uuid, event_id, storefront_id, stream_id, sequence from chosen order by event_id
    on conflict (endpoint_id, event_id) do update DUE_AGAIN
    returning event_id
)
""".replace("DUE_AGAIN", _DUE_AGAIN)
_QUEUE_GIVEN_UP = """, written as (
    update events_webhook_delivery d DUE_AGAIN
    from chosen where d.id = chosen.id
    returning d.event_id
)
""".replace("DUE_AGAIN", _DUE_AGAIN)
_TOLD = "select count(*), (select event_id from {0} order by event_id desc limit 1) from {0}"


class DeliveryMissing(LookupError):
    """The endpoint was never to get such an event."""

    def __init__(self, event_id: UUID) -> None:
        super().__init__(f"The endpoint was never to get an event {event_id}.")
        self.event_id = event_id


class Redelivered(NamedTuple):
    """How many; `go_on_since` is where to go on when there is more than is done at once."""

    queued: int
    go_on_since: datetime | None


def redeliver_one(endpoint: WebhookEndpoint, event_id: UUID) -> WebhookDelivery:
    """Make the delivery due, with all its attempts before it. Raises DeliveryMissing, EndpointDisabled."""
    _refuse_disabled(endpoint)
    with connection.cursor() as cursor:
        cursor.execute(
            f"update events_webhook_delivery {_DUE_AGAIN} where endpoint_id = %s and event_id = %s",
            [endpoint.pk, event_id],
        )
        if not cursor.rowcount:
            raise DeliveryMissing(event_id)
    return WebhookDelivery.objects.get(endpoint_id=endpoint.pk, event_id=event_id)


def refuse_one(endpoint: WebhookEndpoint, event_id: UUID) -> None:
    """Raise what `redeliver_one` would raise, and do nothing."""
    _refuse_disabled(endpoint)
    if not WebhookDelivery.objects.filter(endpoint_id=endpoint.pk, event_id=event_id).exists():
        raise DeliveryMissing(event_id)


def redeliver(
    endpoint: WebhookEndpoint, *, since: datetime, until: datetime, only_failed: bool = False, dry_run: bool = False
) -> Redelivered:
    """Make due what happened from `since` to before `until`: all of it that is of the endpoint's types, or what failed.

    With `dry_run` only tell how many that would be. Raises EndpointDisabled.
    """
    _refuse_disabled(endpoint)
    parameters: dict[str, Any] = {
        "endpoint_id": endpoint.pk,
        "storefront_id": endpoint.storefront_id,
        "types": endpoint.types,
        "first": first_id_at(since),
        "last": first_id_at(until),
        "most": MOST_AT_ONCE,
    }
    with connection.cursor() as cursor:
        chosen = _GIVEN_UP if only_failed else _OF_A_TIME
        queue = _QUEUE_GIVEN_UP if only_failed else _QUEUE_OF_A_TIME
        statement = chosen + _TOLD.format("chosen") if dry_run else chosen + queue + _TOLD.format("written")
        cursor.execute(statement, parameters)
        queued, last = cursor.fetchone()
    return Redelivered(queued, time_of(last) if queued == MOST_AT_ONCE else None)


def first_id_at(moment: datetime) -> UUID:
    """What the ids of events (UUIDv7) of that moment and later are not below."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def time_of(event_id: UUID) -> datetime:
    """The moment in the id of an event, to the millisecond."""
    return datetime.fromtimestamp((event_id.int >> 80) / 1000, UTC)


def _refuse_disabled(endpoint: WebhookEndpoint) -> None:
    if not endpoint.enabled:
        raise EndpointDisabled("The endpoint is disabled. Enable it first.")
