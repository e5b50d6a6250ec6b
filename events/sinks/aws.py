"""What the sinks of AWS have in common: batches of ten that fit, several at once, and an outcome for each event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from events.sinks.protocol import BESIDE_BODY, Ack, Outcome, OutgoingEvent, Reject, RetryEvent, SinkDown

MOST_IN_A_CALL: Final = 10
CALLS_AT_ONCE: Final = 10
# One attempt: the relay repeats, with its own pauses, and must have an answer within its five seconds.
_READ_SECONDS: Final = 2
_CONFIG: Final = Config(connect_timeout=2, retries={"total_max_attempts": 1})

Call = Callable[[Any, Sequence[OutgoingEvent]], Sequence[Outcome]]


class AwsSink:
    """Acknowledges an event once the service has an id for it.

    `call` hands at most ten events over to the service's client, and tells the outcome of each.
    """

    max_batch = CALLS_AT_ONCE * MOST_IN_A_CALL
    ordered_pipeline = False

    def __init__(self, service: str, *, name: str, region: str | None, most_bytes: int, call: Call) -> None:
        """`service` is its name to AWS, `name` that to people; `most_bytes` what a whole call may have."""
        self._service, self._name, self._region = service, name, region
        self._most_bytes_of_call = most_bytes
        self.most_bytes = most_bytes - BESIDE_BODY
        self._call = call
        self._client: Any = None

    def open(self) -> None:
        self._client = aws_client(self._service, region=self._region)

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        if self._client is None:
            raise SinkDown(f"The client of {self._name} is closed.")
        return _publish_in_batches(
            self._client, events, self._call, most_bytes=self._most_bytes_of_call, service=self._name
        )

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def aws_client(service: str, *, region: str | None, waits_seconds: int = 0) -> Any:
    """Credentials, and another endpoint (`AWS_ENDPOINT_URL`), are found as all tools of AWS find them. An answer may be
    waited for `waits_seconds` longer than usual.

    Raises SinkDown when there are none, or no region.
    """
    try:
        config = _CONFIG.merge(Config(read_timeout=_READ_SECONDS + waits_seconds))
        return boto3.session.Session().client(service, region_name=region or None, config=config)
    except (BotoCoreError, ValueError) as error:
        raise SinkDown(f"AWS cannot be asked: {error}.") from error


def _publish_in_batches(
    client: Any, events: Sequence[OutgoingEvent], call: Call, *, most_bytes: int, service: str
) -> Sequence[Outcome]:
    """Hand the events over in calls of at most ten and `most_bytes`, several calls at once: no two events are of one
    stream. What is larger by itself is refused. Raises SinkDown when a call fails as a whole.
    """
    outcomes: dict[int, Outcome] = {}
    for position, event in enumerate(events):
        if _size_of(event) > most_bytes:
            outcomes[position] = Reject(f"The event has {_size_of(event):,} bytes; {service} takes {most_bytes:,}.")
    batches = list(_batches([at for at in range(len(events)) if at not in outcomes], events, most_bytes))

    def done(batch: Sequence[int]) -> Sequence[Outcome]:
        return call(client, [events[at] for at in batch])

    try:
        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            for batch, answers in zip(batches, pool.map(done, batches), strict=True):
                outcomes.update(zip(batch, answers, strict=True))
    except (ClientError, BotoCoreError) as error:
        raise SinkDown(f"{service} did not take the events: {error}.") from error
    return [outcomes[at] for at in range(len(events))]


def attributes_of(event: OutgoingEvent) -> dict[str, dict[str, str]]:
    """Message attributes, for filter policies."""
    values = {"type": event.type, "source": event.source, "subject": str(event.stream_id)}
    told = {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
    return told | {"sequence": {"DataType": "Number", "StringValue": str(event.sequence)}}


def outcomes_of(count: int, failed: Sequence[Mapping[str, Any]]) -> Sequence[Outcome]:
    """Of a call whose entries have their position as Id: a failure that is the sender's fault is for good."""
    wrong = {int(entry["Id"]): entry for entry in failed}
    return [_outcome(wrong.get(position)) for position in range(count)]


def _size_of(event: OutgoingEvent) -> int:
    """As AWS counts: body and attributes, names and types included."""
    attributes = sum(
        len(name) + len(part["DataType"]) + len(part["StringValue"].encode())
        for name, part in attributes_of(event).items()
    )
    return len(event.body) + attributes


def _outcome(failed: Mapping[str, Any] | None) -> Outcome:
    if failed is None:
        return Ack()
    told = f"{failed.get('Code')}: {failed.get('Message') or ''}"
    return Reject(told) if failed.get("SenderFault") else RetryEvent(told)


def _batches(positions: Sequence[int], events: Sequence[OutgoingEvent], most_bytes: int) -> Iterator[list[int]]:
    batch: list[int] = []
    size = 0
    for position in positions:
        more = _size_of(events[position])
        if batch and (len(batch) == MOST_IN_A_CALL or size + more > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(position)
        size += more
    if batch:
        yield batch
