"""Amazon SQS. A FIFO queue keeps the events of an order in order, and drops repeats within five minutes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from events.sinks.aws import CALLS_AT_ONCE, MOST_IN_A_CALL, attributes_of, aws_client, outcomes_of, publish_in_batches
from events.sinks.protocol import Outcome, OutgoingEvent, SinkDown

_URL: Final = re.compile(r"https?://(?:sqs\.(?P<region>[\w-]+)\.)?[^/\s]+/\d+/(?P<name>[\w-]+(?:\.fifo)?)")
# Of a message, and of a whole call.
_MOST_BYTES: Final = 1_048_576


class Queue(NamedTuple):
    region: str | None
    is_fifo: bool


def queue_at(address: str) -> Queue:
    """Raises ValueError when the address is not the URL of a queue."""
    url = _URL.fullmatch(address)
    if url is None:
        raise ValueError(
            f"{address[:100]!r} is not the URL of a queue, such as "
            "https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo"
        )
    return Queue(url["region"], url["name"].endswith(".fifo"))


class SqsSink:
    """Acknowledges an event once SQS has a message id for it. Attributes `type`, `source`, `subject` and `sequence`."""

    max_batch = CALLS_AT_ONCE * MOST_IN_A_CALL
    ordered_pipeline = False

    def __init__(self, address: str) -> None:
        """`address` is the queue's URL."""
        self._queue = address
        self._region, self._is_fifo = queue_at(address)
        self._client: Any = None

    def open(self) -> None:
        self._client = aws_client("sqs", region=self._region)

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        if self._client is None:
            raise SinkDown("The client of SQS is closed.")
        return publish_in_batches(self._client, events, self._call, most_bytes=_MOST_BYTES, service="SQS")

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _call(self, client: Any, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        entries = [self._entry(position, event) for position, event in enumerate(events)]
        answer = client.send_message_batch(QueueUrl=self._queue, Entries=entries)
        return outcomes_of(len(events), answer.get("Failed", []))

    def _entry(self, position: int, event: OutgoingEvent) -> dict[str, Any]:
        entry = {"Id": str(position), "MessageBody": event.body.decode(), "MessageAttributes": attributes_of(event)}
        if self._is_fifo:
            entry |= {"MessageGroupId": str(event.stream_id), "MessageDeduplicationId": str(event.id)}
        return entry
