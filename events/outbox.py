"""Writing events: the log row and one queue row for each sink, in the caller's transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from events.sinks import enabled_sinks


@dataclass(slots=True)
class NewEvent:
    """A fact to be told. Field names are the columns of the log.

    `stream_id` is what the event is about and what order is kept for; `sequence` counts 1, 2, 3 … in it.
    `data` may hold `orjson.Fragment`s, so that a document which is JSON already is not dumped again. `reason` and
    `personal` (fields of `data.order` that tell of a person) are written beside the log.
    """

    id: UUID
    storefront_id: int
    source: str
    stream_id: UUID
    sequence: int
    type: str
    occurred_at: datetime
    actor: str
    data: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    personal: dict[str, Any] = field(default_factory=dict)
    request_id: str = ""
    trace: str = ""


def as_rows(events: Iterable[NewEvent]) -> bytes:
    """The events as the JSON array that the SQL function `events_append` takes."""
    return orjson.dumps(list(events))


def append(events: Iterable[NewEvent]) -> None:
    """Write the events and their queue rows. Call it inside the transaction that made the change."""
    with connection.cursor() as cursor:
        cursor.execute("select events_append(%s::json, %s::text[])", [as_rows(events).decode(), enabled_sinks()])
