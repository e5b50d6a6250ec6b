"""One line of JSON per event on standard output: for development, and where a container's output is kept."""

import sys
from collections.abc import Sequence

from events.sinks.protocol import Ack, Outcome, OutgoingEvent, SinkDown


class ConsoleSink:
    max_batch = 500
    ordered_pipeline = True
    most_bytes = None

    def __init__(self, address: str = "") -> None:
        """Takes no address."""

    def open(self) -> None:
        pass

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        try:
            sys.stdout.write("".join(event.body.decode() + "\n" for event in events))
            sys.stdout.flush()
        except OSError as error:
            raise SinkDown(f"Standard output cannot be written: {error}.") from error
        return [Ack()] * len(events)

    def close(self) -> None:
        pass
