"""What the consumer asks of a source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """`body` is an event in the JSON format of CloudEvents; `receipt` is the source's own, to acknowledge it by."""

    body: bytes
    receipt: Any = None


class SourceDown(Exception):
    """The source gives nothing at all now: unreachable, or what should be read is not there."""


class Source(Protocol):
    """Where events come from. Built from its address in settings.EVENT_SOURCES: what follows the colon, or a
    vendor's whole URL. Raises ValueError for one that cannot be right.

    What was received and not acknowledged comes again after `close`, or once the process is gone, to this consumer
    or another one. That is all that is asked of a broker: it may bring a message twice, late and in any order.
    """

    def __init__(self, address: str) -> None: ...

    def open(self) -> None:
        """Connect. Called before the first `receive` and again after each SourceDown. May raise SourceDown."""

    def receive(self, *, limit: int, seconds: float) -> Sequence[Message]:
        """At most so many messages; none when there were none for so long. Returns or raises SourceDown within a few
        seconds more.
        """

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """They are safe here: all that the last `receive` returned. May raise SourceDown; then they come again."""

    def close(self) -> None:
        """Let go of connections. Safe to call twice, and without open."""
