"""`GET /api/v1/events`: every event of a storefront, in committed order, without a gap."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events.feed.cursors import Cursor
from events.models import FeedArrival, FeedHead
from orders.announcing.payloads import PERSONAL_FIELDS
from orders.api.operations import POSTED
from orders.rules.scopes import Scope
from tests.base import make_ready
from tests.orders.asking import ask, done, read, sell
from tests.orders.examples import EXAMPLES
from tests.orders.refusals import assert_refused

EVENTS = "/api/v1/events"


def followed(api: Client, address: str = EVENTS) -> tuple[list[dict[str, Any]], str]:
    """All events from the address on, page after page, and where to go on."""
    events = []
    while True:
        page = api.get(address).json()
        events += page["results"]
        address = page["next"]
        if not page["has_more"]:
            return events, address


def cursor_in(address: str) -> str:
    return parse_qs(urlsplit(address).query)["after"][0]


def told(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["subject"], event["data"]["operation"]) for event in events]


def test_tells_every_event_in_the_order_in_which_they_were_committed(api, place_order):
    first, second = place_order(cup=1)["id"], place_order(cup=1)["id"]
    done(api, second, "confirm")
    done(api, first, "cancel")

    page = api.get(EVENTS).json()

    assert list(page) == ["next", "has_more", "results"]
    assert told(page["results"]) == [(first, "place"), (second, "place"), (second, "confirm"), (first, "cancel")]
    assert page["has_more"] is False
    event = page["results"][2]
    assert (event["specversion"], event["type"], event["sequence"]) == ("1.0", "order.updated", "0000000002")
    assert (event["source"], event["data"]["changes"]["status"]) == ("/storefronts/au", ["pending", "confirmed"])


def test_goes_on_behind_what_was_read(api, place_order):
    place_order(cup=1)
    following = api.get(EVENTS).json()["next"]
    assert api.get(following).json() == {"next": following, "has_more": False, "results": []}

    second = place_order(cup=1)["id"]

    assert told(api.get(following).json()["results"]) == [(second, "place")]


def test_a_page_has_as_many_as_were_asked_for(api, place_order):
    orders = [place_order(cup=1)["id"] for _ in range(5)]

    page = api.get(f"{EVENTS}?limit=2").json()

    assert told(page["results"]) == [(order, "place") for order in orders[:2]]
    assert page["has_more"] is True
    assert told(followed(api, page["next"])[0]) == [(order, "place") for order in orders[2:]]


def test_some_types_only(api, place_order):
    kept, deleted = place_order(cup=1)["id"], place_order(cup=1)["id"]
    api.delete(f"/api/v1/orders/{deleted}")
    done(api, kept, "confirm")

    events, following = followed(api, f"{EVENTS}?types=order.deleted&types=order.updated&limit=1")

    assert told(events) == [(deleted, "delete"), (kept, "confirm")]
    assert cursor_in(api.get(f"{EVENTS}?types=order.restored").json()["next"]) == cursor_in(following)


def test_every_order_can_be_rebuilt_from_the_feed_alone(api, storefront, place_order):
    """Whatever was done to it: the last event that tells of it has the order as it is."""
    storefront.refund_approval_above = 0
    storefront.save()
    for operation in POSTED:
        order_id = sell(api)["id"]
        make_ready(operation, order_id)
        body = EXAMPLES[operation].body
        reference = {"psp_reference": f"cap-{operation}"} if "psp_reference" in body else {}
        assert ask(api, order_id, operation, **{**body, **reference}).status_code == 200
    deleted = place_order(cup=1)["id"]
    api.delete(f"/api/v1/orders/{deleted}")

    rebuilt: dict[str, dict[str, Any]] = {}
    for event in followed(api, f"{EVENTS}?limit=7")[0]:
        known = rebuilt.get(event["subject"], {"version": 0})
        assert event["data"]["version"] == known["version"] + 1
        rebuilt[event["subject"]] = event["data"]["order"]
        if event["type"] == "order.deleted":
            # It stays known: it may be restored.
            rebuilt[event["subject"]] = {"version": event["data"]["version"]}

    listed = {order["id"]: order for order in api.get("/api/v1/orders?limit=200").json()["results"]}
    assert len(listed) == len(POSTED)
    assert rebuilt == {
        deleted: {"version": 2},
        **{
            order_id: {name: value for name, value in order.items() if name not in PERSONAL_FIELDS}
            for order_id, order in listed.items()
        },
    }


def test_a_storefront_is_told_its_own_events_only(api, other_storefront, client_of, place_order):
    place_order(cup=1)

    assert api.get(EVENTS).json()["results"]
    assert client_of(other_storefront).get(EVENTS).json()["results"] == []


def test_needs_the_scope_to_read_orders(storefront, client_of, place_order):
    place_order(cup=1)
    blind = client_of(storefront, *(scope for scope in Scope if scope != Scope.ORDERS_READ))

    assert_refused(blind.get(EVENTS), 403, "missing_scope")
    assert len(client_of(storefront, Scope.ORDERS_READ).get(EVENTS).json()["results"]) == 1


def test_tells_no_more_of_an_order_than_a_key_without_customers_reads(api, storefront, client_of, stock):
    stock(cup=1)
    person = {"contact": {"email": "ada@example.com"}, "shipping_address": {"name": "Ada"}, "note": "Ring twice"}
    body = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}], **person}
    order_id = api.post("/api/v1/orders", body, content_type="application/json").json()["id"]
    api.patch(f"/api/v1/orders/{order_id}", {"note": "Ring thrice"}, content_type="application/json")
    masked = client_of(storefront, Scope.ORDERS_READ)

    answer = masked.get(EVENTS)

    assert [word for word in ("ada@", "Ada", "Ring") if word in answer.content.decode()] == []
    order = read(masked, order_id)
    last = answer.json()["results"][-1]["data"]["order"]
    assert last == {name: order[name] for name in order if name not in (*PERSONAL_FIELDS, "masked")}


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("after=17", "after", "invalid_cursor"),
        ("after=", "after", "invalid_cursor"),
        ("after=x&after=y", "after", "doubled_parameter"),
        ("limit=0", "limit", "out_of_range"),
        ("limit=1001", "limit", "out_of_range"),
        ("wait=31", "wait", "out_of_range"),
        ("wait=soon", "wait", "out_of_range"),
        ("types=order.eaten", "types", "not_a_choice"),
        ("types=", "types", "not_a_choice"),
        ("type=order.created", "type", "unknown_parameter"),
        ("cursor=x", "cursor", "unknown_parameter"),
    ],
)
def test_refuses_what_it_does_not_know(api, query, pointer, code):
    response = api.get(f"{EVENTS}?{query}")

    assert_refused(response, 400, "validation_error")
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [(pointer, code)]


def test_refuses_the_cursor_of_another_storefront(api, other_storefront):
    response = api.get(f"{EVENTS}?after={Cursor(other_storefront.pk, 0)}")

    assert_refused(response, 400, "validation_error")
    assert response.json()["errors"][0]["code"] == "invalid_cursor"


def test_refuses_a_cursor_that_is_ahead_of_the_feed(api, storefront, place_order):
    """As after the database came from a backup: what is told from now on would be passed over."""
    place_order(cup=1)

    response = api.get(f"{EVENTS}?after={Cursor(storefront.pk, 2)}")

    assert_refused(response, 400, "validation_error")
    assert response.json()["errors"][0]["code"] == "cursor_ahead"


def test_costs_two_statements_however_much_there_is(api, place_order):
    for _ in range(3):
        place_order(cup=1)
    api.get(EVENTS)  # so that the key is known
    costs = []

    for address in (EVENTS, f"{EVENTS}?limit=1&types=order.created"):
        place_order(cup=1)
        with CaptureQueriesContext(connection) as captured:
            api.get(address)
        costs.append([query["sql"].split()[0] for query in captured])

    assert costs == [["select", "with"]] * 2  # number what has arrived, read a page


def test_what_is_numbered_is_read_from_a_database_that_takes_no_changes(api, place_order):
    first = place_order(cup=1)["id"]
    api.get(EVENTS)
    place_order(cup=1)
    with connection.cursor() as cursor:
        cursor.execute("set default_transaction_read_only = on")
        try:
            answer = api.get(EVENTS)
        finally:
            connection.close()

    assert (answer.status_code, told(answer.json()["results"])) == (200, [(first, "place")])
    assert FeedArrival.objects.count() == 1


class TestStream:
    HEADERS = {"Accept": "text/event-stream"}

    def test_is_told_each_event_with_its_cursor(self, api, place_order):
        orders = [place_order(cup=1)["id"] for _ in range(2)]

        answer = api.get(EVENTS, headers=self.HEADERS)

        assert answer.headers["Content-Type"] == "text/event-stream"
        assert [orjson.loads(frame["data"])["subject"] for frame in frames(answer)] == orders
        page = api.get(EVENTS).json()
        assert [orjson.loads(frame["data"]) for frame in frames(answer)] == page["results"]
        assert frames(answer)[-1]["id"] == cursor_in(page["next"])

    def test_goes_on_behind_the_last_event_id_whatever_the_address_says(self, api, place_order):
        orders = [place_order(cup=1)["id"] for _ in range(3)]
        first = frames(api.get(EVENTS, headers=self.HEADERS))[0]["id"]

        answer = api.get(EVENTS, headers={**self.HEADERS, "Last-Event-ID": first})
        again = api.get(f"{EVENTS}?after={first}", headers=self.HEADERS)

        assert [orjson.loads(frame["data"])["subject"] for frame in frames(answer)] == orders[1:]
        assert again.content == answer.content

    def test_is_told_how_far_it_came_where_events_were_passed_over(self, api, place_order):
        place_order(cup=1)

        answer = api.get(f"{EVENTS}?types=order.deleted", headers=self.HEADERS)

        assert frames(answer) == [{"id": cursor_in(api.get(EVENTS).json()["next"])}]

    @pytest.mark.parametrize(
        ("accept", "answered"),
        [
            ("application/json;q=0.1, text/event-stream", "text/event-stream"),
            ("application/json;q=0.5, text/event-stream;q=0.9", "text/event-stream"),
            ("text/event-stream;q=0.1, */*;q=0.2", "application/json"),
            ("text/event-stream;q=0, */*", "application/json"),
            ("text/event-stream, application/json", "application/json"),
            ("Text/Event-Stream; charset=utf-8", "text/event-stream"),
            ("text/*", "text/event-stream"),
            ("*/*", "application/json"),
            ("", "application/json"),
        ],
    )
    def test_is_for_whoever_likes_it_better_than_json(self, api, accept, answered):
        assert api.get(EVENTS, headers={"Accept": accept}).headers["Content-Type"] == answered

    @pytest.mark.parametrize("accept", ["text/event-stream;q=0", "application/*;q=0, text/html", ",", "stream"])
    def test_is_for_nobody_who_takes_neither(self, api, accept):
        assert_refused(api.get(EVENTS, headers={"Accept": accept}), 406, "not_acceptable")

    def test_begins_where_the_address_says_for_an_empty_last_event_id(self, api, place_order):
        place_order(cup=1)

        answer = api.get(EVENTS, headers={**self.HEADERS, "Last-Event-ID": ""})

        assert len(frames(answer)) == 1

    def test_is_refused_a_wrong_cursor_as_a_problem(self, api):
        response = api.get(EVENTS, headers={**self.HEADERS, "Last-Event-ID": "17"})

        assert_refused(response, 400, "validation_error")
        assert response.json()["errors"][0]["pointer"] == "Last-Event-ID"


def frames(answer: Any) -> list[dict[str, str]]:
    """The fields of each event of the stream."""
    blocks = answer.content.decode().split("\n\n")
    assert blocks.pop() == ""
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


def test_reading_makes_no_row_for_a_storefront_without_events(api):
    assert api.get(EVENTS).json()["results"] == []
    assert not FeedHead.objects.exists()
