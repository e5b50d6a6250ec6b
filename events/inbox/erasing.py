"""What tells of a person in events that came in and could not be handled: they keep their bodies.

Dead letters, and those that have failed and wait to be tried again: these would be dead letters after the erasure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson
from django.db import connection
from django.db.models import Q

from events.inbox.models import InboxState, InboxStream, IncomingEvent

Letter = dict[str, Any] | str

_READ_AT_ONCE: Final = 20
# Escaped, any letter can be spelled otherwise: what has a backslash is looked into.
_IN_WHICH_IT_MAY_STAND: Final = r"""
select id from events_inbox
where (state = 'dead' or (state = 'due' and last_error <> '')) and body is not null
  and (position(%s::bytea in body) > 0 or position('\x5c'::bytea in body) > 0)
order by id
"""
_DROP: Final = """
update events_inbox
   set state = 'dropped', body = null, subject = '', settled_at = now(),
       last_error = 'Dropped: its customer was erased.'
 where id in (
    select id from events_inbox
     where id = any(%s) and (state = 'dead' or (state = 'due' and last_error <> ''))
     order by id for update WAITING
 )
"""
_LEFT: Final = """
select count(*) from events_inbox where id = any(%s) and (state = 'dead' or (state = 'due' and last_error <> ''))
"""


class LettersBusy(RuntimeError):
    """Some of the letters are being tried at this moment, and could be kept should that fail."""


def drop_letters(text: str, *, is_meant: Callable[[Letter], bool], waits: bool) -> int:
    """Drop the letters in which the text may stand and that are meant, with all they tell; return how many.

    `is_meant` is asked of each as `letters_with` tells it. With `waits` it waits for those that are being tried; do
    that only where nothing is locked, as their handlers may wait for it. Otherwise raises LettersBusy.
    """
    meant = [entry_id for entry_id, letter in letters_with(text) if is_meant(letter)]
    with connection.cursor() as cursor:
        cursor.execute(_DROP.replace("WAITING", "" if waits else "skip locked"), [meant])
        dropped = int(cursor.rowcount)
        cursor.execute(_LEFT, [meant])
        (left,) = cursor.fetchone()
    if left and not waits:
        raise LettersBusy(f"{left} events about it are being tried: come again when that is over.")
    return dropped


def letters_with(text: str) -> Iterator[tuple[int, Letter]]:
    """The letters in which the text may stand, by their ids: as the object of JSON they are, or as a text."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_WHICH_IT_MAY_STAND, [text.encode()])
        ids = [entry_id for (entry_id,) in cursor.fetchall()]
    # Each may be a megabyte.
    for first in range(0, len(ids), _READ_AT_ONCE):
        letters = IncomingEvent.objects.filter(pk__in=ids[first : first + _READ_AT_ONCE]).exclude(body=None)
        for entry_id, body in letters.order_by("pk").values_list("pk", "body"):
            yield entry_id, _read(bytes(body or b""))


def forget_subject(subject: str, *, handling: str = "") -> None:
    """Forget of which subject the events were that have been handled, and how far they had come; that of the event with
    the id `handling` too.
    """
    settled = Q(state__in=(InboxState.HANDLED, InboxState.STALE, InboxState.DROPPED))
    IncomingEvent.objects.filter(settled | Q(event_id=handling), subject=subject).update(subject="", last_error="")
    InboxStream.objects.filter(subject=subject).delete()


def _read(body: bytes) -> Letter:
    try:
        letter = orjson.loads(body)
    except orjson.JSONDecodeError:
        letter = None
    return letter if isinstance(letter, dict) else body.decode(errors="replace")
