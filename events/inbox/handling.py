"""Handling what is stored: the handler's effect and the note that it is done are committed together.

A try is counted before it begins, in a transaction of its own: a handler that ends its process (a crash of native
code, memory that has run out) leaves nobody to count it, and would be given its event for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from events.inbox.envelope import Unreadable, read
from events.inbox.handlers import Handler, Refused, handler_of
from events.inbox.models import InboxState, IncomingEvent

logger = logging.getLogger(__name__)

MAX_TRIES: Final = 8
_FIRST_PAUSE: Final = timedelta(seconds=1)
_LONGEST_PAUSE: Final = timedelta(minutes=15)

# Whoever handles an event holds its row; a consumer that dies lets go of it with its connection. Between the count and
# that it is nobody's for a moment, but not due either.
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


def handle_due(
    *, may_go_on: Callable[[], bool] = lambda: True, most: int, interrupted: list[IncomingEvent] | None = None
) -> int:
    """Handle what is due, at most so many; return how many were tried. Any number of processes may do this at once.

    An event that fails waits, 1 second, 4, 16 … 15 minutes, and holds nobody up; after 8 tries it is a dead letter.
    Raises the database's error when that is what fails; the try it has ended is put into `interrupted`, and is counted
    no more once the database is back, by the next call that is given the same list.
    """
    ended_by_outage = [] if interrupted is None else interrupted
    while ended_by_outage:
        _count_no_more(ended_by_outage[-1])
        ended_by_outage.pop()
    tried = 0
    while tried < most and may_go_on() and _handle_next(ended_by_outage):
        tried += 1
    return tried


def _handle_next(ended_by_outage: list[IncomingEvent]) -> bool:
    """Whether there was one."""
    row = _begin_try()
    if row is None:
        return False
    if row.state == InboxState.DEAD:
        return True
    try:
        with transaction.atomic(durable=True):
            # Waits, as one who looks for the next event may hold this row for a moment, though it is due no more.
            if IncomingEvent.objects.due().select_for_update().filter(pk=row.pk, attempts=row.attempts).exists():
                _handle(row)
    except (Exception, SystemExit) as error:
        try:
            _note_failure(row, error)
        except DatabaseError:
            ended_by_outage.append(row)
            raise
    return True


def _begin_try() -> IncomingEvent | None:
    """The next event with its try counted, due again should nobody tell how it ended; or a dead letter by now."""
    with transaction.atomic(durable=True):
        row: IncomingEvent | None = next(iter(IncomingEvent.objects.raw(_TAKE)), None)
        if row is None:
            return None
        if row.attempts >= MAX_TRIES:
            row.state = InboxState.DEAD
            row.last_error = f"{row.last_error} It was the last of {MAX_TRIES}: whoever made it must have died of it."
            row.save(update_fields=["state", "last_error"])
            logger.error("Event is a dead letter: its tries do not end", extra=_about(row) | {"attempts": row.attempts})
            return row
        row.attempts += 1
        row.last_error = f"The try that began at {timezone.now():%Y-%m-%d %H:%M:%S} UTC has not ended."
        IncomingEvent.objects.filter(pk=row.pk).update(
            attempts=row.attempts, next_attempt_at=Now() + _pause(row.attempts), last_error=row.last_error
        )
        return row


def _count_no_more(row: IncomingEvent) -> None:
    IncomingEvent.objects.due().filter(pk=row.pk, attempts=row.attempts).update(
        attempts=row.attempts - 1, next_attempt_at=Now(), last_error="The database went away while it was handled."
    )


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
    IncomingEvent.objects.filter(pk=row.pk).update(
        state=state, settled_at=Now(), attempts=row.attempts - 1, last_error="", body=None
    )


def _note_failure(row: IncomingEvent, error: BaseException) -> None:
    """Nothing of the try is left but this, and that it was counted."""
    is_dead = isinstance(error, Refused) or row.attempts >= MAX_TRIES
    told = str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
    # Another may have taken it meanwhile; then that one's try counts.
    IncomingEvent.objects.due().filter(pk=row.pk, attempts=row.attempts).update(
        state=InboxState.DEAD if is_dead else InboxState.DUE,
        next_attempt_at=Now() + _pause(row.attempts),
        last_error=told.replace("\0", "")[:2000],
    )
    logger.log(
        logging.ERROR if is_dead else logging.WARNING,
        "Event is a dead letter" if is_dead else "Event could not be handled and will be tried again",
        extra=_about(row) | {"attempts": row.attempts, "error": told},
        exc_info=None if isinstance(error, Refused) else error,
    )


def _pause(attempts: int) -> timedelta:
    quadrupled: timedelta = _FIRST_PAUSE * 4 ** (attempts - 1)
    return min(_LONGEST_PAUSE, quadrupled)


def _about(row: IncomingEvent) -> dict[str, str]:
    return {"came_by": row.came_by, "type": row.type, "event_id": row.event_id, "source": row.source}
