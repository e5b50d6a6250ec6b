"""Which function handles which incoming event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from events.inbox.envelope import Incoming

Handle = Callable[[Incoming], None]


class Refused(Exception):
    """For handlers: however often this event is tried, nothing else will come of it. It is a dead letter at once."""


@dataclass(frozen=True, slots=True)
class Handler:
    handle: Handle
    in_any_order: bool


_handlers: Final[dict[str, Handler]] = {}


def handles(*types: str, in_any_order: bool = False) -> Callable[[Handle], Handle]:
    """Have the function handle incoming events of these types.

    It runs inside a transaction that also notes the event as handled: what it writes to this database is there
    once, however often the event comes. It may raise Refused; after anything else it is tried again.

    Of events with `subject` and `sequence`, one that is not newer than the last handled of its source and subject is
    dropped: they tell how something is now. With `in_any_order` none is dropped: each tells of something that happened.
    """

    def register(function: Handle) -> Handle:
        for event_type in types:
            if event_type in _handlers:
                raise ValueError(f"{event_type} is handled by {_handlers[event_type].handle.__name__} already.")
            _handlers[event_type] = Handler(function, in_any_order)
        return function

    return register


def handler_of(event_type: str) -> Handler | None:
    return _handlers.get(event_type)


def handled_types() -> list[str]:
    return sorted(_handlers)
