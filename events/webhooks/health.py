"""How the endpoints are, for whoever watches the service."""

from django.db import connection

_STATES = """
select count(*) filter (where disabled_at is null and failing_since is null),
       count(*) filter (where disabled_at is null and failing_since is not null),
       count(*) filter (where disabled_because in ('gone', 'failing')),
       count(*) filter (where disabled_because = 'by_hand')
from events_webhook_endpoint where deleted_at is null
"""


# Of endpoints that answer: what waits for one that does not is not late by our doing. Of one that keeps order what
# waits for an earlier event is passed over, as far as it is looked at.
_LAG = """
select coalesce(max(extract(epoch from clock_timestamp() - late.next_attempt_at)), 0)
from events_webhook_endpoint endpoint
cross join lateral (
    select due.next_attempt_at
    from (
        select * from events_webhook_delivery d
        where d.endpoint_id = endpoint.id and d.state = 'pending' and d.next_attempt_at <= now()
        order by d.next_attempt_at limit 1000
    ) as due
    where not endpoint.ordered or (
        select earlier.id from events_webhook_delivery earlier
        where earlier.endpoint_id = due.endpoint_id and earlier.state = 'pending'
          and earlier.stream_id = due.stream_id and earlier.sequence < due.sequence
        limit 1
    ) is null
    order by due.next_attempt_at limit 1
) as late
where endpoint.disabled_at is null and endpoint.deleted_at is null and endpoint.down_rounds = 0
  and (endpoint.paused_until is null or endpoint.paused_until <= now())
"""


def webhook_lag_seconds() -> float:
    """How long ago the oldest webhook was due that could be sent, of all endpoints; 0 when none is."""
    with connection.cursor() as cursor:
        cursor.execute(_LAG)
        (seconds,) = cursor.fetchone()
    return max(0.0, float(seconds))


def endpoints_by_state() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(_STATES)
        return dict(
            zip(("answering", "failing", "disabled_by_failures", "disabled_by_hand"), cursor.fetchone(), strict=True)
        )
