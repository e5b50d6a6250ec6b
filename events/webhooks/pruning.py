"""Removing what nobody reads any more, in slices that hold nobody up."""

from datetime import datetime
from typing import Any

from django.db import connection

from events.webhooks.models import WebhookEndpoint, WebhookTurn
from events.webhooks.redelivering import first_id_at

_SLICE = 5000

_ATTEMPTS = """
delete from events_webhook_attempt
where id = any (array(
    select id from events_webhook_attempt where attempted_at < %(before)s order by attempted_at limit %(slice)s))
"""

# What is still to be tried stays, however old its event; of a disabled endpoint it is as old as that.
_DELIVERIES = """
delete from events_webhook_delivery
where id = any (array(
    select id from events_webhook_delivery
    where endpoint_id = %(endpoint_id)s and event_id < %(last)s
      and case when state = 'pending' then %(idle)s else settled_at < %(before)s end
    limit %(slice)s))
"""

_OF_DELETED = """
with gone as (
    delete from events_webhook_delivery
    where id = any (array(
        select id from events_webhook_delivery where endpoint_id = %(endpoint_id)s limit %(slice)s))
    returning id
), logged as (
    delete from events_webhook_attempt where delivery_id in (select id from gone)
)
select count(*) from gone
"""


def prune(*, before: datetime) -> int:
    """Remove what is older of attempts and settled deliveries, and all of deleted endpoints.

    Return how many deliveries it were.
    """
    _in_slices(_ATTEMPTS, {"before": before})
    removed = 0
    for endpoint in WebhookEndpoint.objects.all():
        if endpoint.deleted_at is not None:
            removed += _empty(endpoint)
            # Not at once: a change that was under way when it was deleted may still have queued something.
            if endpoint.deleted_at < before:
                WebhookTurn.objects.filter(endpoint_id=endpoint.pk).delete()
                endpoint.delete()
        else:
            idle = endpoint.disabled_at is not None and endpoint.disabled_at < before
            parameters: dict[str, Any] = {
                "endpoint_id": endpoint.pk,
                "last": first_id_at(before),
                "before": before,
                "idle": idle,
            }
            removed += _in_slices(_DELIVERIES, parameters)
    return removed


def _empty(endpoint: WebhookEndpoint) -> int:
    removed = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_OF_DELETED, {"endpoint_id": endpoint.pk, "slice": _SLICE})
            count = int(cursor.fetchone()[0])
        removed += count
        if count < _SLICE:
            return removed


def _in_slices(statement: str, parameters: dict[str, Any]) -> int:
    removed = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, {**parameters, "slice": _SLICE})
            count = int(cursor.rowcount)
        removed += count
        if count < _SLICE:
            return removed
