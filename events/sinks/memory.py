"""Keeps events in a list; the twin of the real sinks for tests and demonstrations."""

from collections.abc import Callable, Sequence

from events.sinks.protocol import Ack, Outcome, OutgoingEvent, SinkDown


def _accept(event: OutgoingEvent) -> Outcome:
    return Ack()


class MemorySink:
    """`down` has it refuse everything; `answer` decides per event. What else can be set is the protocol's."""

    max_batch = 500

    def __init__(self, address: str = "") -> None:
        """Takes no address."""
        self.ordered_pipeline = False
        self.most_bytes: int | None = None
        self.down = False
        self.answer: Callable[[OutgoingEvent], Outcome] = _accept
        self.received: list[OutgoingEvent] = []
        self.batches: list[int] = []

    def open(self) -> None:
        if self.down:
            raise SinkDown("The memory sink is switched off.")

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        self.open()
        self.batches.append(len(events))
        outcomes = [self.answer(event) for event in events]
        self.received += [event for event, outcome in zip(events, outcomes, strict=True) if isinstance(outcome, Ack)]
        return outcomes

    def close(self) -> None:
        pass
