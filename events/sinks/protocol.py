"""What the relay asks of a sink."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

# Enough for ids, type, source and sequence, which go beside a body: attributes, headers, keys.
BESIDE_BODY: Final = 1_024


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event on its way out.

    `body` is its CloudEvents JSON envelope (UTF-8, one line); the other fields are what a broker needs beside
    it: `id` to drop repeats by, `stream_id` to keep order by, `type` and `source` (`/storefronts/au`) to filter by.
    """

    id: UUID
    storefront_id: int
    source: str
    stream_id: UUID
    sequence: int
    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    """The sink has the event and will not lose it."""


@dataclass(frozen=True, slots=True)
class RetryEvent:
    """This event failed, others may pass; try it again later. Counts as an attempt."""

    error: str


@dataclass(frozen=True, slots=True)
class Reject:
    """The sink will never take this event (too large, malformed). A person must decide."""

    error: str


Outcome = Ack | RetryEvent | Reject


class SinkDown(Exception):
    """The sink takes nothing at all now: unreachable, throttled, disk full. Counts against no event."""


class Sink(Protocol):
    """Where events go. Built from its address in settings.EVENT_SINKS: what follows the colon
    (`file:/var/log/events.ndjson`), or a vendor's whole URL (`redis://localhost/0?stream=events`). Raises ValueError
    for one that cannot be right.

    A sink may get an event twice (after a crash between its answer and our commit) and never gets an event of
    a stream before the earlier ones of that stream were acknowledged.
    """

    max_batch: int
    """How many events `publish` takes at once."""

    ordered_pipeline: bool
    """False: a call holds at most one event of each stream. True: it may hold several; then the sink delivers
    the list in its order, and none of a stream after one of it that failed."""

    @property
    def most_bytes(self) -> int | None:
        """The largest body it takes, with room left for what the sink says beside it; None where any goes.

        What is larger is handed over slim (see slimming.py); what is larger even then the sink refuses.
        """

    def __init__(self, address: str) -> None: ...

    def open(self) -> None:
        """Connect. Called before the first publish and again after each SinkDown. May raise SinkDown."""

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        """Hand over the events; return one outcome for each, in the same order, once they are safe there.

        Raises SinkDown when the whole sink fails; what was delivered before that will be sent again. Must
        return or raise within 5 seconds, because the streams' lock is held meanwhile.
        """

    def close(self) -> None:
        """Let go of connections and files. Safe to call twice, and without open."""
