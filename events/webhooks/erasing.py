"""No answer of an endpoint is kept to what has been erased since it was sent.

An erasure and the worker that writes what endpoints answered meet at a lock of the stream, which lasts until each has
committed: what the worker wrote before it, the erasure finds; after it, the worker finds what it had sent changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple
from uuid import UUID

from django.db.backends.utils import CursorWrapper
from psycopg import Connection

from events.webhooks.models import WebhookAttempt

# 7401 are the locks of streams; which of them, a digest of the stream says. Two that share one only wait, or keep an
# answer less, for nothing.
_LOCK: Final = "select pg_advisory_xact_lock(7401, hashtext(%s::text))"
# Of all events of a stream; by the index of an endpoint's deliveries, as there is none by event alone.
_DELIVERIES: Final = """
from events_event event
join events_webhook_endpoint endpoint using (storefront_id)
join events_webhook_delivery delivery on delivery.endpoint_id = endpoint.id and delivery.event_id = event.id
"""
_ANSWERED: Final = """
where event.stream_id = %s and attempt.delivery_id = delivery.id
  and (attempt.response_body, attempt.response_headers) <> ('', '{}')
"""
_CLEAR_ANSWERS: Final = (
    "update events_webhook_attempt attempt set response_body = '', response_headers = '{}'"  # noqa: S608 - ours alone
    + _DELIVERIES
    + _ANSWERED
)
_READ_ANSWERS: Final = (
    "select attempt.*" + _DELIVERIES + "cross join events_webhook_attempt attempt" + _ANSWERED + "order by attempt.id"
)

_LOCKED: Final = """
select stream_id from unnest(%s::uuid[]) as stream (stream_id)
where pg_try_advisory_xact_lock_shared(7401, hashtext(stream_id::text))
"""
# A statement of its own after the lock: it sees what an erasure that has let go of it has left.
_AS_IT_WAS_SENT: Final = """
select event.id from events_event event
join unnest(%s::uuid[], %s::text[]) as sent (id, row_version) on sent.id = event.id
where event.xmin::text = sent.row_version
"""


class Sent(NamedTuple):
    """An event as it was read to be sent. `row_version` tells its row from what an erasure makes of it; a test event
    has none.
    """

    event_id: UUID
    stream_id: UUID
    row_version: str | None


def clear_answers(cursor: CursorWrapper, stream_id: UUID) -> None:
    """Remove what endpoints answered to the stream's events: it may repeat what they got.

    Call it in the transaction of the erasure, after the events have been changed.
    """
    cursor.execute(_LOCK, [stream_id])
    cursor.execute(_CLEAR_ANSWERS, [stream_id])


def answers_about(stream_id: UUID) -> Iterable[WebhookAttempt]:
    """The attempts that were answered with more than a status, oldest first."""
    return WebhookAttempt.objects.raw(_READ_ANSWERS, [stream_id])


def not_erased_since(connection: Connection, sent: Collection[Sent]) -> set[UUID]:
    """The ids of the events that are as they were sent, and stay so until the transaction ends; and of test events.

    Waits for nobody: what is being erased at this moment is not among them.
    """
    of_log = [one for one in sent if one.row_version is not None]
    streams = list({one.stream_id for one in of_log})
    locked = {stream_id for (stream_id,) in connection.execute(_LOCKED, [streams])}
    looked_at = [one for one in of_log if one.stream_id in locked]
    parameters = [[one.event_id for one in looked_at], [one.row_version for one in looked_at]]
    as_they_were = {event_id for (event_id,) in connection.execute(_AS_IT_WAS_SENT, parameters)}
    return as_they_were | {one.event_id for one in sent if one.row_version is None}
