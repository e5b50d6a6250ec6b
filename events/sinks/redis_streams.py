"""Redis Streams: each event one entry. Needs Redis 5 or newer, and `appendfsync always` where none may be lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import redis

from events.sinks.configured import options_in
from events.sinks.protocol import Ack, Outcome, OutgoingEvent, SinkDown

_CONNECT_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 2.0
_REPLICATION_MILLISECONDS: Final = 1000
_OPTIONS: Final = frozenset({"stream", "streams", "maxlen", "replicas"})


class RedisStreamsSink:
    """Acknowledges a batch once Redis has all of it: it goes as one transaction, so none overtakes another.

    Options in the address' query: `stream` (order-events); `streams` (1; more are named `order-events:0` …, and all
    events of an order go to the same); `maxlen` (about so many entries are kept in each: 1,000,000; 0 for all);
    `replicas` (so many have to have a batch as well: 0).
    """

    max_batch = 500
    ordered_pipeline = True
    most_bytes = None

    def __init__(self, address: str) -> None:
        """`address` is the URL, `redis://user:password@host:6379/0?stream=order-events`."""
        parts = urlsplit(address)
        options = options_in(parts.query, known=_OPTIONS)
        self._url = urlunsplit(parts._replace(query=""))
        self._stream = options.get("stream") or "order-events"
        self._streams = _number(options, "streams", default=1, least=1)
        self._maxlen = _number(options, "maxlen", default=1_000_000, least=0)
        self._replicas = _number(options, "replicas", default=0, least=0)
        self._client: redis.Redis | None = None

    def open(self) -> None:
        self.close()
        client = redis.Redis.from_url(
            self._url, socket_connect_timeout=_CONNECT_SECONDS, socket_timeout=_ANSWER_SECONDS
        )
        try:
            client.ping()
        except redis.RedisError as error:
            client.close()
            raise SinkDown(f"Redis does not answer: {error}.") from error
        self._client = client

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        if self._client is None:
            raise SinkDown("The connection to Redis is closed.")
        try:
            with self._client.pipeline(transaction=True) as batch:
                for event in events:
                    batch.xadd(self._key(event), _fields(event), maxlen=self._maxlen or None, approximate=True)
                batch.execute()
            if self._replicas:
                self._wait_for_replicas(self._client)
        except redis.RedisError as error:
            raise SinkDown(f"Redis did not take the events: {error}.") from error
        return [Ack()] * len(events)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _key(self, event: OutgoingEvent) -> str:
        if self._streams == 1:
            return self._stream
        return f"{self._stream}:{event.stream_id.bytes[15] % self._streams}"

    def _wait_for_replicas(self, client: redis.Redis) -> None:
        reached = client.wait(self._replicas, _REPLICATION_MILLISECONDS)
        if not isinstance(reached, int) or reached < self._replicas:
            raise SinkDown(f"Only {reached} of {self._replicas} replicas of Redis have the events.")


def _fields(event: OutgoingEvent) -> dict[Any, Any]:
    """What a consumer may look at without reading the event."""
    return {
        "id": str(event.id),
        "type": event.type,
        "source": event.source,
        "subject": str(event.stream_id),
        "sequence": event.sequence,
        "event": event.body,
    }


def _number(options: dict[str, str], name: str, *, default: int, least: int) -> int:
    text = options.get(name, str(default))
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        raise ValueError(f"{name} is {text[:40]!r}; expected a whole number from {least}")
    return int(text)
