"""Amazon EventBridge. It keeps no order and drops no repeats: consumers go by `sequence` and `id`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from events.sinks.aws import CALLS_AT_ONCE, MOST_IN_A_CALL, aws_client, publish_in_batches
from events.sinks.protocol import Ack, Outcome, OutgoingEvent, Reject, RetryEvent, SinkDown

_ARN: Final = re.compile(r"arn:aws[\w-]*:events:(?P<region>[\w-]+):\d+:event-bus/[\w./-]+")
# Of a whole call.
_MOST_BYTES: Final = 1_000_000
# What passes by itself; every other code is the event's fault, or the bus'.
_PASSING: Final = frozenset({"ThrottlingException", "InternalFailure", "InternalException"})


class EventBridgeSink:
    """Acknowledges an event once EventBridge has an id for it. `detail-type` is the type, `detail` the envelope."""

    max_batch = CALLS_AT_ONCE * MOST_IN_A_CALL
    ordered_pipeline = False

    def __init__(self, address: str) -> None:
        """`address` is the ARN of the event bus."""
        arn = _ARN.fullmatch(address)
        if arn is None:
            raise ValueError(
                f"{address[:100]!r} is not the ARN of an event bus, such as "
                "arn:aws:events:eu-west-1:123456789012:event-bus/orders"
            )
        self._bus, self._region = address, arn["region"]
        self._client: Any = None

    def open(self) -> None:
        self._client = aws_client("events", region=self._region)

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        if self._client is None:
            raise SinkDown("The client of EventBridge is closed.")
        return publish_in_batches(self._client, events, self._call, most_bytes=_MOST_BYTES, service="EventBridge")

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _call(self, client: Any, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        answer = client.put_events(Entries=[self._entry(event) for event in events])
        return [_outcome(entry) for entry in answer["Entries"]]

    def _entry(self, event: OutgoingEvent) -> dict[str, Any]:
        return {
            "EventBusName": self._bus,
            "Source": event.source.strip("/"),
            "DetailType": event.type,
            "Detail": event.body.decode(),
            "Resources": [str(event.stream_id)],
        }


def _outcome(entry: Mapping[str, Any]) -> Outcome:
    code = entry.get("ErrorCode")
    if code is None:
        return Ack()
    told = f"{code}: {entry.get('ErrorMessage') or ''}"
    return RetryEvent(told) if code in _PASSING else Reject(told)
