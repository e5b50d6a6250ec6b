"""Storing what a broker has brought, each event once, before it is acknowledged."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from typing import Final

from django.db import connection

from events.inbox.envelope import MOST_BYTES, Unreadable, read
from events.inbox.handlers import handler_of
from events.inbox.models import InboxState, IncomingEvent

logger = logging.getLogger(__name__)

# Numbered as they came, and written in the order of their names: two consumers that store the same ones would
# otherwise wait for each other.
_STORE: Final = """
insert into events_inbox (id, came_by, source, event_id, type, subject, sequence, state, last_error, body)
select id, %(came_by)s::text, source, event_id, type, subject, sequence, state, error, body
from (
    select nextval(pg_get_serial_sequence('events_inbox', 'id')) as id, come.*
    from unnest(%(source)s::text[], %(event_id)s::text[], %(type)s::text[], %(subject)s::text[],
                %(sequence)s::bigint[], %(state)s::text[], %(error)s::text[], %(body)s::bytea[])
         with ordinality as come (source, event_id, type, subject, sequence, state, error, body, position)
    order by position
) as numbered
order by source, event_id
on conflict (source, event_id) do nothing
"""


def store(bodies: Sequence[bytes], *, came_by: str) -> int:
    """Store the messages that are new and have a handler; return how many. What is no event is a dead letter at once.

    Events nobody here handles are left out: a queue may bring more than is wanted of it.
    """
    rows = [row for body in bodies if (row := _row(body, came_by)) is not None]
    if not rows:
        return 0
    columns = ("source", "event_id", "type", "subject", "sequence", "state", "last_error", "body")
    values = {column: [getattr(row, column) for row in rows] for column in columns}
    values["error"] = values.pop("last_error")
    with connection.cursor() as cursor:
        cursor.execute(_STORE, {"came_by": came_by, **values})
        return int(cursor.rowcount)


def _row(body: bytes, came_by: str) -> IncomingEvent | None:
    try:
        event = read(body)
    except Unreadable as error:
        logger.error("Message is a dead letter: it is no event", extra={"came_by": came_by, "error": str(error)})
        # The same message is the same dead letter, however often it comes.
        return IncomingEvent(
            source="",
            event_id=f"sha256:{hashlib.sha256(body).hexdigest()}",
            type="",
            subject="",
            state=InboxState.DEAD,
            last_error=str(error).replace("\0", ""),
            body=body[:MOST_BYTES],
        )
    if handler_of(event.type) is None:
        logger.debug("Nobody handles the event", extra={"came_by": came_by, "type": event.type, "event_id": event.id})
        return None
    return IncomingEvent(
        source=event.source,
        event_id=event.id,
        type=event.type,
        subject=event.subject,
        sequence=event.sequence,
        state=InboxState.DUE,
        last_error="",
        body=body,
    )
