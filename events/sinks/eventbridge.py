"""Amazon EventBridge. It keeps no order and drops no repeats: consumers go by `sequence` and `id`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from events.sinks.aws import AwsSink
from events.sinks.protocol import Ack, Outcome, OutgoingEvent, Reject, RetryEvent

_ARN: Final = re.compile(r"arn:aws[\w-]*:events:(?P<region>[\w-]+):\d+:event-bus/[\w./-]+")
# Of a whole call.
_MOST_BYTES: Final = 1_000_000
# What passes by itself; every other code is the event's fault, or the bus'.
_PASSING: Final = frozenset({"ThrottlingException", "InternalFailure", "InternalException"})


def eventbridge_sink(address: str) -> AwsSink:
    """To the bus whose ARN is the address. `detail-type` is the type, `detail` the envelope."""
    arn = _ARN.fullmatch(address)
    if arn is None:
        raise ValueError(
            f"{address[:100]!r} is not the ARN of an event bus, such as "
            "arn:aws:events:eu-west-1:123456789012:event-bus/orders"
        )

    def call(client: Any, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        answer = client.put_events(Entries=[_entry(address, event) for event in events])
        return [_outcome(entry) for entry in answer["Entries"]]

    return AwsSink("events", name="EventBridge", region=arn["region"], most_bytes=_MOST_BYTES, call=call)


def _entry(bus: str, event: OutgoingEvent) -> dict[str, Any]:
    return {
        "EventBusName": bus,
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
