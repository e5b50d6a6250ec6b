"""Against a cluster that the client itself mocks, over TCP: nothing is kept on a disk there, and no broker fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from confluent_kafka import Consumer, Producer

from events.relay import Relay
from events.sinks import build_sink
from events.sinks.kafka import KafkaSink
from events.sinks.protocol import Ack, Reject, SinkDown
from tests.events.outgoing import event

pytestmark = pytest.mark.brokers


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    cluster = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 3})
    found = cluster.list_topics(timeout=10).brokers.values()
    yield ";".join(f"{broker.host}:{broker.port}" for broker in found)
    cluster.flush(1)


def consumed(brokers: str, topic: str, count: int) -> list[Any]:
    consumer = Consumer(
        {"bootstrap.servers": brokers.replace(";", ","), "group.id": str(uuid4()), "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found: list[Any] = []
    for _ in range(600):
        if len(found) == count:
            break
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            found.append(message)
    consumer.close()
    return found


def test_kafka_has_each_event_under_the_id_of_its_order(brokers: str):
    topic = f"t{uuid4().hex}"
    sink = KafkaSink(f"kafka://{brokers}?topic={topic}")
    sink.open()

    assert sink.publish([event(1), event(2, stream=2)]) == [Ack(), Ack()]
    assert sink.publish([event(3)]) == [Ack()]
    sink.close()

    found = sorted(consumed(brokers, topic, 3), key=lambda message: message.value())
    assert [(message.key(), message.value()) for message in found] == [
        (b"00000000-0000-0000-0000-000000000001", b'{"n":1}'),
        (b"00000000-0000-0000-0000-000000000002", b'{"n":2}'),
        (b"00000000-0000-0000-0000-000000000001", b'{"n":3}'),
    ]
    assert dict(found[1].headers()) == {
        "id": b"00000000-0000-0000-0000-000000000002",
        "type": b"order.updated",
        "source": b"/storefronts/au",
    }
    assert found[0].partition() == found[2].partition()


def test_what_is_larger_than_kafka_takes_is_refused_for_good_and_the_others_go(brokers: str):
    sink = KafkaSink(f"kafka://{brokers}?topic=t{uuid4().hex}")
    sink.open()

    first, too_large, last = sink.publish([event(1), event(2, stream=2, size=2_000_000), event(3, stream=3)])
    sink.close()

    assert isinstance(too_large, Reject)
    assert (first, last) == (Ack(), Ack())


def test_a_cluster_that_is_not_there_is_an_outage():
    sink = KafkaSink("kafka://127.0.0.1:9")

    with pytest.raises(SinkDown, match="Kafka does not answer as it should"):
        sink.open()
    with pytest.raises(SinkDown):
        sink.publish([event(1)])
    sink.close()
    sink.close()


def test_a_relay_brings_every_event_to_kafka_in_order(
    settings: Any, database: None, append_stream: Callable[[int], UUID], brokers: str
):
    topic = f"t{uuid4().hex}"
    settings.EVENT_SINKS = [f"kafka://{brokers}?topic={topic}"]
    streams = [append_stream(15) for _ in range(4)]

    assert Relay("kafka", build_sink("kafka")).drain() == 60

    found = consumed(brokers, topic, 60)
    for stream in streams:
        mine = [message.value() for message in found if message.key() == str(stream).encode()]
        assert [b'"sequence":"%010d"' % number in value for number, value in enumerate(mine, start=1)] == [True] * 15
