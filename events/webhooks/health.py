"""How the endpoints are, for whoever watches the service."""

from django.db import connection

_STATES = """
select count(*) filter (where disabled_at is null and failing_since is null),
       count(*) filter (where disabled_at is null and failing_since is not null),
       count(*) filter (where disabled_because in ('gone', 'failing')),
       count(*) filter (where disabled_because = 'by_hand')
from events_webhook_endpoint where deleted_at is null
"""


def endpoints_by_state() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(_STATES)
        return dict(
            zip(("answering", "failing", "disabled_by_failures", "disabled_by_hand"), cursor.fetchone(), strict=True)
        )
