"""Redis Streams: a consumer group, so that several processes share the entries. Needs Redis 6.2 or newer."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import redis

from events.inbox.sources.protocol import Message, SourceDown
from events.sinks.configured import options_in

_CONNECT_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 4.0
# What another process has had for so long without acknowledging it, it has died with.
_ABANDONED_MILLISECONDS: Final = 60_000
_LOOK_FOR_ABANDONED_SECONDS: Final = 30.0
_OPTIONS: Final = frozenset({"stream", "streams", "group", "field"})


class RedisStreamsSource:
    """Reads the entries of a stream that the group has not had yet, from its beginning.

    Options in the address' query: `stream`; `group` (order-service); `field`, which holds the event (event); `streams`
    (1; more are named `name:0` …, as this service's own sink does it).
    """

    def __init__(self, address: str) -> None:
        """`address` is the URL, `redis://user:password@host:6379/0?stream=orders-in`."""
        parts = urlsplit(address)
        options = options_in(parts.query, known=_OPTIONS, besides=())
        self._url = urlunsplit(parts._replace(query=""))
        stream, streams = options.get("stream"), options.get("streams") or "1"
        if not stream:
            raise ValueError("it names no stream, as in ?stream=orders-in")
        if not streams.isdecimal() or int(streams) < 1:
            raise ValueError(f"streams is {streams[:20]!r}; expected a whole number, 1 or more")
        self._streams = [stream] if streams == "1" else [f"{stream}:{index}" for index in range(int(streams))]
        self._group = options.get("group") or "order-service"
        self._field = (options.get("field") or "event").encode()
        self._consumer = f"{socket.gethostname()}-{os.getpid()}-{threading.get_native_id()}"
        self._client: redis.Redis | None = None
        self._has_own = False
        self._look_at = 0.0

    def open(self) -> None:
        self.close()
        client = redis.Redis.from_url(
            self._url, socket_connect_timeout=_CONNECT_SECONDS, socket_timeout=_ANSWER_SECONDS
        )
        try:
            for stream in self._streams:
                try:
                    client.xgroup_create(stream, self._group, id="0", mkstream=True)
                except redis.ResponseError as error:
                    if "BUSYGROUP" not in str(error):  # which says that it is there
                        raise
        except redis.RedisError as error:
            client.close()
            raise SourceDown(f"Redis does not answer as it should: {error}.") from error
        self._client = client
        self._has_own, self._look_at = True, 0.0

    def receive(self, *, limit: int, seconds: float) -> Sequence[Message]:
        if self._client is None:
            raise SourceDown("The connection to Redis is closed.")
        try:
            return (
                self._own(self._client, limit)
                or self._abandoned(self._client, limit)
                or self._new(self._client, limit, seconds)
            )
        except redis.RedisError as error:
            raise SourceDown(f"Redis gives no entries: {error}.") from error

    def acknowledge(self, messages: Sequence[Message]) -> None:
        if self._client is None:
            raise SourceDown("The connection to Redis is closed.")
        try:
            with self._client.pipeline(transaction=False) as batch:
                for stream in self._streams:
                    if ids := [message.receipt[1] for message in messages if message.receipt[0] == stream]:
                        batch.xack(stream, self._group, *ids)
                batch.execute()
        except redis.RedisError as error:
            raise SourceDown(f"Redis took no acknowledgement: {error}.") from error

    def close(self) -> None:
        if self._client is None:
            return
        with suppress(redis.RedisError):
            for stream in self._streams:
                # Entries that it still has would be lost with it.
                if not self._client.xpending_range(stream, self._group, "-", "+", 1, consumername=self._consumer):
                    self._client.xgroup_delconsumer(stream, self._group, self._consumer)
        self._client.close()
        self._client = None

    def _own(self, client: redis.Redis, limit: int) -> list[Message]:
        """What this consumer has had before its connection was opened anew."""
        if not self._has_own:
            return []
        found: Any = client.xreadgroup(self._group, self._consumer, dict.fromkeys(self._streams, "0"), count=limit)
        self._has_own = any(entries for _, entries in found or ())
        return [message for stream, entries in found or () for message in self._read(client, stream, entries)]

    def _abandoned(self, client: redis.Redis, limit: int) -> list[Message]:
        """What others have had and did not acknowledge."""
        if time.monotonic() < self._look_at:
            return []
        messages: list[Message] = []
        for stream in self._streams:
            found: Any = client.xautoclaim(
                stream, self._group, self._consumer, min_idle_time=_ABANDONED_MILLISECONDS, count=limit
            )
            messages += self._read(client, stream, found[1])
        if not messages:
            self._look_at = time.monotonic() + _LOOK_FOR_ABANDONED_SECONDS
        return messages

    def _new(self, client: redis.Redis, limit: int, seconds: float) -> list[Message]:
        found: Any = client.xreadgroup(
            self._group,
            self._consumer,
            dict.fromkeys(self._streams, ">"),
            count=limit,
            block=max(1, int(seconds * 1000)),
        )
        return [message for stream, entries in found or () for message in self._read(client, stream, entries)]

    def _read(self, client: redis.Redis, stream: Any, entries: Iterable[Any]) -> list[Message]:
        name = stream.decode() if isinstance(stream, bytes) else stream
        messages = []
        for entry_id, fields in entries:
            if not fields:  # trimmed away meanwhile
                client.xack(name, self._group, entry_id)
            else:
                messages.append(Message(fields.get(self._field, b""), (name, entry_id)))
        return messages
