"""A sink that gets some events only."""

from __future__ import annotations

from collections.abc import Sequence

from events.sinks.protocol import Ack, Outcome, OutgoingEvent, Sink


class FilteredSink:
    """Hands on the events of these types and storefronts; without any, of all. The others are done with at once."""

    def __init__(self, sink: Sink, *, types: frozenset[str], storefronts: frozenset[str]) -> None:
        self._sink = sink
        self._types = types
        self._sources = {f"/storefronts/{code}" for code in storefronts}
        self.max_batch = sink.max_batch
        self.ordered_pipeline = sink.ordered_pipeline

    @property
    def most_bytes(self) -> int | None:
        return self._sink.most_bytes

    def open(self) -> None:
        self._sink.open()

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        wanted = [event for event in events if self._wants(event)]
        outcomes = iter(self._sink.publish(wanted) if wanted else ())
        return [next(outcomes) if self._wants(event) else Ack() for event in events]

    def close(self) -> None:
        self._sink.close()

    def _wants(self, event: OutgoingEvent) -> bool:
        return (not self._types or event.type in self._types) and (not self._sources or event.source in self._sources)
