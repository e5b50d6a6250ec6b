"""Hands events to a sink so that within a stream nothing overtakes; no database here."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from events.cloudevents import envelope
from events.queue import DueEvent
from events.sinks.protocol import Ack, OutgoingEvent, Reject, RetryEvent, Sink, SinkDown

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Delivery:
    """What became of the events; those in neither list were not tried, or their outcome is unknown."""

    acknowledged: list[DueEvent] = field(default_factory=list)
    failed: list[tuple[DueEvent, RetryEvent | Reject]] = field(default_factory=list)
    down: SinkDown | None = None


def deliver(sink: Sink, events: Sequence[DueEvent], *, may_send: Callable[[], bool]) -> Delivery:
    """Publish the events, given in order of their streams. Asks `may_send` before every call of the sink.

    A stream ends at its first event that is not acknowledged; the others go on. Whatever the sink raises ends
    the delivery and stands in `down`; what is no SinkDown is logged, being a fault of the sink's code.
    """
    delivery = Delivery()
    stopped: set[UUID] = set()
    for wave in _waves(events, several_per_stream=sink.ordered_pipeline):
        for start in range(0, len(wave), sink.max_batch):
            part = [event for event in wave[start : start + sink.max_batch] if event.stream_id not in stopped]
            if not part:
                continue
            if not may_send():
                return delivery
            try:
                outcomes = list(zip(part, sink.publish([_outgoing(event) for event in part]), strict=True))
            except SinkDown as down:
                delivery.down = down
                return delivery
            except Exception as error:
                logger.exception("A sink failed with an error that it should have turned into SinkDown")
                delivery.down = SinkDown(f"{type(error).__name__}: {error}")
                return delivery
            for event, outcome in outcomes:
                if isinstance(outcome, Ack):
                    delivery.acknowledged.append(event)
                else:
                    delivery.failed.append((event, outcome))
                    stopped.add(event.stream_id)
    return delivery


def _waves(events: Sequence[DueEvent], *, several_per_stream: bool) -> Iterator[Sequence[DueEvent]]:
    """Everything at once, or first the first event of each stream, then the second of each …"""
    if several_per_stream:
        yield events
        return
    streams: dict[UUID, list[DueEvent]] = defaultdict(list)
    for event in events:
        streams[event.stream_id].append(event)
    for position in range(max(map(len, streams.values()), default=0)):
        yield [stream[position] for stream in streams.values() if position < len(stream)]


def _outgoing(event: DueEvent) -> OutgoingEvent:
    return OutgoingEvent(
        id=event.id,
        storefront_id=event.storefront_id,
        stream_id=event.stream_id,
        sequence=event.sequence,
        type=event.type,
        body=envelope(event),
    )
