"""RabbitMQ: one queue, which has to be there; what is not acknowledged goes back to it when the connection ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from events.inbox.sources.protocol import Message, SourceDown
from events.sinks.loop_thread import LoopThread

_CONNECT_SECONDS: Final = 3.0
_ANSWER_SECONDS: Final = 4.0
_CLOSE_SECONDS: Final = 1.0
_HEARTBEAT_SECONDS: Final = "10"
# So many are on their way at most before the first of them is acknowledged.
_PREFETCH: Final = 100
# A channel whose server has gone is no AMQPError.
_TROUBLES: Final = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError, asyncio.CancelledError)


class RabbitMqSource:
    """Reads one queue. Bind it to the exchanges and keys that are wanted, and declare it durable, at best as a quorum
    queue.
    """

    def __init__(self, address: str) -> None:
        """`address` is the URL, `amqp://user:password@host:5672/vhost?queue=orders-in`; other options of its query
        are those of the client.
        """
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._queue_name = options.pop("queue", "")
        if not self._queue_name:
            raise ValueError("it names no queue, as in ?queue=orders-in")
        options.setdefault("heartbeat", _HEARTBEAT_SECONDS)
        self._url = urlunsplit(parts._replace(query=urlencode(options)))
        self._loop = LoopThread("rabbitmq")
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()

    def open(self) -> None:
        self.close()
        try:
            self._loop.run(self._open(), seconds=_CONNECT_SECONDS)
        except _TROUBLES as error:
            self.close()
            raise SourceDown(
                f"RabbitMQ has no queue {self._queue_name!r} for us: {error or type(error).__name__}."
            ) from error

    def receive(self, *, limit: int, seconds: float) -> Sequence[Message]:
        try:
            return self._loop.run(self._receive(limit, seconds), seconds=seconds + _ANSWER_SECONDS)
        except _TROUBLES as error:
            raise SourceDown(f"RabbitMQ gives no messages: {error or type(error).__name__}.") from error

    def acknowledge(self, messages: Sequence[Message]) -> None:
        try:
            self._loop.run(self._acknowledge(messages), seconds=_ANSWER_SECONDS)
        except _TROUBLES as error:
            raise SourceDown(f"RabbitMQ took no acknowledgement: {error or type(error).__name__}.") from error

    def close(self) -> None:
        if self._connection is not None:
            with suppress(*_TROUBLES):  # closed from the other side
                self._loop.run(self._connection.close(), seconds=_CLOSE_SECONDS)
            self._connection = self._channel = None
        self._loop.stop()

    async def _open(self) -> None:
        self._arrived = asyncio.Queue()
        self._connection = await aio_pika.connect(self._url, timeout=_CONNECT_SECONDS)
        self._channel = await self._connection.channel()
        await self._channel.set_qos(prefetch_count=_PREFETCH)
        queue = await self._channel.get_queue(self._queue_name)
        await queue.consume(self._arrived.put)

    async def _receive(self, limit: int, seconds: float) -> Sequence[Message]:
        if self._channel is None or self._connection is None or self._connection.is_closed:
            raise ConnectionError("the connection is closed")
        found: list[Message] = []
        give_up_at = time.monotonic() + seconds
        while len(found) < limit:
            if self._arrived.empty():
                left = give_up_at - time.monotonic()
                if found or left <= 0:
                    break
                with suppress(TimeoutError):
                    message = await asyncio.wait_for(self._arrived.get(), left)
                    found.append(Message(message.body, message))
                continue
            message = self._arrived.get_nowait()
            found.append(Message(message.body, message))
        if not found:  # a queue that was deleted is not told to who reads it
            await self._channel.get_queue(self._queue_name)
        return found

    async def _acknowledge(self, messages: Sequence[Message]) -> None:
        """They arrived in this order, and are all that did up to the last."""
        if self._channel is None:
            raise ConnectionError("the connection is closed")
        if messages:
            await messages[-1].receipt.ack(multiple=True)
