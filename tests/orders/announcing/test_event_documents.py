"""What is written of events is true: every event is as the documents say, and every one they name is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.test import Client
from jsonschema import Draft7Validator, Draft202012Validator

from events.schemas import registered_types, schema_for
from orders.announcing.payloads import EVENT_TYPES, PERSONAL_FIELDS
from orders.api.operations import POSTED
from orders.operations import place_requested
from tests.base import make_ready
from tests.events.compatibility import narrowed
from tests.orders.asking import ask, sell
from tests.orders.examples import EXAMPLES

# As it is published, but for white space: @asyncapi/specs 6.11.1, Apache License 2.0.
OFFICIAL = Path(__file__).parents[2] / "events" / "asyncapi-3.1.0.json"
ASKED = {"customer_id": "cus123", "items": [{"product_id": "unheard-of", "quantity": 1}]}
LATER = {"Prefer": "respond-async"}
RELEASED = Path(__file__).parent / "released"


@pytest.fixture
def document() -> Any:
    answer = Client().get("/api/events/asyncapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def test_the_asyncapi_document_is_as_asyncapi_says(document):
    validator = Draft7Validator(orjson.loads(OFFICIAL.read_bytes()))

    assert [error.message for error in validator.iter_errors(document)] == []
    assert [error.json_path for error in validator.iter_errors({**document, "operations": {"x": {}}})] != []


def test_its_references_lead_somewhere(document):
    for reference in set(re.findall(r'"#/([^"]+)"', orjson.dumps(document).decode())):
        part = document
        for name in reference.split("/"):
            part = part[name]


def test_every_event_is_as_documented_and_every_documented_one_is_told(document, api, storefront, place_order):
    storefront.refund_approval_above = 0
    storefront.save()
    for operation in POSTED:
        order_id = sell(api)["id"]
        make_ready(operation, order_id)
        body = EXAMPLES[operation].body
        reference = {"psp_reference": f"cap-{operation}"} if "psp_reference" in body else {}
        assert ask(api, order_id, operation, **{**body, **reference}).status_code == 200
    api.post("/api/v1/orders", {**ASKED, "note": "n"}, content_type="application/json", headers=LATER)
    place_requested()
    events: list[dict[str, Any]] = []
    page: dict[str, Any] = {"next": "/api/v1/events", "has_more": True}
    while page["has_more"]:
        page = api.get(page["next"]).json()
        events += page["results"]

    messages = document["components"]["messages"]
    validators = {
        name: Draft202012Validator(
            {**message["payload"], "components": document["components"]},
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
        for name, message in messages.items()
    }
    wrong = [
        f"{event['type']} {event['data']['operation']} {error.json_path}: {error.message}"
        for event in events
        for error in validators[event["type"]].iter_errors(event)
    ]
    assert wrong == []
    assert {event["type"] for event in events} == set(messages) == set(EVENT_TYPES) == set(registered_types())
    # What no schema knows is a field that was forgotten there.
    schemas = document["components"]["schemas"]
    for event in events:
        assert event.keys() <= schemas["envelope"]["properties"].keys()
        assert event["data"].keys() <= schemas[event["type"]]["properties"].keys()
        if event["type"] == "order.rejected":  # it has no order
            assert not validators["order.created"].is_valid({**event, "type": "order.created"})
            continue
        order, known = event["data"]["order"].keys(), schemas[event["type"]]["properties"]["order"]["properties"].keys()
        assert known - PERSONAL_FIELDS <= order <= known
    assert not validators["order.created"].is_valid({**events[0], "data": {}})


@pytest.mark.parametrize("event_type", sorted(path.stem for path in RELEASED.glob("*.json")))
def test_a_schema_takes_all_that_the_released_one_took(event_type):
    """What is written by the last release stays valid, and no consumer of it misses anything.

    After a release `tests/orders/announcing/released` gets the schemas as they are then.
    """
    released = orjson.loads((RELEASED / f"{event_type}.json").read_bytes())

    assert list(narrowed(released, schema_for(event_type))) == []


def test_the_page_names_every_type_and_field_and_needs_no_other_host():
    answer = Client().get("/api/events/")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = answer.content.decode()
    for event_type in EVENT_TYPES:
        assert f'<h2 id="{event_type}">' in page
        assert f'href="/api/events/schemas/{event_type}.json"' in page
    for field in ("order.items[].quantity", "instructions[].payments[].psp_reference", "order_url", "partitionkey"):
        assert f"<code>{field}</code>" in page
    assert "An order has changed; <code>operation</code> tells how." in page
    assert "`" not in page
    assert re.findall(r"https?://[^\s\"<]+|<script", page) == []
    assert "style-src 'self' 'unsafe-inline'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "public, max-age=300"
