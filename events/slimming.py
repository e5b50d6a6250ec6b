"""What an event goes without where it is too large for its sink: said by whoever knows what is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson

# Of a stream's event, from its data: the same with a link where the largest part was; None where there is none.
LinkInstead = Callable[[UUID, dict[str, Any]], dict[str, Any] | None]

_link_instead: list[LinkInstead] = []


def register(link_instead: LinkInstead) -> None:
    """For AppConfig.ready()."""
    _link_instead.append(link_instead)


def slim(stream_id: UUID, data: str) -> str:
    """The event's data, as JSON text, with links instead of what can be looked up."""
    slimmed: dict[str, Any] = orjson.loads(data)
    for link_instead in _link_instead:
        slimmed = link_instead(stream_id, slimmed) or slimmed
    return orjson.dumps(slimmed).decode()
