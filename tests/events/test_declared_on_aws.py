"""The sinks and the consumer against exactly the topic, queues, filters and rules that infra/ declares.

`infra/bin/check` runs this after it has made the templates; without them it is skipped.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import pytest
from moto.server import ThreadedMotoServer

from events.inbox.consumer import Consumer
from events.inbox.models import IncomingEvent
from events.inbox.sources import build_source
from events.relay import Relay
from events.sinks import build_sink
from tests.events.declared_on_aws import Declared
from tests.events.outgoing import event

pytestmark = pytest.mark.brokers

REGION = "eu-west-1"
TEMPLATES: list[Path | None] = [
    *sorted(Path(__file__).parents[2].glob("infra/cdk.out/assembly-*/*Events*.template.json"))
]
TYPES = ["order.created", "order.updated", "order.deleted", "order.restored", "order.rejected"]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def aws(server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """`aws("sqs")`: a client of an AWS in which there is nothing yet."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(urllib.request.Request(f"{server}/moto-api/reset", method="POST")).close()
    return lambda service: boto3.client(service, region_name=REGION)


@pytest.fixture(params=TEMPLATES or [None], ids=lambda path: path.parent.name if path else "none")
def declared(request: pytest.FixtureRequest, aws: Callable[[str], Any]) -> Declared:
    """What the Events stack of a stage declares, made there."""
    if request.param is None:
        pytest.skip("There are no templates: infra/bin/synth makes them.")
    return Declared(aws, json.loads(request.param.read_text()))


def published(kind: str, address: str, settings: Any) -> None:
    """One event of each type, of an order each, by the sink as EVENT_SINKS makes it."""
    settings.EVENT_SINKS = [f"{kind}:{address}"]
    sink = build_sink(kind)
    sink.open()
    sink.publish([event(number, stream=number, type=type_name) for number, type_name in enumerate(TYPES, 1)])
    sink.close()


def messages(sqs: Any, url: str) -> list[str]:
    """The bodies, taken out of the queue."""
    found: list[str] = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in batch]
        for message in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_each_consumer_behind_the_topic_gets_the_events_of_its_types_as_they_were_sent(
    declared: Declared, aws: Callable[[str], Any], settings: Any
) -> None:
    published("sns", declared.only("AWS::SNS::Topic"), settings)

    assert sorted(messages(aws("sqs"), declared.queue("Fulfilment"))) == ['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}']
    assert sorted(messages(aws("sqs"), declared.queue("Checkout"))) == ['{"n":1}', '{"n":5}']


def test_the_rule_of_the_bus_takes_every_type(declared: Declared, aws: Callable[[str], Any], settings: Any) -> None:
    published("eventbridge", declared.only("AWS::Events::EventBus"), settings)

    found = [json.loads(body) for body in messages(aws("sqs"), declared.queue("Analytics"))]
    assert sorted((each["detail-type"], each["detail"]["n"]) for each in found) == sorted(
        (type_name, number) for number, type_name in enumerate(TYPES, 1)
    )
    assert {each["source"] for each in found} == {"storefronts/au"}


def test_what_is_received_five_times_in_vain_goes_to_the_dead_letters(
    declared: Declared, aws: Callable[[str], Any], settings: Any
) -> None:
    published("sns", declared.only("AWS::SNS::Topic"), settings)
    sqs, url = aws("sqs"), declared.queue("Checkout")

    for _ in range(6):
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)

    assert messages(sqs, url) == []
    assert sorted(messages(sqs, declared.queue("CheckoutDead"))) == ['{"n":1}', '{"n":5}']


def test_the_relay_brings_an_orders_events_in_order(
    declared: Declared,
    aws: Callable[[str], Any],
    settings: Any,
    database: None,
    append_stream: Callable[..., UUID],
) -> None:
    settings.EVENT_SINKS = [f"sns:{declared.only('AWS::SNS::Topic')}"]
    streams = [append_stream(4, type="order.updated") for _ in range(2)]

    assert Relay("sns", build_sink("sns")).drain() == 8

    found = [json.loads(body) for body in messages(aws("sqs"), declared.queue("Fulfilment"))]
    for stream in streams:
        assert [each["data"]["version"] for each in found if each["subject"] == str(stream)] == [1, 2, 3, 4]


def test_the_consumer_takes_in_what_other_services_send(
    declared: Declared, aws: Callable[[str], Any], settings: Any, database: None
) -> None:
    url = declared.queue("Incoming")
    sent = {"specversion": "1.0", "id": "evt-1", "source": "/customers", "type": "customer.updated", "subject": "cus1"}
    aws("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(sent | {"data": {"customer_id": "cus1"}}))
    settings.EVENT_SOURCES = [f"sqs:{url}"]

    Consumer("sqs", build_source("sqs")).drain()

    assert [(each.type, each.subject) for each in IncomingEvent.objects.all()] == [("customer.updated", "cus1")]
    assert messages(aws("sqs"), url) == []
