"""The one way in which what is told of a stream changes afterwards: what tells of a person is removed."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from events.models import OutboxEntry, PersonalData, SkippedEvent, bucket_of
from events.webhooks.erasing import clear_answers

Data = dict[str, Any]

# For the trigger that keeps the log as it is; until the transaction ends, or the next line takes it back.
_ALLOW = "select set_config('events.erasing', %s, true)"
_CLEAR = "update events_event set reason = '', data = %s::jsonb where id = %s"


def erase(stream_id: UUID, redact: Callable[[Data], Data]) -> None:
    """Remove what stands beside the stream's events, and from the events what `redact` leaves out of their data.

    Call it inside the transaction of the erasure. Sequence, type, time and actor of each event stay.
    """
    PersonalData.objects.filter(stream_id=stream_id).delete()
    with connection.cursor() as cursor:
        cursor.execute("select id, reason, data::text from events_event where stream_id = %s", [stream_id])
        rows = [(event_id, reason, orjson.loads(data)) for event_id, reason, data in cursor.fetchall()]
        redacted = [(event_id, redact(data), reason, data) for event_id, reason, data in rows]
        changed = [
            (orjson.dumps(new).decode(), event_id) for event_id, new, reason, old in redacted if reason or new != old
        ]
        if changed:
            cursor.execute(_ALLOW, ["on"])
            cursor.executemany(_CLEAR, changed)
            cursor.execute(_ALLOW, ["off"])
        clear_answers(cursor, stream_id)
    # What sinks said of it may repeat it; why somebody skipped it was told by a person.
    OutboxEntry.objects.held().filter(bucket=bucket_of(stream_id), stream_id=stream_id).update(last_error="")
    SkippedEvent.objects.filter(event_id__in=[event_id for event_id, _, _ in rows]).update(last_error="", reason="")
