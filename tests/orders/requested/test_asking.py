"""`POST /api/v1/orders` with `Prefer: respond-async`: taken in, and placed later under the id that was told."""

from __future__ import annotations

from typing import Any

import pytest

from events.models import Event
from inventory_client.models import Stock
from orders.models import IdempotentAnswer, Order, RequestedOrder
from orders.rules.ids import time_of
from orders.rules.scopes import Scope
from tests.orders.asking import read

JSON = "application/json"
ORDERS = "/api/v1/orders"
ONE: dict[str, Any] = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 2}]}


def test_it_is_answered_before_it_is_placed_and_placed_under_the_id_of_the_answer(
    api, ask_for, stock, place_all, nothing_is_wrong
):
    stock(cup=10)

    taken = ask_for(cup=2, note="Ring twice")

    told = taken.json()
    assert (taken.status_code, told["status"]) == (202, "requested")
    assert taken.headers["Location"] == told["status_url"] == f"{ORDERS}/{told['id']}"
    assert (taken.headers["Preference-Applied"], taken.headers["Retry-After"]) == ("respond-async", "1")
    assert "ETag" not in taken.headers
    assert (Order.objects.count(), Stock.objects.get().reserved, Event.objects.count()) == (0, 0, 0)
    waiting = api.get(told["status_url"])
    assert (waiting.status_code, waiting.headers["Retry-After"], waiting.headers["Cache-Control"]) == (
        200,
        "1",
        "no-store",
    )
    assert waiting.json() == {
        "id": told["id"],
        "storefront": "au",
        "status": "requested",
        "customer_id": "cus123",
        "external_reference": None,
        "requested_at": told["requested_at"],
        "rejected_at": None,
        "problem": None,
        "status_url": told["status_url"],
    }

    assert place_all() == (1, 0, 0)

    order = read(api, told["id"])
    assert (order["id"], order["version"], order["status"], order["note"]) == (told["id"], 1, "pending", "Ring twice")
    assert order["number"].startswith("AU-")
    assert order["placed_at"] == told["requested_at"]
    assert (Stock.objects.get().reserved, RequestedOrder.objects.count()) == (2, 0)
    assert list(Event.objects.values_list("type", "sequence")) == [("order.created", 1)]
    nothing_is_wrong()


def test_it_is_placed_as_whoever_asked(api, ask_for, stock, place_all):
    stock(cup=10)
    taken = api.post(
        f"{ORDERS}?reason=a+gift",
        ONE,
        content_type=JSON,
        headers={"Prefer": "respond-async", "X-Request-ID": "ask-1"},
    )

    place_all()

    event = Event.objects.with_reasons().get(stream_id=taken.json()["id"])
    assert event.actor.startswith("key:")
    assert (event.told_reason, event.request_id) == ("a gift", "ask-1")


def test_stock_is_promised_from_when_it_is_held(ask_for, stock, place_all, settings):
    settings.RESERVATION_MINUTES = 30
    stock(cup=10)
    order_id = ask_for(cup=1).json()["id"]

    place_all()

    order = Order.objects.get(pk=order_id)
    assert order.placed_at == time_of(order.pk) < order.updated_at
    assert (order.reserved_until - order.updated_at).total_seconds() == 30 * 60


def test_what_is_refused_is_told_where_the_order_would_be(api, ask_for, stock, place_all, nothing_is_wrong):
    stock(cup=1)
    told = ask_for(cup=2).json()
    refused_at_once = api.post(ORDERS, ONE, content_type=JSON).json()

    assert place_all() == (0, 1, 0)

    rejected = api.get(told["status_url"])
    assert (rejected.status_code, "Retry-After" in rejected.headers) == (200, False)
    document = rejected.json()
    assert (document["status"], document["rejected_at"] is not None) == ("rejected", True)
    different = {"instance", "request_id"}
    assert {name: value for name, value in document["problem"].items() if name not in different} == {
        name: value for name, value in refused_at_once.items() if name not in different
    }
    assert document["problem"]["code"] == "out_of_stock"
    assert document["problem"]["products"] == [{"product_id": "cup", "requested": 2, "available": 1}]
    (event,) = Event.objects.all()
    assert (event.type, event.sequence, str(event.stream_id)) == ("order.rejected", 1, told["id"])
    assert event.data["rejection"]["code"] == "out_of_stock"
    assert (Order.objects.count(), Stock.objects.get().reserved) == (0, 0)
    assert RequestedOrder.objects.get().order is None
    nothing_is_wrong()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**ONE, "items": []}, "validation_error"),
        ({**ONE, "colour": "red"}, "validation_error"),
        ({**ONE, "items_amount": 5, "total_amount": 6}, "totals_mismatch"),
        ({**ONE, "currency": "XXX"}, "validation_error"),
    ],
)
def test_what_is_no_order_is_refused_at_once_as_ever(api, body, code):
    at_once = api.post(ORDERS, body, content_type=JSON)

    answer = api.post(ORDERS, body, content_type=JSON, headers={"Prefer": "respond-async"})

    assert (answer.status_code, answer.json()["code"]) == (at_once.status_code, code)
    assert answer.json()["errors"] == at_once.json()["errors"]
    assert RequestedOrder.objects.count() == 0


