"""Hands events to a sink so that within a stream nothing overtakes; no database here."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from events.cloudevents import envelope
from events.queue import DueEvent
from events.sinks.protocol import Ack, Outcome, OutgoingEvent, Reject, RetryEvent, Sink, SinkDown
from events.slimming import slim

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Delivery:
    """What became of the events; those in neither list were not tried, or their outcome is unknown."""

    acknowledged: list[DueEvent] = field(default_factory=list)
    failed: list[tuple[DueEvent, RetryEvent | Reject]] = field(default_factory=list)
    down: SinkDown | None = None


class Trust:
    """What a relay knows of its sink from one delivery to the next: whether an event that fails alone is to blame.

    It is when the sink works: has taken something, and since then was not down, nor failed with another event.
    """

    def __init__(self) -> None:
        self._works = False
        self._failed: UUID | None = None

    def learn(self, delivery: Delivery) -> None:
        if delivery.acknowledged:
            self._works, self._failed = True, None
        if delivery.down is not None:
            self._works = False

    def blames(self, event: DueEvent) -> bool:
        if self._failed not in (None, event.id):
            self._works = False
        self._failed = event.id
        return self._works


def deliver(sink: Sink, events: Sequence[DueEvent], *, may_send: Callable[[], bool], trust: Trust) -> Delivery:
    """Publish the events, given in order of their streams. Asks `may_send` before every call of the sink.

    A stream ends at its first event that is not acknowledged; the others go on. A SinkDown ends the delivery and
    stands in `down`. Any other error is a fault of the sink's code: it is logged, and the events are published one
    by one to find whose it is. Where every one of them meets it, it is the sink's own, and an outage; where there
    is only one, `trust` decides.
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
                outcomes = list(zip(part, _published(sink, part), strict=True))
            except SinkDown as down:
                delivery.down = down
                return delivery
            except Exception as error:
                logger.exception("A sink failed with an error that it should have turned into SinkDown")
                _one_by_one(sink, part, delivery, stopped, error=error, may_send=may_send, trust=trust)
                if delivery.down is not None:
                    return delivery
                continue
            for event, outcome in outcomes:
                _count(delivery, stopped, event, outcome)
    return delivery


def _count(delivery: Delivery, stopped: set[UUID], event: DueEvent, outcome: Outcome) -> None:
    if isinstance(outcome, Ack):
        delivery.acknowledged.append(event)
    else:
        delivery.failed.append((event, outcome))
        stopped.add(event.stream_id)


def _one_by_one(
    sink: Sink,
    part: Sequence[DueEvent],
    delivery: Delivery,
    stopped: set[UUID],
    *,
    error: Exception,
    may_send: Callable[[], bool],
    trust: Trust,
) -> None:
    """Publish alone what failed together. The sink may have got some of it before: it gets that twice."""
    at_fault = [(part[0], _failure(error))] if len(part) == 1 else []
    answered = False
    met = set(stopped)
    for event in part if len(part) > 1 else ():
        if event.stream_id in met:
            continue
        if not may_send():
            break
        try:
            (outcome,) = _published(sink, [event])
        except SinkDown as down:
            delivery.down = down
            break
        except Exception as alone:
            at_fault.append((event, _failure(alone)))
            met.add(event.stream_id)
        else:
            answered = True
            _count(delivery, stopped, event, outcome)
            met |= stopped
    if answered or (delivery.down is None and len(at_fault) == 1 and trust.blames(at_fault[0][0])):
        for event, failure in at_fault:
            _count(delivery, stopped, event, failure)
    elif delivery.down is None:
        delivery.down = SinkDown(f"{type(error).__name__}: {error}")


def _failure(error: Exception) -> RetryEvent:
    return RetryEvent(f"{type(error).__name__}: {error}")


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


def _published(sink: Sink, events: Sequence[DueEvent]) -> Sequence[Outcome]:
    return sink.publish([_outgoing(event, most_bytes=sink.most_bytes) for event in events])


def _outgoing(event: DueEvent, *, most_bytes: int | None) -> OutgoingEvent:
    """As it is, or slim where it is larger than the sink takes."""
    body = envelope(event)
    if most_bytes is not None and len(body) > most_bytes:
        body = envelope(event._replace(data=slim(event.stream_id, event.data)))
    return OutgoingEvent(
        id=event.id,
        storefront_id=event.storefront_id,
        source=event.source,
        stream_id=event.stream_id,
        sequence=event.sequence,
        type=event.type,
        body=body,
    )
