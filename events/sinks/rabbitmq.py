"""RabbitMQ: a durable topic exchange, publisher confirms, and nothing that no queue takes counts as delivered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aio_pika
from aio_pika import DeliveryMode, ExchangeType, Message
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, DeliveryError

from events.sinks.loop_thread import LoopThread
from events.sinks.protocol import Ack, Outcome, OutgoingEvent, RetryEvent, SinkDown

_CONNECT_SECONDS: Final = 3.0
_PUBLISH_SECONDS: Final = 4.0
_CLOSE_SECONDS: Final = 1.0
_HEARTBEAT_SECONDS: Final = "10"
# Of a message, unless the broker's `max_message_size` is another; it counts the body alone.
_MOST_BYTES: Final = 16_777_216
# A channel whose server has gone is no AMQPError.
_TROUBLES: Final = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError, asyncio.CancelledError)


class RabbitMqSink:
    """Acknowledges an event once the broker has confirmed it. The routing key is the event's type.

    An event that no queue is bound for comes back (`mandatory`) and is tried again: without that the broker would
    confirm it and drop it. Several of one order could overtake each other so, and are sent one after the other.
    """

    max_batch = 200
    ordered_pipeline = False
    most_bytes = _MOST_BYTES

    def __init__(self, address: str) -> None:
        """`address` is the URL, `amqp://user:password@host:5672/vhost?exchange=order-events`; other options of its
        query are those of the client.
        """
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._exchange_name = options.pop("exchange", "") or "order-events"
        options.setdefault("heartbeat", _HEARTBEAT_SECONDS)
        self._url = urlunsplit(parts._replace(query=urlencode(options)))
        self._loop = LoopThread("rabbitmq")
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None

    def open(self) -> None:
        self.close()
        try:
            self._loop.run(self._open(), seconds=_CONNECT_SECONDS)
        except _TROUBLES as error:
            self.close()
            raise SinkDown(f"RabbitMQ does not answer as it should: {error or type(error).__name__}.") from error

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        try:
            return self._loop.run(self._publish(events), seconds=_PUBLISH_SECONDS)
        except _TROUBLES as error:
            raise SinkDown(f"RabbitMQ did not confirm the events: {error or type(error).__name__}.") from error

    def close(self) -> None:
        if self._connection is not None:
            with suppress(*_TROUBLES):  # closed from the other side
                self._loop.run(self._connection.close(), seconds=_CLOSE_SECONDS)
            self._connection = self._exchange = None
        self._loop.stop()

    async def _open(self) -> None:
        self._connection = await aio_pika.connect(self._url, timeout=_CONNECT_SECONDS)
        channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        self._exchange = await channel.declare_exchange(self._exchange_name, ExchangeType.TOPIC, durable=True)

    async def _publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        return await asyncio.gather(*(self._publish_one(event) for event in events))

    async def _publish_one(self, event: OutgoingEvent) -> Outcome:
        if self._exchange is None:
            raise SinkDown("The connection to RabbitMQ is closed.")
        message = Message(
            event.body,
            delivery_mode=DeliveryMode.PERSISTENT,
            content_type="application/cloudevents+json",
            message_id=str(event.id),
            type=event.type,
            headers={"subject": str(event.stream_id), "sequence": event.sequence, "source": event.source},
        )
        try:
            await self._exchange.publish(message, routing_key=event.type, mandatory=True)
        except DeliveryError as error:
            return RetryEvent(
                f"RabbitMQ did not take it ({error}): bind a queue to the exchange {self._exchange_name!r} for "
                f"{event.type}."
            )
        return Ack()
