"""Events to bring in, a source that brings them, and a handler that notes what it got."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from events.inbox import handlers
from events.inbox.consumer import Consumer
from events.inbox.envelope import Incoming
from events.inbox.sources.memory import MemorySource

MakeBody = Callable[..., bytes]


@pytest.fixture
def body() -> MakeBody:
    """An event as its sender writes it: `body("1", subject="a", sequence=1)`."""

    def make(event_id: str, **attributes: Any) -> bytes:
        given = {"specversion": "1.0", "id": event_id, "source": "/things", "type": "thing.changed", **attributes}
        return json.dumps(given).encode()

    return make


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`register("thing.changed", function)`, for this test only."""

    def add(event_type: str, function: Callable[[Incoming], None], *, in_any_order: bool = False) -> None:
        monkeypatch.delitem(handlers._handlers, event_type, raising=False)
        handlers.handles(event_type, in_any_order=in_any_order)(function)
        monkeypatch.setitem(handlers._handlers, event_type, handlers._handlers.pop(event_type))

    return add


@pytest.fixture
def handled(register: Callable[..., None]) -> list[Incoming]:
    """What the handler of `thing.changed` got."""
    got: list[Incoming] = []
    register("thing.changed", got.append)
    return got


@pytest.fixture
def source() -> MemorySource:
    return MemorySource()


@pytest.fixture
def consumer(source: MemorySource, database: None) -> Iterator[Consumer]:
    made = Consumer("memory", source)
    yield made
    made.close()