def test_amounts_without_a_currency_are_refused_at_once(api, storefront):
    storefront.currency = ""
    storefront.save()

    answer = api.post(ORDERS, {**ONE, "total_amount": 5}, content_type=JSON, headers={"Prefer": "respond-async"})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/currency")
    assert RequestedOrder.objects.count() == 0


# --- repeats -----------------------------------------------------------------------------------------


def test_a_repeat_gets_the_same_answer_before_and_after_it_is_placed(ask_for, stock, place_all):
    stock(cup=10)
    first = ask_for(cup=1, key="k")

    before = ask_for(cup=1, key="k")
    place_all()
    after = ask_for(cup=1, key="k")

    assert (before.status_code, after.status_code) == (202, 202)
    assert first.content == before.content == after.content
    assert [answer.headers.get("Idempotent-Replayed") for answer in (first, before, after)] == [None, "true", "true"]
    assert after.headers["Location"] == first.headers["Location"]
    assert (Order.objects.count(), RequestedOrder.objects.count()) == (1, 0)


def test_asked_for_later_and_then_at_once_is_one_order(ask_for, stock, place_all):
    stock(cup=10)
    first = ask_for(cup=1, key="k")

    at_once = ask_for(cup=1, key="k", prefer="")
    place_all()

    assert (at_once.status_code, at_once.content) == (202, first.content)
    assert at_once.headers["Idempotent-Replayed"] == "true"
    assert [str(pk) for pk in Order.objects.values_list("pk", flat=True)] == [first.json()["id"]]
    assert Stock.objects.get().reserved == 1


def test_placed_at_once_and_then_asked_for_later_is_one_order(ask_for, stock, place_all):
    stock(cup=10)
    first = ask_for(cup=1, key="k", prefer="")

    later = ask_for(cup=1, key="k")

    assert place_all() == (0, 0, 0)
    assert (later.status_code, later.content) == (201, first.content)
    assert (later.headers["Idempotent-Replayed"], later.headers["ETag"]) == ("true", '"1"')
    assert Order.objects.count() == 1


@pytest.mark.parametrize(("first", "second"), [("respond-async", ""), ("", "respond-async"), ("respond-async",) * 2])
def test_a_key_stands_for_one_body(ask_for, stock, first, second):
    stock(cup=10)
    ask_for(cup=1, key="k", prefer=first)

    other = ask_for(cup=2, key="k", prefer=second)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Order.objects.count() + RequestedOrder.objects.count() == 1


def test_the_answer_to_a_refused_order_stays_and_another_key_tries_anew(ask_for, stock, place_all, api):
    stock(cup=0)
    first = ask_for(cup=1, key="k")
    place_all()
    stock(cup=5)

    again, anew = ask_for(cup=1, key="k"), ask_for(cup=1, key="k2")
    place_all()

    assert again.content == first.content
    assert read(api, first.json()["id"])["status"] == "rejected"
    assert read(api, anew.json()["id"])["status"] == "pending"


def test_an_external_reference_is_of_one_order(api, stock, place_all):
    stock(cup=10)
    asked = {**ONE, "external_reference": "shop-1"}
    first, second = (
        api.post(ORDERS, asked, content_type=JSON, headers={"Prefer": "respond-async"}).json() for _ in range(2)
    )

    assert place_all() == (1, 1, 0)

    assert read(api, first["id"])["external_reference"] == "shop-1"
    problem = read(api, second["id"])["problem"]
    assert (problem["code"], problem["status"], problem["errors"][0]["pointer"]) == (
        "duplicate_reference",
        409,
        "/external_reference",
    )
    assert Stock.objects.get().reserved == 2


