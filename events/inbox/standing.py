"""How the inbox stands: cheap to ask, its cost does not grow with what was handled."""

from __future__ import annotations

from typing import Final, NamedTuple

from django.db import connection

_STANDING: Final = """
select (select count(*) from events_inbox where state = 'due'),
       coalesce((select extract(epoch from clock_timestamp() - min(next_attempt_at))
                 from events_inbox where state = 'due' and next_attempt_at <= clock_timestamp()), 0),
       (select count(*) from events_inbox where state = 'dead'),
       (select count(*) from events_inbox where state = 'stale')
"""


class Standing(NamedTuple):
    due: int
    """Events that wait for their handler, those included that failed and wait for another try."""
    seconds: float
    """How long ago the oldest of them was due; 0 when none is."""
    dead: int
    """Dead letters."""
    stale: int
    """Dropped because a later one was handled before, of those not forgotten yet."""


def inbox_standing() -> Standing:
    with connection.cursor() as cursor:
        cursor.execute(_STANDING)
        due, seconds, dead, stale = cursor.fetchone()
    return Standing(due, max(0.0, float(seconds)), dead, stale)
