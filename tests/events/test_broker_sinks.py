"""Against real servers on this machine: what is published is there, in order, once; what fails is told as it is.

Where a server does not run, its tests are skipped, each with a line that says so.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import nats
import pytest
import redis

from events.relay import Relay
from events.sinks import build_sink
from events.sinks.nats_jetstream import NatsJetStreamSink
from events.sinks.protocol import Ack, RetryEvent, Sink, SinkDown
from events.sinks.rabbitmq import RabbitMqSink
from events.sinks.redis_streams import RedisStreamsSink
from tests.events.outgoing import event

pytestmark = pytest.mark.brokers

REDIS = "redis://127.0.0.1:6379/0"
RABBITMQ = "amqp://guest:guest@127.0.0.1:5672/"
NATS = "nats://127.0.0.1:4222"
_PORTS = {"redis": 6379, "rabbitmq": 5672, "nats": 4222}


@pytest.fixture
def needs() -> Callable[[str], None]:
    def check(server: str) -> None:
        try:
            socket.create_connection(("127.0.0.1", _PORTS[server]), timeout=2).close()
        except OSError:
            pytest.skip(f"{server} does not run on 127.0.0.1:{_PORTS[server]}")

    return check


# --- Redis -------------------------------------------------------------------------------------------


@pytest.fixture
def stream(needs: Callable[[str], None]) -> Iterator[str]:
    needs("redis")
    name = f"test-{uuid4()}"
    yield name
    with redis.Redis.from_url(REDIS) as client:
        for key in client.scan_iter(f"{name}*"):
            client.delete(key)


def entries(stream: str) -> list[dict[bytes, bytes]]:
    with redis.Redis.from_url(REDIS) as client:
        found: Any = client.xrange(stream)
    return [fields for _, fields in found]


def test_redis_has_each_event_as_one_entry_in_their_order(stream: str):
    sink = RedisStreamsSink(f"{REDIS}?stream={stream}")
    sink.open()

    assert sink.publish([event(1), event(2, stream=2), event(3)]) == [Ack(), Ack(), Ack()]
    sink.close()

    assert [(fields[b"id"], fields[b"event"]) for fields in entries(stream)] == [
        (b"00000000-0000-0000-0000-000000000001", b'{"n":1}'),
        (b"00000000-0000-0000-0000-000000000002", b'{"n":2}'),
        (b"00000000-0000-0000-0000-000000000003", b'{"n":3}'),
    ]
    assert {name: fields for name, fields in entries(stream)[1].items() if name not in (b"id", b"event")} == {
        b"type": b"order.updated",
        b"source": b"/storefronts/au",
        b"subject": b"00000000-0000-0000-0000-000000000002",
        b"sequence": b"2",
    }


def test_redis_keeps_an_order_in_one_of_several_streams(stream: str):
    sink = RedisStreamsSink(f"{REDIS}?stream={stream}&streams=2")
    sink.open()
    sink.publish([event(number, stream=number % 3) for number in range(1, 10)])
    sink.close()

    kept = {index: [int(fields[b"sequence"]) for fields in entries(f"{stream}:{index}")] for index in (0, 1)}
    assert kept == {0: [2, 3, 5, 6, 8, 9], 1: [1, 4, 7]}


def test_redis_without_as_many_replicas_as_wanted_is_down(stream: str):
    sink = RedisStreamsSink(f"{REDIS}?stream={stream}&replicas=1")
    sink.open()

    with pytest.raises(SinkDown, match="Only 0 of 1 replicas"):
        sink.publish([event(1)])
    sink.close()


def test_redis_that_has_something_else_by_that_name_takes_nothing_of_a_batch(stream: str):
    sink = RedisStreamsSink(f"{REDIS}?stream={stream}&streams=2")
    with redis.Redis.from_url(REDIS) as client:
        client.set(f"{stream}:0", "text")
    sink.open()

    with pytest.raises(SinkDown, match="WRONGTYPE"):
        sink.publish([event(1, stream=2)])
    sink.close()


# --- RabbitMQ ----------------------------------------------------------------------------------------


@pytest.fixture
def exchange(needs: Callable[[str], None]) -> Iterator[str]:
    needs("rabbitmq")
    name = f"test-{uuid4()}"
    yield name

    async def remove() -> None:
        async with await aio_pika.connect(RABBITMQ) as connection:
            channel = await connection.channel()
            await channel.queue_delete(name)
            await channel.exchange_delete(name)

    asyncio.run(remove())


def bind(exchange: str, key: str, **arguments: Any) -> None:
    async def bound() -> None:
        async with await aio_pika.connect(RABBITMQ) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exchange, durable=True, arguments=arguments)
            await queue.bind(exchange, key)

    asyncio.run(bound())


def messages(queue_name: str) -> list[aio_pika.abc.AbstractIncomingMessage]:
    async def read() -> list[aio_pika.abc.AbstractIncomingMessage]:
        found = []
        async with await aio_pika.connect(RABBITMQ) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(queue_name, passive=True)
            while (message := await queue.get(no_ack=True, fail=False)) is not None:
                found.append(message)
        return found

    return asyncio.run(read())


def test_rabbitmq_has_each_event_persistent_under_its_type(exchange: str):
    sink = RabbitMqSink(f"{RABBITMQ}?exchange={exchange}")
    sink.open()
    bind(exchange, "order.*")

    assert sink.publish([event(1), event(2, stream=2, type="order.deleted")]) == [Ack(), Ack()]
    sink.close()

    found = messages(exchange)
    assert [(message.message_id, message.routing_key, message.body) for message in found] == [
        ("00000000-0000-0000-0000-000000000001", "order.updated", b'{"n":1}'),
        ("00000000-0000-0000-0000-000000000002", "order.deleted", b'{"n":2}'),
    ]
    assert {(message.delivery_mode, message.content_type) for message in found} == {
        (aio_pika.DeliveryMode.PERSISTENT, "application/cloudevents+json")
    }
    assert found[1].headers == {
        "subject": "00000000-0000-0000-0000-000000000002",
        "sequence": 2,
        "source": "/storefronts/au",
    }


def test_rabbitmq_does_not_confirm_what_no_queue_takes(exchange: str):
    sink = RabbitMqSink(f"{RABBITMQ}?exchange={exchange}")
    sink.open()
    bind(exchange, "order.deleted")

    refused, taken = sink.publish([event(1), event(2, stream=2, type="order.deleted")])
    sink.close()

    assert isinstance(refused, RetryEvent)
    assert f"bind a queue to the exchange {exchange!r} for order.updated" in refused.error
    assert taken == Ack()
    assert [message.body for message in messages(exchange)] == [b'{"n":2}']


def test_a_full_queue_of_rabbitmq_is_no_confirmation(exchange: str):
    sink = RabbitMqSink(f"{RABBITMQ}?exchange={exchange}")
    sink.open()
    bind(exchange, "#", **{"x-max-length": 1, "x-overflow": "reject-publish"})
    assert sink.publish([event(1)]) == [Ack()]

    (refused,) = sink.publish([event(2)])
    sink.close()

    assert isinstance(refused, RetryEvent)


def test_rabbitmq_that_has_closed_the_connection_since_is_down(exchange: str):
    sink = RabbitMqSink(f"{RABBITMQ}?exchange={exchange}")
    sink.open()
    bind(exchange, "#")
    assert sink._connection is not None
    sink._loop.run(sink._connection.close(), seconds=10)

    with pytest.raises(SinkDown, match="RabbitMQ did not confirm the events"):
        sink.publish([event(1)])
    sink.close()


def test_rabbitmq_with_another_exchange_of_that_name_is_down(needs: Callable[[str], None]):
    needs("rabbitmq")
    sink = RabbitMqSink(f"{RABBITMQ}?exchange=amq.direct")

    with pytest.raises(SinkDown, match="RabbitMQ does not answer as it should"):
        sink.open()


# --- NATS --------------------------------------------------------------------------------------------


@pytest.fixture
def subject(needs: Callable[[str], None]) -> Iterator[str]:
    needs("nats")
    name = f"test{uuid4().hex}"

    async def make() -> None:
        client = await nats.connect(NATS)
        await client.jetstream().add_stream(name=name, subjects=[f"{name}.>"])
        await client.close()

    async def remove() -> None:
        client = await nats.connect(NATS)
        await client.jetstream().delete_stream(name)
        await client.close()

    asyncio.run(make())
    yield name
    asyncio.run(remove())


def stored(subject: str) -> list[tuple[str, str, bytes]]:
    async def read() -> list[tuple[str, str, bytes]]:
        client = await nats.connect(NATS)
        stream = client.jetstream()
        count = (await stream.stream_info(subject)).state.messages
        found = [await stream.get_msg(subject, seq=number) for number in range(1, count + 1)]
        await client.close()
        return [(str(each.subject), (each.headers or {})["Nats-Msg-Id"], each.data or b"") for each in found]

    return asyncio.run(read())


def test_nats_stores_each_event_once_however_often_it_comes(subject: str):
    sink = NatsJetStreamSink(f"{NATS}?subject={subject}")
    sink.open()

    assert sink.publish([event(1), event(2, stream=2, type="order.deleted")]) == [Ack(), Ack()]
    assert sink.publish([event(1)]) == [Ack()]
    sink.close()

    assert sorted(stored(subject)) == [
        (f"{subject}.order.deleted", "00000000-0000-0000-0000-000000000002", b'{"n":2}'),
        (f"{subject}.order.updated", "00000000-0000-0000-0000-000000000001", b'{"n":1}'),
    ]


def test_nats_without_a_stream_for_the_subject_is_down(needs: Callable[[str], None]):
    needs("nats")
    sink = NatsJetStreamSink(f"{NATS}?subject=nobody")
    sink.open()

    with pytest.raises(SinkDown, match=r"No stream of NATS takes the subjects nobody\.>: make one"):
        sink.publish([event(1)])
    sink.close()


def test_what_is_larger_than_nats_takes_is_refused_for_good(subject: str):
    sink = NatsJetStreamSink(f"{NATS}?subject={subject}")
    sink.open()

    too_large, taken = sink.publish([event(1, size=1_100_000), event(2, stream=2)])
    sink.close()

    assert "larger than the server of NATS takes" in too_large.error  # type: ignore[union-attr]
    assert taken == Ack()


# --- all of them -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [RedisStreamsSink, RabbitMqSink, NatsJetStreamSink])
def test_a_server_that_is_not_there_is_an_outage(kind: Callable[[str], Sink]):
    protocol = {RedisStreamsSink: "redis", RabbitMqSink: "amqp", NatsJetStreamSink: "nats"}[kind]  # type: ignore[index]
    sink = kind(f"{protocol}://127.0.0.1:9")

    with pytest.raises(SinkDown):
        sink.open()
    with pytest.raises(SinkDown):
        sink.publish([event(1)])
    sink.close()
    sink.close()


def test_a_relay_brings_every_event_to_three_brokers_in_order(
    settings: Any, database: None, append_stream: Callable[[int], UUID], stream: str, exchange: str, subject: str
):
    settings.EVENT_SINKS = [
        f"{REDIS}?stream={stream}",
        f"{RABBITMQ}?exchange={exchange}",
        f"{NATS}?subject={subject}",
    ]
    built = build_sink("rabbitmq")
    built.open()
    built.close()
    bind(exchange, "#")

    streams = [append_stream(20) for _ in range(3)]
    published = [Relay(name, build_sink(name)).drain() for name in ("redis", "rabbitmq", "nats")]

    assert published == [60, 60, 60]
    by_redis = [(fields[b"subject"].decode(), int(fields[b"sequence"])) for fields in entries(stream)]
    by_rabbitmq = [(str(each.headers["subject"]), each.headers["sequence"]) for each in messages(exchange)]
    for found in (by_redis, by_rabbitmq):
        for stream_id in streams:
            assert [sequence for subject, sequence in found if subject == str(stream_id)] == list(range(1, 21))
    assert len(stored(subject)) == 60