# --- who, and how it is preferred -------------------------------------------------------------------


def test_another_storefront_sees_nothing_of_it(ask_for, client_of, other_storefront, stock, place_all):
    stock(cup=0)
    told = ask_for(cup=1).json()
    stranger = client_of(other_storefront)

    waiting = stranger.get(told["status_url"])
    place_all()
    rejected = stranger.get(told["status_url"])

    assert (waiting.status_code, rejected.status_code) == (404, 404)
    assert stranger.get(f"{ORDERS}/requested").json()["results"] == []


def test_scopes_are_as_for_orders(client_of, storefront, stock, place_all):
    stock(cup=10)
    writer, reader = client_of(storefront, Scope.ORDERS_WRITE), client_of(storefront, Scope.ORDERS_READ)
    async_ = {"Prefer": "respond-async", "Idempotency-Key": "k"}

    taken = writer.post(ORDERS, ONE, content_type=JSON, headers=async_)
    url = taken.json()["status_url"]

    assert taken.status_code == 202
    assert writer.post(ORDERS, ONE, content_type=JSON, headers=async_).content == taken.content
    assert reader.post(ORDERS, ONE, content_type=JSON, headers=async_).status_code == 403
    assert (writer.get(url).status_code, reader.get(url).status_code) == (403, 200)
    assert (writer.get(f"{ORDERS}/requested").status_code, reader.get(f"{ORDERS}/requested").status_code) == (403, 200)
    place_all()
    assert reader.get(url).json()["masked"] == ["contact", "shipping_address", "billing_address", "note"]


def test_a_batch_is_taken_in_with_a_result_for_each(api, stock, place_all, nothing_is_wrong):
    stock(cup=5)
    body = {"orders": [ONE, {**ONE, "items": []}, {**ONE, "customer_id": "cus9"}, ONE]}
    headers = {"Prefer": "respond-async", "Idempotency-Key": "k"}

    taken = api.post(f"{ORDERS}/batch", body, content_type=JSON, headers=headers)
    again = api.post(f"{ORDERS}/batch", body, content_type=JSON, headers={"Idempotency-Key": "k"})

    assert (taken.status_code, taken.headers["Preference-Applied"]) == (202, "respond-async")
    assert (again.status_code, again.content, again.headers["Idempotent-Replayed"]) == (202, taken.content, "true")
    results = taken.json()["results"]
    assert [result["status"] for result in results] == [202, 400, 202, 202]
    assert results[1]["error"]["errors"][0]["pointer"] == "/orders/1/items"
    assert place_all() == (2, 1, 0)
    assert sorted(read(api, results[number]["request"]["id"])["status"] for number in (0, 2, 3)) == [
        "pending",
        "pending",
        "rejected",
    ]
    nothing_is_wrong()


def test_of_a_batch_only_the_orders_whose_amounts_have_a_currency_are_taken_in(api, storefront, stock, place_all):
    stock(cup=10)
    storefront.currency = ""
    storefront.save()
    body = {"orders": [{**ONE, "total_amount": 5}, {**ONE, "total_amount": 5, "currency": "EUR"}]}

    taken = api.post(f"{ORDERS}/batch", body, content_type=JSON, headers={"Prefer": "respond-async"})

    assert taken.status_code == 202
    without, with_one = taken.json()["results"]
    assert (without["status"], without["error"]["code"]) == (400, "validation_error")
    assert without["error"]["errors"][0]["pointer"] == "/orders/0/currency"
    assert "need a currency" in without["error"]["detail"]
    assert (with_one["status"], place_all()) == (202, (1, 0, 0))
    assert read(api, with_one["request"]["id"])["currency"] == "EUR"


def test_a_batch_in_which_nothing_is_an_order_leaves_nothing_behind(api):
    headers = {"Prefer": "respond-async", "Idempotency-Key": "k"}

    answer = api.post(f"{ORDERS}/batch", {"orders": [{}]}, content_type=JSON, headers=headers)

    assert [result["status"] for result in answer.json()["results"]] == [400]
    assert (RequestedOrder.objects.count(), IdempotentAnswer.objects.count()) == (0, 0)


