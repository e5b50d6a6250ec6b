"""Removing what nobody reads any more, in slices that hold nobody up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from events.slices import remove_in_slices
from events.webhooks.models import WebhookEndpoint, WebhookTurn
from events.webhooks.redelivering import first_id_at

_SLICE: Final = 5000
_FIRST_TIME: Final = datetime(1, 1, 1, tzinfo=UTC)
_FIRST_ID: Final = UUID(int=0)

_ATTEMPTS: Final = """
with due as materialized (
    select id, attempted_at from events_webhook_attempt
    where attempted_at >= %(after)s and attempted_at < %(before)s
    order by attempted_at limit %(limit)s for update skip locked
), gone as (
    delete from events_webhook_attempt where id = any (array(select id from due))
)
select count(*), max(attempted_at) from due
"""

# What is still to be tried stays, however old its event; of a disabled endpoint it is as old as that.
_DELIVERIES: Final = """
with due as materialized (
    select id, event_id from events_webhook_delivery
    where endpoint_id = %(endpoint_id)s and event_id > %(after)s and event_id < %(last)s
      and case when state = 'pending' then %(idle)s else settled_at < %(before)s end
    order by event_id limit %(limit)s for update skip locked
), gone as (
    delete from events_webhook_delivery where id = any (array(select id from due))
)
select count(*), (select event_id from due order by event_id desc limit 1) from due
"""

_OF_DELETED: Final = """
with due as materialized (
    select id, event_id from events_webhook_delivery
    where endpoint_id = %(endpoint_id)s and event_id > %(after)s
    order by event_id limit %(limit)s for update skip locked
), gone as (
    delete from events_webhook_delivery where id = any (array(select id from due))
), logged as (
    delete from events_webhook_attempt where delivery_id in (select id from due)
)
select count(*), (select event_id from due order by event_id desc limit 1) from due
"""


def prune(*, before: datetime) -> int:
    """Remove what is older of attempts and settled deliveries, and all of deleted endpoints.

    Return how many deliveries it were.
    """
    remove_in_slices(_ATTEMPTS, {"before": before}, after=_FIRST_TIME, limit=_SLICE)
    removed = 0
    for endpoint in WebhookEndpoint.objects.all():
        if endpoint.deleted_at is not None:
            removed += remove_in_slices(_OF_DELETED, {"endpoint_id": endpoint.pk}, after=_FIRST_ID, limit=_SLICE)
            # Not at once: a change that was under way when it was deleted may still have queued something.
            if endpoint.deleted_at < before:
                WebhookTurn.objects.filter(endpoint_id=endpoint.pk).delete()
                endpoint.delete()
        else:
            values = {
                "endpoint_id": endpoint.pk,
                "last": first_id_at(before),
                "before": before,
                "idle": endpoint.disabled_at is not None and endpoint.disabled_at < before,
            }
            removed += remove_in_slices(_DELIVERIES, values, after=_FIRST_ID, limit=_SLICE)
    return removed
