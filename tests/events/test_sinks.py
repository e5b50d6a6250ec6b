from typing import cast

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from events.sinks import build_sink, configured_sinks, enabled_sinks
from events.sinks.configured import SINKS
from events.sinks.filtered import FilteredSink
from events.sinks.memory import MemorySink
from events.sinks.protocol import Ack, RetryEvent
from tests.events.outgoing import event


def test_queue_names_are_the_schemes(settings):
    settings.EVENT_SINKS = ["console", "file:/var/log/a:b.ndjson"]

    assert enabled_sinks() == ["console", "file"]


def test_a_change_of_the_list_handed_out_changes_nothing(settings):
    settings.EVENT_SINKS = ["console"]
    enabled_sinks().append("other")

    assert enabled_sinks() == ["console"]


SETTINGS = {
    "console": "console",
    "eventbridge": "eventbridge:arn:aws:events:eu-west-1:123456789012:event-bus/orders",
    "file": "file:/var/log/events.ndjson",
    "kafka": "kafka://127.0.0.1:9092",
    "memory": "memory",
    "nats": "nats://127.0.0.1:4222",
    "rabbitmq": "amqp://guest:guest@127.0.0.1/",
    "redis": "redis://127.0.0.1/0",
    "sns": "sns:arn:aws:sns:eu-west-1:123456789012:orders.fifo",
    "sqs": "sqs:https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo",
}


@pytest.mark.parametrize("kind", sorted(SINKS))
def test_every_known_sink_can_be_built_without_its_server(settings, kind):
    settings.EVENT_SINKS = [SETTINGS[kind]]

    sink = build_sink(kind)

    assert enabled_sinks() == [kind]
    assert sink.max_batch > 0
    assert sink.ordered_pipeline in (True, False)
    sink.close()


def test_several_of_one_kind_have_names_and_each_its_filters(settings):
    settings.EVENT_SINKS = [
        "redis://127.0.0.1/0",
        "audit=file:/var/log/audit.ndjson?type=order.deleted&type=order.restored",
        "au=amqp://user:p=ss@mq/orders?exchange=au&storefront=au&heartbeat=5",
        "console:?storefront=nz",
    ]

    assert enabled_sinks() == ["redis", "audit", "au", "console"]
    assert [(sink.kind, sink.address, set(sink.types), set(sink.storefronts)) for sink in configured_sinks()] == [
        ("redis", "redis://127.0.0.1/0", set(), set()),
        ("file", "/var/log/audit.ndjson", {"order.deleted", "order.restored"}, set()),
        ("rabbitmq", "amqp://user:p=ss@mq/orders?exchange=au&heartbeat=5", set(), {"au"}),
        ("console", "", set(), {"nz"}),
    ]


def test_a_sink_with_filters_gets_these_events_and_is_done_with_the_others(settings, make_event):
    settings.EVENT_SINKS = ["memory:?type=order.deleted&storefront=au"]
    sink = cast(FilteredSink, build_sink("memory"))
    events = [
        event(1, type="order.deleted"),
        event(2, type="order.created"),
        event(3, type="order.deleted", source="/storefronts/nz"),
        event(4, type="order.deleted"),
    ]
    received: list[int] = []

    def answer(event):
        received.append(event.sequence)
        return RetryEvent("not now")

    cast(MemorySink, sink._sink).answer = answer

    outcomes = sink.publish(events)

    assert received == [1, 4]
    assert outcomes == [RetryEvent("not now"), Ack(), Ack(), RetryEvent("not now")]
    assert sink.publish(events[1:3]) == [Ack(), Ack()]


@pytest.mark.parametrize(
    ("sinks", "sentence"),
    [
        (
            ["pigeon:here"],
            "EVENT_SINKS names 'pigeon:here', whose sink 'pigeon' is unknown. There are: console, ",
        ),
        (["file:/a", "file:/b"], "EVENT_SINKS names the sink 'file' twice"),
        (["redis:127.0.0.1"], "whose sink 'redis' is unknown. There are: console, file:PATH, amqp://"),
        (["rabbitmq://mq"], "whose sink 'rabbitmq' is unknown"),
        (["Audit Log=file:/a"], "A name has up to 40 small letters"),
        (["console:here"], "takes nothing behind a colon but"),
        (["file:"], "without a path"),
        (["amqp:guest@here"], "whose sink 'amqp' is unknown"),
    ],
)
def test_a_wrong_setting_is_refused_at_the_start(settings, sinks, sentence):
    settings.EVENT_SINKS = sinks

    with pytest.raises(ImproperlyConfigured, match=sentence):
        enabled_sinks()
    assert [error.id for error in run_checks() if error.id and error.id.startswith("events.")] == ["events.E001"]


@pytest.mark.parametrize(
    ("sink", "sentence"),
    [
        ("redis://127.0.0.1/0?colour=red", "colour is no option; there are: maxlen, replicas, storefront, stream"),
        ("redis://127.0.0.1/0?maxlen=many", "maxlen is 'many'; expected a whole number from 0"),
        ("redis://127.0.0.1/0?streams=0", "streams is '0'; expected a whole number from 1"),
        ("kafka://broker?acks=0", "acks is no option; there are: cafile, mechanism, security, storefront, topic, type"),
        ("kafka://ann@broker", "a user needs a password and a mechanism"),
        ("sns:orders", "'orders' is not the ARN of a topic, such as arn:aws:sns:"),
        ("sqs:orders.fifo", "'orders.fifo' is not the URL of a queue, such as https://sqs."),
        ("eventbridge:default", "'default' is not the ARN of an event bus, such as arn:aws:events:"),
        ("nats://127.0.0.1?stream=x", "stream is no option; there are: storefront, subject, type"),
    ],
)
def test_an_option_that_is_none_is_told_at_the_start(settings, sink, sentence):
    settings.EVENT_SINKS = [sink]

    (error,) = [error for error in run_checks() if error.id and error.id.startswith("events.")]

    assert (error.id, sentence in error.msg) == ("events.E002", True)


def test_a_password_is_not_told_with_what_is_wrong(settings):
    settings.EVENT_SINKS = ["pigeon://ann:secret@broker"]

    with pytest.raises(ImproperlyConfigured) as raised:
        enabled_sinks()
    assert "pigeon://…@broker" in str(raised.value)
    assert "secret" not in str(raised.value)
