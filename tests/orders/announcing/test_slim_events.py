"""An event that is too large for its sink goes with a link in the place of the order."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from events.models import OutboxEntry
from events.relay import Relay
from events.schemas import schema_for
from events.sinks.filtered import FilteredSink
from events.sinks.memory import MemorySink
from events.sinks.protocol import Ack, Outcome, OutgoingEvent, Reject
from tests.orders.asking import done


@pytest.fixture
def sink(settings: Any) -> MemorySink:
    settings.EVENT_SINKS = ["memory"]
    return MemorySink()


@pytest.fixture
def brought(sink: MemorySink) -> Any:
    """Relay what waits, and return the envelopes that have arrived."""

    def relay() -> list[dict[str, Any]]:
        Relay("memory", sink).drain()
        return [orjson.loads(event.body) for event in sink.received]

    return relay


def test_the_order_stays_where_there_is_room(sink, brought, place_order):
    sink.most_bytes = 100_000
    order_id = place_order(cup=1)["id"]

    (event,) = brought()

    assert event["data"]["order"]["id"] == order_id
    assert "order_url" not in event["data"]


def test_a_link_stands_in_its_place_where_there_is_none(api, sink, brought, place_order):
    sink.most_bytes = 1_000
    order_id = place_order(cup=1)["id"]
    done(api, order_id, "confirm")

    placed, confirmed = brought()

    assert "order" not in placed["data"]
    assert (placed["id"] != confirmed["id"], confirmed["subject"], confirmed["type"]) == (
        True,
        order_id,
        "order.updated",
    )
    assert confirmed["data"] == {
        "version": 2,
        "operation": "confirm",
        "changes": {**confirmed["data"]["changes"], "status": ["pending", "confirmed"]},
        "instructions": [],
        "order_url": f"/api/v1/orders/{order_id}?version=2",
    }
    # It leads to the order as it was then.
    done(api, order_id, "cancel")
    read = api.get(confirmed["data"]["order_url"]).json()
    assert (read["version"], read["status"]) == (2, "confirmed")


def test_it_is_as_its_schema_says(api, sink, brought, place_order):
    sink.most_bytes = 1_000
    order_id = place_order(cup=1)["id"]
    done(api, order_id, "confirm")
    api.delete(f"/api/v1/orders/{place_order(cup=1)['id']}")

    slim = brought()

    assert {event["type"] for event in slim} == {"order.created", "order.updated", "order.deleted"}
    for event in slim:
        Draft202012Validator(schema_for(event["type"])).validate(event["data"])
        neither = {name: value for name, value in event["data"].items() if name != "order_url"}
        assert not Draft202012Validator(schema_for(event["type"])).is_valid(neither)


def test_the_log_and_the_feed_keep_it_whole(api, sink, brought, place_order):
    sink.most_bytes = 1_000
    order_id = place_order(cup=1)["id"]
    brought()

    (event,) = api.get("/api/v1/events").json()["results"]

    assert event["data"]["order"]["id"] == order_id


def test_what_is_too_large_even_then_is_parked(sink, brought, place_order):
    sink.most_bytes = 100

    def refuse(event: OutgoingEvent) -> Outcome:
        return Reject("too large") if len(event.body) > 100 else Ack()

    sink.answer = refuse
    place_order(cup=1)

    assert brought() == []
    assert OutboxEntry.objects.parked().count() == 1


def test_a_sink_that_gets_some_events_only_takes_as_much(sink):
    sink.most_bytes = 1_000

    assert FilteredSink(sink, types=frozenset({"order.created"}), storefronts=frozenset()).most_bytes == 1_000
