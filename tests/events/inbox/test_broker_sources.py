"""Against real servers on this machine: what is put there is brought, and comes again until it is acknowledged.

Where a server does not run, its tests are skipped, each with a line that says so.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import nats
import pytest
import redis
from confluent_kafka import Producer
from moto.server import ThreadedMotoServer

from events.inbox.consumer import Consumer
from events.inbox.models import IncomingEvent
from events.inbox.sources import build_source
from events.inbox.sources.protocol import Message, Source, SourceDown
from tests.events.inbox.brokers import (
    NATS,
    REDIS,
    Broker,
    KafkaTopic,
    NatsStream,
    RabbitMqQueue,
    RedisStream,
    SqsQueue,
    named,
    removed_afterwards,
)

pytestmark = pytest.mark.brokers

PORTS = {"redis": 6379, "rabbitmq": 5672, "nats": 4222}
KINDS = ["redis", "rabbitmq", "nats", "sqs", "kafka"]


def needs(server: str) -> None:
    try:
        socket.create_connection(("127.0.0.1", PORTS[server]), timeout=2).close()
    except OSError:
        pytest.skip(f"{server} does not run on 127.0.0.1:{PORTS[server]}")


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    """A cluster that the client itself mocks, over TCP."""
    cluster = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
    found = cluster.list_topics(timeout=10).brokers.values()
    yield ";".join(f"{broker.host}:{broker.port}" for broker in found)
    cluster.flush(1)


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def aws_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": request.getfixturevalue("aws"),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def broker(kind: str, request: pytest.FixtureRequest) -> Iterator[Broker]:
    if kind in PORTS:
        needs(kind)
    made: Broker
    match kind:
        case "redis":
            made = RedisStream(named())
        case "rabbitmq":
            made = RabbitMqQueue(named())
        case "nats":
            made = NatsStream(named())
        case "sqs":
            request.getfixturevalue("aws_environment")
            made = SqsQueue(named())
        case _:
            made = KafkaTopic(named(), request.getfixturevalue("kafka"))
            made.put([])
    with removed_afterwards(made):
        yield made


@pytest.fixture
def source(broker: Broker, settings: Any) -> Iterator[Source]:
    settings.EVENT_SOURCES = [f"one={broker.address}"]
    built = build_source("one")
    yield built
    built.close()


def received(source: Source, count: int) -> list[Message]:
    """As many messages; each batch is acknowledged before the next."""
    found: list[Message] = []
    for _ in range(60):
        batch = source.receive(limit=100, seconds=1)
        source.acknowledge(batch)
        found += batch
        if len(found) >= count:
            break
    return found


def first_batch(source: Source) -> list[bytes]:
    """The first messages that come, not acknowledged."""
    for _ in range(60):
        if batch := source.receive(limit=100, seconds=1):
            return [message.body for message in batch]
    return []


def asked_often(source: Source) -> None:
    for _ in range(10):
        source.receive(limit=10, seconds=0.2)


def opened_and_asked(source: Source) -> None:
    """Some are found to be away when they are opened, others when they are asked."""
    source.open()
    source.receive(limit=1, seconds=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_each_message_is_brought_and_once_acknowledged_not_again(broker: Broker, source: Source):
    bodies = [b'{"n":%d}' % number for number in range(25)]
    broker.put(bodies)
    source.open()

    found = received(source, 25)

    assert sorted(message.body for message in found) == sorted(bodies)
    source.close()
    source.open()
    assert list(source.receive(limit=100, seconds=2)) == []


@pytest.mark.parametrize("kind", ["redis", "rabbitmq", "nats", "kafka"])
def test_they_are_brought_in_their_order(broker: Broker, source: Source):
    bodies = [b'{"n":%d}' % number for number in range(25)]
    broker.put(bodies)
    source.open()

    assert [message.body for message in received(source, 25)] == bodies


@pytest.mark.parametrize("kind", ["redis", "rabbitmq", "sqs", "kafka"])
def test_what_was_not_acknowledged_comes_again(broker: Broker, source: Source):
    if isinstance(broker, SqsQueue):
        broker.show_again_after(1)
    broker.put([b'{"n":1}', b'{"n":2}'])
    source.open()
    brought = first_batch(source)
    source.close()
    source.open()

    again = [message.body for message in received(source, 2)]

    assert brought != []
    assert set(again) == {b'{"n":1}', b'{"n":2}'}


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_has_no_more_than_is_asked_for(broker: Broker, source: Source):
    broker.put([b'{"n":%d}' % number for number in range(25)])
    source.open()

    counts: list[int] = []
    while sum(counts) < 25 and len(counts) < 60:
        batch = source.receive(limit=7, seconds=1)
        source.acknowledge(batch)
        counts.append(len(batch))

    assert (sum(counts), max(counts) <= 7) == (25, True)


@pytest.mark.parametrize("kind", ["redis", "rabbitmq", "nats", "sqs"])
def test_what_is_removed_while_it_is_read_is_an_outage(broker: Broker, source: Source):
    broker.put([b"{}"])
    source.open()
    received(source, 1)

    broker.remove()

    with pytest.raises(SourceDown):
        asked_often(source)


@pytest.mark.parametrize("kind", ["rabbitmq", "nats"])
def test_what_is_not_there_is_an_outage(broker: Broker, source: Source):
    broker.remove()

    with pytest.raises(SourceDown, match="for us"):
        source.open()


@pytest.mark.parametrize(
    "address",
    [
        "redis://127.0.0.1:9?stream=x",
        "amqp://127.0.0.1:9?queue=x",
        "nats://127.0.0.1:9?stream=x",
        "kafka://127.0.0.1:9?topic=x",
        "sqs:http://127.0.0.1:9/123456789012/x",
    ],
)
def test_a_server_that_is_not_there_is_an_outage(address: str, settings: Any, aws_environment: None, monkeypatch: Any):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    settings.EVENT_SOURCES = [f"one={address}"]
    source = build_source("one")

    with pytest.raises(SourceDown):
        source.receive(limit=1, seconds=0.1)
    with pytest.raises(SourceDown):
        source.acknowledge([Message(b"")])
    with pytest.raises(SourceDown):
        opened_and_asked(source)
    source.close()
    source.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_consumer_takes_every_event_in_once(
    broker: Broker, settings: Any, database: None, handled: list[Any], body: Any
):
    settings.EVENT_SOURCES = [f"one={broker.address}"]
    broker.put([body(str(number % 20)) for number in range(40)])

    Consumer("one", build_source("one")).drain()

    assert sorted(int(event.id) for event in handled) == list(range(20))
    assert set(IncomingEvent.objects.values_list("state", "came_by")) == {("handled", "one")}


# --- each for itself ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["redis"])
def test_redis_gives_what_another_process_died_with(broker: RedisStream, source: Source, monkeypatch: Any):
    monkeypatch.setattr("events.inbox.sources.redis_streams._ABANDONED_MILLISECONDS", 1)
    broker.put([b'{"n":1}'])
    source.open()
    source.acknowledge([])
    with redis.Redis.from_url(REDIS) as client:
        client.xreadgroup("order-service", "dead", {broker.name: ">"})
    assert broker.pending() == 1

    assert [message.body for message in received(source, 1)] == [b'{"n":1}']
    assert broker.pending() == 0


@pytest.mark.parametrize("kind", ["redis"])
def test_redis_is_not_asked_for_what_was_trimmed_away(broker: RedisStream, source: Source):
    broker.put([b'{"n":1}'])
    source.open()
    first_batch(source)
    with redis.Redis.from_url(REDIS) as client:
        client.xtrim(broker.name, maxlen=0, approximate=False)
    source.close()
    source.open()
    broker.put([b'{"n":2}'])

    assert [message.body for message in received(source, 1)] == [b'{"n":2}']
    assert broker.pending() == 0


@pytest.mark.parametrize("kind", ["redis"])
def test_redis_keeps_the_name_of_a_consumer_that_still_has_something(broker: RedisStream, source: Source):
    broker.put([b'{"n":1}'])
    source.open()
    first_batch(source)
    source.close()
    assert broker.pending() == 1

    source.open()
    received(source, 1)
    source.close()

    with redis.Redis.from_url(REDIS) as client:
        names: Any = client.xinfo_consumers(broker.name, "order-service")
    assert names == []


def test_several_streams_of_redis_are_read_as_one(settings: Any):
    needs("redis")
    name = named()
    streams = [RedisStream(f"{name}:{index}") for index in range(2)]
    for index, stream in enumerate(streams):
        stream.put([b'{"n":%d}' % index])
    settings.EVENT_SOURCES = [f"{REDIS}?stream={name}&streams=2&group=mine"]
    source = build_source("redis")
    source.open()

    assert sorted(message.body for message in received(source, 2)) == [b'{"n":0}', b'{"n":1}']

    source.close()
    for stream in streams:
        stream.remove()


@pytest.mark.parametrize("kind", ["nats"])
def test_nats_gives_a_consumer_that_is_there_what_it_is_for(broker: NatsStream, settings: Any):
    async def make() -> None:
        client = await nats.connect(NATS)
        await client.jetstream().pull_subscribe(f"{broker.name}.other", durable="mine", stream=broker.name)
        await client.close()

    asyncio.run(make())
    settings.EVENT_SOURCES = [f"{broker.address}&durable=mine"]
    broker.put([b'{"n":1}'])
    source = build_source("nats")
    source.open()

    assert list(source.receive(limit=10, seconds=0.5)) == []
    source.close()


@pytest.mark.parametrize("kind", ["kafka"])
def test_a_tombstone_of_kafka_is_no_message_and_is_passed(broker: KafkaTopic, source: Source):
    broker.put([None, b'{"n":1}', None])
    source.open()

    assert [message.body for message in received(source, 1)] == [b'{"n":1}']
    source.close()
    source.open()
    assert list(source.receive(limit=10, seconds=2)) == []


@pytest.mark.parametrize("kind", ["sqs"])
def test_sqs_deletes_in_calls_of_ten(broker: SqsQueue, source: Source):
    broker.put([b'{"n":%d}' % number for number in range(12)])
    source.open()
    batch = source.receive(limit=100, seconds=1)

    source.acknowledge(batch)

    assert len(batch) == 12
    assert list(source.receive(limit=100, seconds=2)) == []
