"""Amazon SQS. A FIFO queue keeps the events of an order in order, and drops repeats within five minutes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from events.sinks.aws import AwsSink, attributes_of, outcomes_of
from events.sinks.protocol import Outcome, OutgoingEvent

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


def sqs_sink(address: str) -> AwsSink:
    """To the queue whose URL is the address. Attributes `type`, `source`, `subject` and `sequence`."""
    queue = queue_at(address)

    def call(client: Any, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        entries = [_entry(position, event, is_fifo=queue.is_fifo) for position, event in enumerate(events)]
        answer = client.send_message_batch(QueueUrl=address, Entries=entries)
        return outcomes_of(len(events), answer.get("Failed", []))

    return AwsSink("sqs", name="SQS", region=queue.region, most_bytes=_MOST_BYTES, call=call)


def _entry(position: int, event: OutgoingEvent, *, is_fifo: bool) -> dict[str, Any]:
    entry = {"Id": str(position), "MessageBody": event.body.decode(), "MessageAttributes": attributes_of(event)}
    if is_fifo:
        entry |= {"MessageGroupId": str(event.stream_id), "MessageDeduplicationId": str(event.id)}
    return entry
