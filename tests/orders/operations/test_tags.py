"""Tags of an order: a small set of words, kept sorted."""

from __future__ import annotations

import pytest

from tests.base import perform
from tests.orders.asking import ask, event_count, last_event, read, sell
from tests.orders.refusals import assert_refused


def tag(api, order_id, *tags):
    return api.patch(f"/api/v1/orders/{order_id}", {"tags": list(tags)}, content_type="application/json")


def test_an_order_may_be_placed_with_tags(api, storefront):
    order = sell(api, tags=["vip", "gift", "vip"])

    assert order["tags"] == read(api, order["id"])["tags"] == ["gift", "vip"]


def test_tags_are_replaced_as_a_whole_and_told(api, storefront):
    placed = sell(api, tags=["vip"])

    response = tag(api, placed["id"], "late", "gift", "late")

    order = response.json()
    assert (response.status_code, response.headers["ETag"], order["tags"]) == (200, '"2"', ["gift", "late"])
    event = last_event(placed["id"])
    assert event.data["operation"] == "change_details"
    assert event.data["changes"] == {"tags": [["vip"], ["gift", "late"]]}
    assert event.data["order"]["tags"] == ["gift", "late"]


def test_all_tags_can_be_taken_away(api, storefront):
    placed = sell(api, tags=["vip"])

    assert tag(api, placed["id"]).json()["tags"] == []


@pytest.mark.parametrize("tags", [["gift", "vip"], ["vip", "gift"], ["vip", "gift", "vip"]])
def test_the_same_set_is_no_version_and_no_event(api, storefront, tags):
    placed = sell(api, tags=["gift", "vip"])

    response = tag(api, placed["id"], *tags)

    assert (response.json(), response.headers["ETag"], event_count()) == (placed, '"1"', 1)


def test_words_are_kept_as_they_are(api, storefront):
    placed = sell(api)

    assert tag(api, placed["id"], "été", "VIP", "vip", "a b", "🎁", '"', "\\", "{,}", "NULL").json()["tags"] == sorted(
        ["été", "VIP", "vip", "a b", "🎁", '"', "\\", "{,}", "NULL"]
    )
    assert read(api, placed["id"])["tags"] == sorted(["été", "VIP", "vip", "a b", "🎁", '"', "\\", "{,}", "NULL"])


@pytest.mark.parametrize("earlier", [["confirm"], ["confirm", "ship"], ["confirm", "ship", "complete"], ["cancel"]])
def test_an_order_can_be_tagged_in_every_status(api, storefront, earlier):
    placed = sell(api)
    for name in earlier:
        perform(name, placed["id"])

    assert tag(api, placed["id"], "vip").json()["tags"] == ["vip"]


def test_tags_that_cannot_be_are_refused(api, storefront):
    before = sell(api)

    for tags, pointer in (
        ([""], "/tags"),
        (["t" * 41], "/tags"),
        ([f"t{n}" for n in range(21)], "/tags"),
        (["t"] * 21, "/tags"),
        ("vip", "/tags"),
        ({"vip": True}, "/tags"),
        ([1], "/tags/0"),
        ([None], "/tags/0"),
        ([["vip"]], "/tags/0"),
        (["ok", "n\0l"], "/tags/1"),
    ):
        response = api.patch(f"/api/v1/orders/{before['id']}", {"tags": tags}, content_type="application/json")
        problem = assert_refused(response, 400, "validation_error")
        assert (problem["errors"][0]["pointer"].startswith(pointer), tags) == (True, tags)

    assert read(api, before["id"]) == before
    assert event_count() == 1


def test_several_orders_are_tagged_at_once(api, storefront):
    first, second = sell(api), sell(api, tags=["vip"])
    asked = {
        "operation": "change_details",
        "ids": [first["id"], second["id"]],
        "arguments": {"tags": ["vip"]},
    }

    response = api.post("/api/v1/orders/bulk", asked, content_type="application/json")

    results = response.json()["results"]
    assert [(result["status"], result["order"]["tags"], result["order"]["version"]) for result in results] == [
        (200, ["vip"], 2),
        (200, ["vip"], 1),
    ]


def test_a_tagged_order_can_do_all_that_others_can(api, storefront):
    placed = sell(api, tags=["vip"])

    assert ask(api, placed["id"], "confirm").json()["tags"] == ["vip"]
