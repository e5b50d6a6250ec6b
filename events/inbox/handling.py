"""Handling what is stored: the handler's effect and the note that it is done are committed together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models.functions import Now

from events.inbox.envelope import Unreadable, read
from events.inbox.handlers import Handler, Refused, handler_of
from events.inbox.models import InboxState, IncomingEvent

logger = logging.getLogger(__name__)

MAX_TRIES: Final = 8
_FIRST_PAUSE: Final = timedelta(seconds=1)
_LONGEST_PAUSE: Final = timedelta(minutes=15)

# Whoever handles an event holds its row; a consumer that dies lets go of it with its connection.
_TAKE: Final = """
select * from events_inbox
where state = 'due' and next_attempt_at <= now()
order by next_attempt_at, id
limit 1
for update skip locked
"""
# Waits for whoever handles another event of the stream at this moment; no row when that one is as new, or newer.
_MOVE_STREAM: Final = """
insert into events_inbox_stream as stream (source, subject, sequence)
values (%(source)s, %(subject)s, %(sequence)s)
on conflict (source, subject) do update set sequence = excluded.sequence, moved_at = now()
where stream.sequence < excluded.sequence
returning sequence
"""


def handle_due(*, may_go_on: Callable[[], bool] = lambda: True, most: int) -> int:
    """Handle what is due, at most so many; return how many were tried. Any number of processes may do this at once.

    An event that fails waits, 1 second, 4, 16 … 15 minutes, and holds nobody up; after 8 tries it is a dead letter.
    Raises the database's error when that is what fails.
    """
    tried = 0
    while tried < most and may_go_on() and _handle_next():
        tried += 1
    return tried


def _handle_next() -> bool:
    """Whether there was one."""
    row: IncomingEvent | None = None
    try:
        with transaction.atomic(durable=True):
            row = next(iter(IncomingEvent.objects.raw(_TAKE)), None)
            if row is None:
                return False
            _handle(row)
    except Exception as error:
        if row is None:
            raise
        _note_failure(row, error)
    return True


def _handle(row: IncomingEvent) -> None:
    handler = handler_of(row.type)
    if handler is None:
        raise Refused(f"Nothing handles {row.type} any more.")
    try:
        event = read(bytes(row.body or b""))
    except Unreadable as error:
        raise Refused(str(error)) from error
    if _is_stale(row, handler):
        logger.info("Event is dropped: a later one was handled before", extra=_about(row))
        _settle(row, InboxState.STALE)
        return
    handler.handle(event)
    _settle(row, InboxState.HANDLED)


def _is_stale(row: IncomingEvent, handler: Handler) -> bool:
    if handler.in_any_order or row.sequence is None or not row.subject:
        return False
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_STREAM, {"source": row.source, "subject": row.subject, "sequence": row.sequence})
        return cursor.fetchone() is None


def _settle(row: IncomingEvent, state: InboxState) -> None:
    IncomingEvent.objects.filter(pk=row.pk).update(state=state, settled_at=Now(), last_error="", body=None)


def _note_failure(row: IncomingEvent, error: Exception) -> None:
    """Nothing of the try is left but this."""
    attempts = row.attempts + 1
    is_dead = isinstance(error, Refused) or attempts >= MAX_TRIES
    told = str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
    # Another may have taken it meanwhile; then that one's try counts.
    IncomingEvent.objects.due().filter(pk=row.pk, attempts=row.attempts).update(
        attempts=attempts,
        state=InboxState.DEAD if is_dead else InboxState.DUE,
        next_attempt_at=Now() + _pause(attempts),
        last_error=told.replace("\0", "")[:2000],
    )
    logger.log(
        logging.ERROR if is_dead else logging.WARNING,
        "Event is a dead letter" if is_dead else "Event could not be handled and will be tried again",
        extra=_about(row) | {"attempts": attempts, "error": told},
        exc_info=None if isinstance(error, Refused) else error,
    )


def _pause(attempts: int) -> timedelta:
    quadrupled: timedelta = _FIRST_PAUSE * 4 ** (attempts - 1)
    return min(_LONGEST_PAUSE, quadrupled)


def _about(row: IncomingEvent) -> dict[str, str]:
    return {"came_by": row.came_by, "type": row.type, "event_id": row.event_id, "source": row.source}
