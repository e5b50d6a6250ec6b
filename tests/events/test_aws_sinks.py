"""Against an AWS of our own on loopback: what is published is there, in order; what AWS refuses is told as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import boto3
import pytest
from moto.server import ThreadedMotoServer

from events.relay import Relay
from events.sinks import build_sink
from events.sinks.eventbridge import eventbridge_sink
from events.sinks.protocol import Ack, Reject, Sink, SinkDown
from events.sinks.sns import sns_sink
from events.sinks.sqs import sqs_sink
from tests.events.outgoing import event

pytestmark = pytest.mark.brokers

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def aws(server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """`aws("sqs")`: a client of the service, as the sinks find it."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    return lambda service: boto3.client(service, region_name=REGION)


@pytest.fixture
def queue(aws: Callable[[str], Any], request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a FIFO queue."""
    sqs = aws("sqs")
    name = f"q{abs(hash(request.node.nodeid))}.fifo"
    url: str = sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def received(sqs: Any, url: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while batch := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
    ).get("Messages"):
        messages += batch
        for message in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return messages


def test_sqs_has_each_event_once_with_what_to_filter_by(aws: Callable[[str], Any], queue: str):
    sink = sqs_sink(queue)
    sink.open()

    assert sink.publish([event(1), event(2, stream=2, type="order.deleted")]) == [Ack(), Ack()]
    assert sink.publish([event(1)]) == [Ack()]
    sink.close()

    messages = sorted(received(aws("sqs"), queue), key=lambda message: message["Body"])
    assert [message["Body"] for message in messages] == ['{"n":1}', '{"n":2}']
    assert {name: part["StringValue"] for name, part in messages[1]["MessageAttributes"].items()} == {
        "type": "order.deleted",
        "source": "/storefronts/au",
        "subject": "00000000-0000-0000-0000-000000000002",
        "sequence": "2",
    }
    assert messages[1]["Attributes"]["MessageGroupId"] == "00000000-0000-0000-0000-000000000002"


def test_many_events_go_in_calls_of_ten(aws: Callable[[str], Any], queue: str):
    sink = sqs_sink(queue)
    sink.open()

    assert sink.publish([event(number, stream=number) for number in range(1, 36)]) == [Ack()] * 35
    sink.close()

    assert len(received(aws("sqs"), queue)) == 35


def test_what_is_larger_than_the_service_takes_is_refused_for_good_and_the_others_go(
    aws: Callable[[str], Any], queue: str
):
    sink = sqs_sink(queue)
    sink.open()

    first, too_large, last = sink.publish([event(1), event(2, stream=2, size=1_048_576), event(3, stream=3)])
    sink.close()

    assert isinstance(too_large, Reject)
    assert "SQS takes 1,048,576" in too_large.error
    assert (first, last) == (Ack(), Ack())


@pytest.mark.parametrize(
    ("make", "address", "most"),
    [
        (sqs_sink, "https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo", 1_047_552),
        (sns_sink, "arn:aws:sns:eu-west-1:123456789012:orders.fifo", 261_120),
        (eventbridge_sink, "arn:aws:events:eu-west-1:123456789012:event-bus/orders", 998_976),
    ],
)
def test_a_body_leaves_room_for_what_goes_beside_it(make: Callable[[str], Sink], address: str, most: int):
    assert make(address).most_bytes == most


def test_calls_stay_below_the_bytes_that_a_call_may_have(aws: Callable[[str], Any], queue: str):
    sink = sqs_sink(queue)
    sink.open()

    assert sink.publish([event(number, stream=number, size=400_000) for number in range(1, 6)]) == [Ack()] * 5
    sink.close()

    assert len(received(aws("sqs"), queue)) == 5


def test_a_queue_that_is_not_there_is_an_outage(aws: Callable[[str], Any], queue: str):
    sink = sqs_sink(queue.replace(".fifo", "x.fifo"))
    sink.open()

    with pytest.raises(SinkDown, match="SQS did not take the events"):
        sink.publish([event(1)])
    sink.close()


def test_sns_hands_on_what_a_subscription_asks_for(aws: Callable[[str], Any], queue: str):
    sns, sqs = aws("sns"), aws("sqs")
    topic = sns.create_topic(Name="orders.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"type": ["order.deleted"]})},
    )
    sink = sns_sink(topic)
    sink.open()

    assert sink.publish([event(1), event(2, stream=2, type="order.deleted")]) == [Ack(), Ack()]
    sink.close()

    assert [message["Body"] for message in received(sqs, queue)] == ['{"n":2}']
    sns.delete_topic(TopicArn=topic)


def test_eventbridge_brings_an_event_to_the_targets_of_a_rule(aws: Callable[[str], Any]):
    events, sqs = aws("events"), aws("sqs")
    url = sqs.create_queue(QueueName="bridged")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus = events.create_event_bus(Name="orders")["EventBusArn"]
    events.put_rule(Name="all", EventBusName="orders", EventPattern=json.dumps({"detail-type": ["order.updated"]}))
    events.put_targets(Rule="all", EventBusName="orders", Targets=[{"Id": "1", "Arn": arn}])
    sink = eventbridge_sink(bus)
    sink.open()

    assert sink.publish([event(1), event(2, stream=2, type="order.deleted")]) == [Ack(), Ack()]
    sink.close()

    (message,) = [json.loads(message["Body"]) for message in received(sqs, url)]
    assert (message["detail-type"], message["source"], message["detail"]) == (
        "order.updated",
        "storefronts/au",
        {"n": 1},
    )


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (sqs_sink, "http://127.0.0.1:9/123456789012/orders.fifo"),
        (sns_sink, "arn:aws:sns:eu-west-1:123456789012:orders.fifo"),
        (eventbridge_sink, "arn:aws:events:eu-west-1:123456789012:event-bus/orders"),
    ],
)
def test_an_aws_that_does_not_answer_is_an_outage(
    aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, kind: Callable[[str], Sink], address: str
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    sink = kind(address)
    with pytest.raises(SinkDown):
        sink.publish([event(1)])
    sink.open()

    with pytest.raises(SinkDown):
        sink.publish([event(1)])
    sink.close()
    sink.close()


def test_a_relay_brings_every_event_to_sqs_in_order(
    aws: Callable[[str], Any], settings: Any, database: None, append_stream: Callable[[int], UUID], queue: str
):
    settings.EVENT_SINKS = [f"sqs:{queue}"]
    streams = [append_stream(6) for _ in range(3)]

    assert Relay("sqs", build_sink("sqs")).drain() == 18

    found = [message["MessageAttributes"] for message in received(aws("sqs"), queue)]
    for stream in streams:
        mine = [each for each in found if each["subject"]["StringValue"] == str(stream)]
        assert [int(each["sequence"]["StringValue"]) for each in mine] == [1, 2, 3, 4, 5, 6]
