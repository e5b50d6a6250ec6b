"""Sources that cannot be are told before anything comes in by them."""

from __future__ import annotations

import pytest

from events.checks import check_sources
from events.inbox.handlers import handles
from events.inbox.sources import build_source, enabled_sources
from events.inbox.sources.memory import MemorySource


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        (
            ["nosuch"],
            "EVENT_SOURCES names 'nosuch', whose source 'nosuch' is unknown. There are: amqp://…, kafka://…, nats://…, "
            "redis://…, sqs:URL.",
        ),
        (
            ["amqp:queue"],
            "EVENT_SOURCES names 'amqp:queue', whose source 'amqp' is unknown. There are: amqp://…, kafka://…, "
            "nats://…, redis://…, sqs:URL.",
        ),
        (
            ["mqtt://ann:secret@host"],
            "EVENT_SOURCES names 'mqtt://…@host', whose source 'mqtt' is unknown. There are: amqp://…, kafka://…, "
            "nats://…, redis://…, sqs:URL.",
        ),
        (
            ["memory", "memory"],
            "EVENT_SOURCES names the source 'memory' twice. Name it once, or put another name before one of them, as "
            "in payments=amqp://…",
        ),
        (["A=memory"], "EVENT_SOURCES has the name 'A'. A name has up to 40 small letters, digits, - and _."),
    ],
)
def test_refuses_what_cannot_be_read(settings, sources, told):
    settings.EVENT_SOURCES = sources

    (error,) = check_sources(None)
    assert (error.id, error.msg) == ("events.E003", told)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("amqp://host/", "it names no queue, as in ?queue=orders-in"),
        ("redis://host/0", "it names no stream, as in ?stream=orders-in"),
        ("redis://host/0?stream=x&streams=0", "streams is '0'; expected a whole number, 1 or more"),
        ("redis://host/0?stream=x&maxlen=5", "maxlen is no option; there are: field, group, stream, streams"),
        ("nats://host?subject=x", "it names no stream, as in ?stream=customers"),
        ("kafka://host:9092", "it names no topic, as in ?topic=customers"),
        ("kafka://ann:pw@host:9092?topic=x", "a user needs a password and a mechanism"),
        ("kafka://host:9092?topic=x&type=y", "type is no option; there are: cafile, group, mechanism, security, topic"),
        ("sqs:orders-in", "'orders-in' is not the URL of a queue"),
    ],
)
def test_refuses_an_address_that_cannot_be_right(settings, address, why):
    settings.EVENT_SOURCES = [f"one={address}"]

    (error,) = check_sources(None)
    assert error.id == "events.E004"
    assert f"The address of the source 'one' in EVENT_SOURCES cannot be right: {why}" in error.msg


def test_several_of_a_kind_have_names(settings):
    settings.EVENT_SOURCES = ["memory", "other=memory"]

    assert enabled_sources() == ["memory", "other"]
    assert isinstance(build_source("other"), MemorySource)
    assert check_sources(None) == []


def test_without_any_nothing_is_wrong(settings):
    settings.EVENT_SOURCES = []

    assert (enabled_sources(), check_sources(None)) == ([], [])


def test_a_type_has_one_handler(register):
    register("thing.changed", print)

    with pytest.raises(ValueError, match=r"thing\.changed is handled by print already"):
        handles("thing.changed")(repr)  # type: ignore[arg-type]
