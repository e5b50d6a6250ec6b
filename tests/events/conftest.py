"""Events to append, and the sink and relay most tests look at."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from events.outbox import NewEvent, append
from events.relay import Relay
from events.sinks.memory import MemorySink

MakeEvent = Callable[..., NewEvent]


@pytest.fixture
def make_event() -> MakeEvent:
    def make(stream_id: UUID, sequence: int, **values: Any) -> NewEvent:
        defaults: dict[str, Any] = {
            "id": uuid7(),
            "storefront_id": 1,
            "source": "/storefronts/au",
            "type": "thing.changed",
            "occurred_at": datetime(2026, 11, 23, 1, 14, tzinfo=UTC),
            "actor": "staff:ann",
            "data": {"version": sequence},
        }
        return NewEvent(stream_id=stream_id, sequence=sequence, **(defaults | values))

    return make


@pytest.fixture
def append_stream(make_event: MakeEvent) -> Callable[..., UUID]:
    """Append a stream of that many events, each in its own transaction; returns the stream's id."""

    def append_events(count: int, **values: Any) -> UUID:
        stream_id = uuid7()
        for sequence in range(1, count + 1):
            append([make_event(stream_id, sequence, **values)])
        return stream_id

    return append_events


@pytest.fixture
def memory_sink(settings: Any) -> MemorySink:
    settings.EVENT_SINKS = ["memory"]
    return MemorySink()


@pytest.fixture
def relay(memory_sink: MemorySink, database: None) -> Relay:
    return Relay("memory", memory_sink)
