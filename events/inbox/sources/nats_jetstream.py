"""NATS JetStream: a durable pull consumer of a stream, which has to be there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

from events.inbox.sources.protocol import Message, SourceDown
from events.sinks.configured import options_in
from events.sinks.loop_thread import LoopThread

_CONNECT_SECONDS: Final = 4.0
_ANSWER_SECONDS: Final = 4.0
_CLOSE_SECONDS: Final = 1.0
# What is not acknowledged by then comes again.
_REDELIVERY_SECONDS: Final = 30.0
_SHORTEST_SECONDS: Final = 0.05
_TROUBLES: Final = (NatsError, OSError, TimeoutError, asyncio.CancelledError)


class NatsJetStreamSource:
    """Reads a stream from its beginning, by a durable consumer that all processes share. It is made unless it is there.

    Options in the address' query: `stream`; `durable` (order-service), the consumer's name; `subject`, which of the
    stream's are wanted (all).
    """

    def __init__(self, address: str) -> None:
        """`address` is the URL, `nats://user:password@host:4222?stream=customers`."""
        parts = urlsplit(address)
        options = options_in(parts.query, known=frozenset({"stream", "durable", "subject"}), besides=())
        self._stream = options.get("stream", "")
        if not self._stream:
            raise ValueError("it names no stream, as in ?stream=customers")
        self._durable = options.get("durable") or "order-service"
        self._subject = options.get("subject") or None
        self._url = urlunsplit(parts._replace(query=""))
        self._loop = LoopThread("nats")
        self._client: Client | None = None
        self._consumer: JetStreamContext.PullSubscription | None = None

    def open(self) -> None:
        self.close()
        try:
            self._loop.run(self._open(), seconds=_CONNECT_SECONDS)
        except _TROUBLES as error:
            self.close()
            raise SourceDown(f"NATS has no stream {self._stream!r} for us: {error or type(error).__name__}.") from error

    def receive(self, *, limit: int, seconds: float) -> Sequence[Message]:
        try:
            return self._loop.run(self._receive(limit, seconds), seconds=seconds + _ANSWER_SECONDS)
        except _TROUBLES as error:
            raise SourceDown(f"NATS gives no messages: {error or type(error).__name__}.") from error

    def acknowledge(self, messages: Sequence[Message]) -> None:
        try:
            self._loop.run(self._acknowledge(messages), seconds=_ANSWER_SECONDS)
        except _TROUBLES as error:
            raise SourceDown(f"NATS took no acknowledgement: {error or type(error).__name__}.") from error

    def close(self) -> None:
        if self._client is not None:
            with suppress(*_TROUBLES):  # closed from the other side
                self._loop.run(self._client.close(), seconds=_CLOSE_SECONDS)
            self._client = self._consumer = None
        self._loop.stop()

    async def _open(self) -> None:
        # What is lost is told at once: the consumer opens the source anew.
        self._client = await nats.connect(self._url, connect_timeout=2, allow_reconnect=False, error_cb=_quietly)
        stream = self._client.jetstream(timeout=_ANSWER_SECONDS)
        try:
            await stream.consumer_info(self._stream, self._durable)
        except NotFoundError:
            wanted = ConsumerConfig(
                durable_name=self._durable,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=_REDELIVERY_SECONDS,
                filter_subject=self._subject,
            )
            await stream.add_consumer(self._stream, wanted)
        self._consumer = await stream.pull_subscribe_bind(self._durable, self._stream)

    async def _receive(self, limit: int, seconds: float) -> Sequence[Message]:
        if self._client is None or self._consumer is None or self._client.is_closed:
            raise ConnectionError("the connection is closed")
        try:
            found = await self._consumer.fetch(limit, timeout=max(seconds, _SHORTEST_SECONDS))
        except TimeoutError:
            await self._consumer.consumer_info()  # of a consumer that was deleted nothing would ever come
            return []
        return [Message(message.data, message) for message in found]

    async def _acknowledge(self, messages: Sequence[Message]) -> None:
        if self._client is None:
            raise ConnectionError("the connection is closed")
        for message in messages:
            await message.receipt.ack()
        await self._client.flush(timeout=int(_ANSWER_SECONDS))


async def _quietly(error: Exception) -> None:
    """The client would print it; whoever consumes is told as well."""
