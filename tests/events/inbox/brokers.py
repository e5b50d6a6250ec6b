"""Real servers to bring events from: each gives an address for EVENT_SOURCES, and puts messages where that leads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

import aio_pika
import boto3
import nats
import redis
from confluent_kafka import Producer

REDIS = "redis://127.0.0.1:6379/0"
RABBITMQ = "amqp://guest:guest@127.0.0.1:5672/"
NATS = "nats://127.0.0.1:4222"


class Broker(Protocol):
    @property
    def address(self) -> str: ...

    def put(self, bodies: list[bytes]) -> None: ...

    def remove(self) -> None:
        """What the address leads to is gone."""


@dataclass
class RedisStream:
    name: str
    server: str = REDIS

    @property
    def address(self) -> str:
        return f"{self.server}?stream={self.name}"

    def put(self, bodies: Sequence[bytes]) -> None:
        with redis.Redis.from_url(self.server) as client:
            for body in bodies:
                client.xadd(self.name, {"event": body, "type": "thing.changed"})

    def remove(self) -> None:
        with redis.Redis.from_url(self.server) as client:
            client.delete(self.name)

    def pending(self) -> int:
        with redis.Redis.from_url(self.server) as client:
            told: Any = client.xpending(self.name, "order-service")
        return int(told["pending"])


@dataclass
class RabbitMqQueue:
    name: str
    server: str = RABBITMQ

    def __post_init__(self) -> None:
        self._run(lambda channel: channel.declare_queue(self.name, durable=True))

    @property
    def address(self) -> str:
        return f"{self.server}?queue={self.name}"

    def put(self, bodies: Sequence[bytes]) -> None:
        async def publish(channel: Any) -> None:
            for body in bodies:
                message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, routing_key=self.name)

        self._run(publish)

    def remove(self) -> None:
        self._run(lambda channel: channel.queue_delete(self.name))

    def _run(self, do: Any) -> None:
        async def connected() -> None:
            async with await aio_pika.connect(self.server) as connection:
                await do(await connection.channel())

        asyncio.run(connected())


@dataclass
class NatsStream:
    name: str
    server: str = NATS

    def __post_init__(self) -> None:
        self._run(lambda client: client.jetstream().add_stream(name=self.name, subjects=[f"{self.name}.>"]))

    @property
    def address(self) -> str:
        return f"{self.server}?stream={self.name}"

    def put(self, bodies: Sequence[bytes]) -> None:
        async def publish(client: Any) -> None:
            for body in bodies:
                await client.jetstream().publish(f"{self.name}.thing", body)

        self._run(publish)

    def remove(self) -> None:
        self._run(lambda client: client.jetstream().delete_stream(self.name))

    def _run(self, do: Any) -> None:
        async def connected() -> None:
            client = await nats.connect(self.server)
            try:
                await do(client)
            finally:
                await client.close()

        asyncio.run(connected())


@dataclass
class SqsQueue:
    name: str

    def __post_init__(self) -> None:
        self.url: str = self._sqs.create_queue(QueueName=self.name)["QueueUrl"]

    @property
    def address(self) -> str:
        return f"sqs:{self.url}"

    @property
    def _sqs(self) -> Any:
        return boto3.client("sqs")

    def put(self, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            self._sqs.send_message(QueueUrl=self.url, MessageBody=body.decode())

    def show_again_after(self, seconds: int) -> None:
        self._sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"VisibilityTimeout": str(seconds)})

    def remove(self) -> None:
        self._sqs.delete_queue(QueueUrl=self.url)


@dataclass
class KafkaTopic:
    name: str
    brokers: str

    @property
    def address(self) -> str:
        return f"kafka://{self.brokers}?topic={self.name}&group=g-{self.name}"

    def put(self, bodies: Sequence[bytes | None]) -> None:
        producer = Producer({"bootstrap.servers": self.brokers.replace(";", ",")})
        for body in bodies:
            producer.produce(self.name, key="one", value=body)
        producer.flush(30)

    def remove(self) -> None:
        """The mock cluster keeps it until it ends."""


def named() -> str:
    return f"test{uuid4().hex}"


@contextmanager
def removed_afterwards(broker: Broker) -> Iterator[Broker]:
    yield broker
    try:
        broker.remove()
    except Exception as error:  # by the test itself
        assert "not found" in str(error).lower() or "nonexist" in str(error).lower()  # noqa: PT017