def test_the_first_version_does_not_offer_it(api, stock):
    stock(cup=10)
    body = {"customerId": "cus123", "items": [{"productId": "cup", "quantity": 1}]}

    answer = api.post("/order/create", body, content_type=JSON, headers={"Prefer": "respond-async"})

    assert answer.status_code == 400
    assert b"respond-async" in answer.content
    assert (Order.objects.count(), RequestedOrder.objects.count()) == (0, 0)


def test_it_cannot_be_rehearsed(api):
    answer = api.post(ORDERS, ONE, content_type=JSON, headers={"Prefer": "respond-async, dry-run"})

    assert (answer.status_code, answer.json()["code"]) == (400, "preference_not_supported")
    assert RequestedOrder.objects.count() == 0


@pytest.mark.parametrize("text", ["respond-async", "Respond-Async, wait=10", 'return=minimal, respond-async=""'])
def test_the_preference_is_read_as_the_standard_writes_it(ask_for, text):
    assert ask_for(cup=1, prefer=text).status_code == 202


@pytest.mark.parametrize("text", ["respond-async=no", "respond-asynchronously", "wait=10; respond-async"])
def test_what_is_another_preference_places_at_once(ask_for, stock, text):
    stock(cup=10)

    assert ask_for(cup=1, prefer=text).status_code == 201


def test_no_key_leaves_no_answer_behind(ask_for):
    assert ask_for(cup=1).content != ask_for(cup=1).content
    assert (RequestedOrder.objects.count(), IdempotentAnswer.objects.count()) == (2, 0)


# --- the list ----------------------------------------------------------------------------------------


def test_what_waits_and_what_was_rejected_is_listed(api, ask_for, stock, place_all):
    stock(cup=0)
    ids = [ask_for(cup=1).json()["id"] for _ in range(3)]
    place_all()
    ids += [ask_for(cup=1).json()["id"]]

    page = api.get(f"{ORDERS}/requested?limit=3").json()
    rest = api.get(f"{ORDERS}/requested?before={page['next_before']}").json()
    rejected = api.get(f"{ORDERS}/requested?status=rejected&customer_id=cus123").json()

    assert [told["id"] for told in page["results"]] == ids[:0:-1]
    assert ([told["id"] for told in rest["results"]], rest["next_before"]) == (ids[:1], None)
    assert [told["id"] for told in rejected["results"]] == ids[2::-1]
    assert rejected["results"][0]["problem"]["code"] == "out_of_stock"
    assert api.get(f"{ORDERS}/requested?customer_id=other").json()["results"] == []


@pytest.mark.parametrize("query", ["status=placed", "state=rejected", "before=x", "customer_id=", "limit=0"])
def test_a_filter_that_is_none_is_refused(api, query):
    answer = api.get(f"{ORDERS}/requested?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")


# --- whoever follows the events ----------------------------------------------------------------------


def test_orders_are_rebuilt_from_the_feed_although_some_were_rejected(api, ask_for, stock, place_all):
    stock(cup=2)
    placed, refused, also_placed = (ask_for(cup=units).json()["id"] for units in (1, 5, 1))
    place_all()
    api.post(f"{ORDERS}/{placed}/confirm", content_type=JSON)

    page = api.get("/api/v1/events").json()
    rebuilt = {event["subject"]: event["data"]["order"] for event in page["results"] if "order" in event["data"]}
    rejected = {event["subject"]: event["data"] for event in page["results"] if event["type"] == "order.rejected"}

    listed = {order["id"]: order["version"] for order in api.get(ORDERS).json()["results"]}
    assert {order_id: order["version"] for order_id, order in rebuilt.items()} == listed == {placed: 2, also_placed: 1}
    assert rejected.keys() == {refused}
    assert rejected[refused]["request"] == {
        "id": refused,
        "storefront": "au",
        "customer_id": "cus123",
        "external_reference": None,
    }
    assert [told["type"] for told in api.get("/api/v1/events?types=order.rejected").json()["results"]] == [
        "order.rejected"
    ]


@pytest.mark.parametrize(("times", "status", "kept"), [(1, 202, 1), (2, 503, 0)])
def test_an_old_answer_that_is_forgotten_meanwhile_makes_no_promise_that_is_not_kept(
    ask_for, answers_in_the_way, times, status, kept
):
    with answers_in_the_way(times):
        answer = ask_for(cup=1, key="k")

    assert (answer.status_code, RequestedOrder.objects.count(), IdempotentAnswer.objects.count()) == (
        status,
        kept,
        kept,
    )
