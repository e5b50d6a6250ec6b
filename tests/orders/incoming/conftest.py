"""Events of other services, and a consumer that takes them in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from events.inbox.consumer import Consumer
from events.inbox.models import IncomingEvent
from events.inbox.sources.memory import MemorySource

ComesIn = Callable[..., IncomingEvent]


@pytest.fixture
def comes_in(database: None) -> ComesIn:
    """Have an event come in and be handled; what became of it: `comes_in("payment.captured", {...}, sequence=3)`."""
    numbers = iter(range(1, 1000))

    def come(event_type: str, data: Any, **attributes: Any) -> IncomingEvent:
        event_id = f"evt-{next(numbers)}"
        event = {"specversion": "1.0", "id": event_id, "source": "/elsewhere", "type": event_type, "data": data}
        source = MemorySource()
        source.waiting.append(json.dumps(event | attributes).encode())
        Consumer("memory", source).drain()
        came = event | attributes
        return IncomingEvent.objects.get(event_id=came["id"], source=came["source"])

    return come
