"""The timeline of an order: who did what, when, why and in which request; never whom it is about."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from events.models import Event
from orders.models import Order
from tests.base import perform
from tests.orders.asking import ask, done, read, sell
from tests.orders.refusals import assert_refused

PERSON = {
    "contact": {"email": "zoe.q@example.com", "phone": "+61 2 5550 1234"},
    "shipping_address": {
        "name": "Zoë Quill",
        "line1": "17 Wattle Lane",
        "line2": "Flat 9",
        "city": "Dubbo",
        "region": "New South Wales",
        "postal_code": "NSW 2830",
        "country": "AU",
    },
    "billing_address": {"name": "Quill Pottery", "line1": "PO Box 4711", "country": "AU"},
    "note": "ring twice, the dog bites",
}
# No bare digits: a random id on the page may hold any four of them.
TOLD_OF_THE_PERSON = [
    "zoe.q",
    "example.com",
    "2 5550",
    "Quill",
    "Wattle",
    "Flat 9",
    "Dubbo",
    "Wales",
    "NSW 2830",
    "Box 4711",
    "ring twice",
]


def timeline(api, order_id, query=""):
    response = api.get(f"/api/v1/orders/{order_id}/timeline{query}")
    assert response.status_code == 200, response.content
    return response.json()


def test_it_tells_who_did_what_when_why_and_in_which_request(api, storefront):
    placed = sell(api)
    response = ask(api, placed["id"], "confirm", reason="paid by phone")

    page = timeline(api, placed["id"])

    assert page.keys() == {"results", "next_before"}
    confirmed, created = page["results"]
    assert confirmed == {
        "event_id": confirmed["event_id"],
        "version": 2,
        "type": "order.updated",
        "operation": "confirm",
        "occurred_at": response.json()["updated_at"],
        "actor": confirmed["actor"],
        "reason": "paid by phone",
        "cause": None,
        "request_id": response.headers["X-Request-ID"],
        "changes": {"status": {"before": "pending", "after": "confirmed"}},
        "instructions": [],
    }
    assert confirmed["actor"].startswith("key:")
    assert (created["version"], created["type"], created["operation"]) == (1, "order.created", "place")
    assert (created["occurred_at"], created["reason"], created["changes"]) == (placed["placed_at"], "", {})
    assert page["next_before"] is None


def test_every_operation_of_a_life_stands_there_once(api, storefront):
    order_id = sell(api)["id"]
    earlier: list[tuple[str, dict[str, Any]]] = [
        ("hold", {"kind": "address"}),
        ("release_hold", {}),
        ("record_payment", {"kind": "capture", "amount": 3000, "psp_reference": "pi_1"}),
        ("confirm", {}),
        ("pack", {}),
        ("ship", {}),
        ("deliver", {}),
        ("complete", {}),
        ("request_return", {"cause": "unwanted"}),
        ("approve_return", {}),
        ("receive_return", {}),
        ("request_refund", {}),
    ]
    for name, asked in earlier:
        done(api, order_id, name, **asked)
    api.delete(f"/api/v1/orders/{order_id}?reason=test")
    done(api, order_id, "restore", reason="no test")

    results = timeline(api, order_id)["results"]

    told = [(entry["version"], entry["operation"]) for entry in reversed(results)]
    names = ["place", *(name for name, _ in earlier), "delete", "restore"]
    assert told == list(enumerate(names, start=1))
    deleted, restored = results[1], results[0]
    assert (deleted["type"], deleted["reason"]) == ("order.deleted", "test")
    assert deleted["changes"] == {"deleted": {"before": False, "after": True}}
    assert (restored["type"], restored["reason"]) == ("order.restored", "no test")
    assert restored["changes"] == {"deleted": {"before": True, "after": False}}


def test_what_was_to_be_done_stands_there_too(api, storefront):
    order_id = sell(api)["id"]
    done(api, order_id, "record_payment", kind="capture", amount=3000, psp_reference="pi_1")
    done(api, order_id, "cancel")

    (instruction,) = timeline(api, order_id)["results"][0]["instructions"]

    assert (instruction["kind"], instruction["amount"]) == ("refund", 3000)


def test_nothing_in_it_tells_of_the_person(api, storefront):
    order_id = sell(api, **PERSON)["id"]
    order = api.get(f"/api/v1/orders/{order_id}").content.decode()
    assert [text for text in TOLD_OF_THE_PERSON if text not in order] == []
    other = json.loads(json.dumps(PERSON).replace("Wattle", "Mulga"))
    for change in ({"note": "Mulga"}, {"contact": {"email": "mulga@example.com"}}, other):
        response = api.patch(f"/api/v1/orders/{order_id}", change, content_type="application/json")
        assert response.status_code == 200
    for name, asked in (("confirm", {}), ("ship", {"tracking_number": "1"}), ("request_return", {"cause": "other"})):
        done(api, order_id, name, **asked)

    pages = [
        api.get(f"/api/v1/orders/{order_id}/timeline").content.decode(),
        *(api.get(f"/api/v1/orders/{order_id}?version={version}").content.decode() for version in range(1, 8)),
    ]

    for page in pages:
        assert [text for text in [*TOLD_OF_THE_PERSON, "Mulga", "mulga"] if text in page] == []
    entries = timeline(api, order_id)["results"]
    assert entries[4]["changes"] == {"contact": {"before": None, "after": None}}
    assert entries[3]["changes"].keys() == {"contact", "shipping_address", "note"}


def test_it_is_read_page_by_page(api, place_order):
    order_id = place_order(cup=1)["id"]
    for number in range(5):
        perform("track", order_id, tracking_number=str(number))

    first = timeline(api, order_id, "?limit=3")
    second = timeline(api, order_id, f"?limit=3&before={first['next_before']}")
    beyond = timeline(api, order_id, "?before=1")

    assert [entry["version"] for entry in first["results"]] == [6, 5, 4]
    assert first["next_before"] == 4
    assert [entry["version"] for entry in second["results"]] == [3, 2, 1]
    assert second["next_before"] is None
    assert beyond == {"results": [], "next_before": None}


@pytest.mark.parametrize("name", ["limit", "before"])
def test_a_page_that_cannot_be_is_refused(api, place_order, name):
    order_id = place_order(cup=1)["id"]

    for value in ("0", "-1", "x", "", "1.5", "+1", "%D9%A3", "99999999999", "2147483648", "%00"):
        response = api.get(f"/api/v1/orders/{order_id}/timeline?{name}={value}")

        problem = assert_refused(response, 400, "validation_error")
        assert (problem["errors"][0]["pointer"], value) == (name, value)


def test_a_page_has_at_most_a_hundred_entries(api, place_order):
    order_id = place_order(cup=1)["id"]

    assert_refused(api.get(f"/api/v1/orders/{order_id}/timeline?limit=101"), 400, "validation_error")
    assert len(timeline(api, order_id, "?limit=100")["results"]) == 1


def test_a_page_ends_before_its_events_have_more_than_4_megabytes(api):
    order_id = sell(api, *({"product_id": "cup", "quantity": 1, "name": "漢" * 300} for _ in range(500)))["id"]
    for number in range(9):
        perform("track", order_id, tracking_number=str(number))

    pages = [timeline(api, order_id)]
    while pages[-1]["next_before"] is not None:
        pages.append(timeline(api, order_id, f"?before={pages[-1]['next_before']}"))

    # Each event has the order with 500 names of 900 bytes.
    assert [[entry["version"] for entry in page["results"]] for page in pages] == [[10, 9, 8, 7, 6, 5, 4], [3, 2, 1]]


def test_an_event_larger_than_a_page_may_be_is_a_page_of_its_own(api):
    order_id = sell(api)["id"]
    Event.objects.bulk_create(
        Event(
            id=uuid4(),
            storefront_id=Order.objects.get().storefront_id,
            stream_id=order_id,
            sequence=sequence,
            type="order.updated",
            occurred_at=timezone.now(),
            data={"operation": "track", "changes": {}, "order": {"note": "x" * 5_000_000}},
        )
        for sequence in (2, 3)
    )

    page = timeline(api, order_id)

    assert ([entry["version"] for entry in page["results"]], page["next_before"]) == ([3], 3)
    assert [entry["version"] for entry in timeline(api, order_id, "?before=3")["results"]] == [2]


def test_a_change_that_was_none_does_not_stand_there(api, place_order):
    order_id = place_order(cup=1)["id"]

    api.patch(f"/api/v1/orders/{order_id}", {"note": ""}, content_type="application/json")
    ask(api, order_id, "ship")
    ask(api, order_id, "confirm", {"Prefer": "dry-run"})

    assert [entry["operation"] for entry in timeline(api, order_id)["results"]] == ["place"]


def test_a_deleted_order_has_none_to_be_seen(api, place_order):
    order_id = place_order(cup=1)["id"]
    api.delete(f"/api/v1/orders/{order_id}")

    assert_refused(api.get(f"/api/v1/orders/{order_id}/timeline"), 404, "order_not_found")


def test_it_is_not_written_to(api, place_order):
    placed = place_order(cup=1)

    assert_refused(api.post(f"/api/v1/orders/{placed['id']}/timeline"), 405, "method_not_allowed")
    assert read(api, placed["id"]) == placed
