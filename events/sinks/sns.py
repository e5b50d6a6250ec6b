"""Amazon SNS. A FIFO topic keeps the events of an order in order, and drops repeats within five minutes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from events.sinks.aws import AwsSink, attributes_of, outcomes_of
from events.sinks.protocol import Outcome, OutgoingEvent

_ARN: Final = re.compile(r"arn:aws[\w-]*:sns:(?P<region>[\w-]+):\d+:(?P<name>[\w-]+(?:\.fifo)?)")
# Of a whole call, unless the topic's MaximumMessageSize is raised.
_MOST_BYTES: Final = 262_144


def sns_sink(address: str) -> AwsSink:
    """To the topic whose ARN is the address. Attributes `type`, `source`, `subject` and `sequence`."""
    arn = _ARN.fullmatch(address)
    if arn is None:
        raise ValueError(f"{address[:100]!r} is not the ARN of a topic, such as arn:aws:sns:eu-west-1:123456789012:x")
    is_fifo = arn["name"].endswith(".fifo")

    def call(client: Any, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        entries = [_entry(position, event, is_fifo=is_fifo) for position, event in enumerate(events)]
        answer = client.publish_batch(TopicArn=address, PublishBatchRequestEntries=entries)
        return outcomes_of(len(events), answer.get("Failed", []))

    return AwsSink("sns", name="SNS", region=arn["region"], most_bytes=_MOST_BYTES, call=call)


def _entry(position: int, event: OutgoingEvent, *, is_fifo: bool) -> dict[str, Any]:
    entry = {"Id": str(position), "Message": event.body.decode(), "MessageAttributes": attributes_of(event)}
    if is_fifo:
        entry |= {"MessageGroupId": str(event.stream_id), "MessageDeduplicationId": str(event.id)}
    return entry
