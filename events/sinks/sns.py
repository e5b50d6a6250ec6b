"""Amazon SNS. A FIFO topic keeps the events of an order in order, and drops repeats within five minutes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from events.sinks.aws import CALLS_AT_ONCE, MOST_IN_A_CALL, attributes_of, aws_client, outcomes_of, publish_in_batches
from events.sinks.protocol import Outcome, OutgoingEvent, SinkDown

_ARN: Final = re.compile(r"arn:aws[\w-]*:sns:(?P<region>[\w-]+):\d+:(?P<name>[\w-]+(?:\.fifo)?)")
# Of a whole call, unless the topic's MaximumMessageSize is raised.
_MOST_BYTES: Final = 262_144


class SnsSink:
    """Acknowledges an event once SNS has a message id for it. Attributes `type`, `source`, `subject` and `sequence`."""

    max_batch = CALLS_AT_ONCE * MOST_IN_A_CALL
    ordered_pipeline = False

    def __init__(self, address: str) -> None:
        """`address` is the topic's ARN."""
        arn = _ARN.fullmatch(address)
        if arn is None:
            raise ValueError(
                f"{address[:100]!r} is not the ARN of a topic, such as arn:aws:sns:eu-west-1:123456789012:x"
            )
        self._topic, self._region, self._is_fifo = address, arn["region"], arn["name"].endswith(".fifo")
        self._client: Any = None

    def open(self) -> None:
        self._client = aws_client("sns", region=self._region)

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        if self._client is None:
            raise SinkDown("The client of SNS is closed.")
        return publish_in_batches(self._client, events, self._call, most_bytes=_MOST_BYTES, service="SNS")

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _call(self, client: Any, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        answer = client.publish_batch(
            TopicArn=self._topic,
            PublishBatchRequestEntries=[self._entry(position, event) for position, event in enumerate(events)],
        )
        return outcomes_of(len(events), answer.get("Failed", []))

    def _entry(self, position: int, event: OutgoingEvent) -> dict[str, Any]:
        entry = {"Id": str(position), "Message": event.body.decode(), "MessageAttributes": attributes_of(event)}
        if self._is_fifo:
            entry |= {"MessageGroupId": str(event.stream_id), "MessageDeduplicationId": str(event.id)}
        return entry
