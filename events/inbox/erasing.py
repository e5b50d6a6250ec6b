"""What tells of a person in events that came in and were not handled: dead letters keep their bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from django.db import connection
from django.db.models.functions import Now

from events.inbox.models import InboxState, IncomingEvent

_IN_WHICH_IT_STANDS = """
select id, body from events_inbox where state = 'dead' and body is not null and position(%s::bytea in body) > 0
"""


def drop_letters(text: str, *, is_meant: Callable[[dict[str, Any]], bool]) -> int:
    """Drop the dead letters in which the text stands and that are meant, with all they tell; return how many.

    `is_meant` is asked of each as JSON; what is none is passed over.
    """
    with connection.cursor() as cursor:
        cursor.execute(_IN_WHICH_IT_STANDS, [orjson.dumps(text)[1:-1]])
        meant = [entry_id for entry_id, body in cursor.fetchall() if _is_object(body) and is_meant(orjson.loads(body))]
    return (
        IncomingEvent.objects.dead()
        .filter(pk__in=meant)
        .update(
            state=InboxState.DROPPED,
            body=None,
            subject="",
            last_error="Dropped: its customer was erased.",
            settled_at=Now(),
        )
    )


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(orjson.loads(body), dict)
    except orjson.JSONDecodeError:
        return False
