"""What was asked for tells of a customer until they are erased, or it is forgotten."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from events.models import PARKED, Event
from orders.models import Order, RequestedOrder, Storefront
from orders.operations import erasing_requests
from tests.orders.asking import read
from tests.orders.operations.test_erasing import MARKERS, PERSON, erase, rows_that_tell
from tests.orders.operations.test_retention import retain
from tests.reference_customers import Customers, customers

__all__ = ["customers"]


def ask(api: Any, **more: Any) -> Any:
    body = {**PERSON, "items": [{"product_id": "cup", "quantity": 1}], **more}
    return api.post(
        "/api/v1/orders?reason=marker-reason",
        body,
        content_type="application/json",
        headers={"Prefer": "respond-async", "Idempotency-Key": f"key-{RequestedOrder.objects.count()}"},
    ).json()


def still_told() -> dict[str, list[str]]:
    return {marker: tables for marker in MARKERS if (tables := rows_that_tell(marker))}


def test_an_erasure_reaches_what_waits_and_what_was_rejected(api, stock, place_all, nothing_is_wrong):
    stock(cup=0)
    refused = ask(api)
    place_all()
    waiting = ask(api)

    answer = erase(api).json()

    assert (answer["requests"], answer["erased"], answer["refused"]) == (2, [], [])
    assert still_told() == {}
    assert read(api, refused["id"])["customer_id"] == read(api, waiting["id"])["customer_id"] == "erased"
    problems = [read(api, told["id"])["problem"] for told in (refused, waiting)]
    assert [problem["code"] for problem in problems] == ["out_of_stock", "customer_erased"]
    assert [problem["detail"] for problem in problems] == [problem["title"] for problem in problems]
    assert set(Event.objects.values_list("type", "data__request__customer_id")) == {("order.rejected", "erased")}
    assert place_all() == (0, 0, 0)
    assert Order.objects.count() == 0
    nothing_is_wrong()


def test_it_is_only_tried_with_a_rehearsal(api, ask_for):
    order_id = ask_for(cup=1).json()["id"]

    erase(api, "cus123", Prefer="dry-run")

    assert read(api, order_id)["status"] == "requested"


def test_others_and_other_storefronts_are_left_alone(api, ask_for, client_of, other_storefront, stock):
    order_id = ask_for(cup=1).json()["id"]

    assert erase(api, "cus999").json()["requests"] == 0
    assert erase(client_of(other_storefront), "cus123").json()["requests"] == 0
    assert read(api, order_id)["status"] == "requested"


def test_a_rejected_one_keeps_nothing_of_what_was_asked_for_but_whose_it_was(api, stock, place_all):
    stock(cup=0)
    ask(api)

    place_all()

    assert still_told().keys() == {"marker-customer", "marker-reason"}


def test_a_placed_one_leaves_nothing_behind(api, stock, place_all):
    stock(cup=5)
    ask(api)

    place_all()

    assert {table for tables in still_told().values() for table in tables} == {
        "events_event",
        "events_personal",
        "orders_order",
    }


def test_what_came_to_nothing_is_erased_as_long_after_as_the_storefront_says(api, stock, storefront, place_all):
    """Sooner than it is forgotten. What is under way is not: it waits, and `doctor` tells how long."""
    Storefront.objects.update(erase_after_days=30)
    stock(cup=0)
    old, young = ask(api), ask(api)
    place_all()
    parked, fresh, waiting = (ask(api) for _ in range(3))
    RequestedOrder.objects.filter(pk__in=[parked["id"], fresh["id"]]).update(next_attempt_at=PARKED, attempts=8)
    long_ago = timezone.now() - timedelta(days=31)
    RequestedOrder.objects.filter(pk=old["id"]).update(rejected_at=long_ago)
    RequestedOrder.objects.filter(pk__in=[parked["id"], waiting["id"]]).update(requested_at=long_ago)
    counted = retain("--dry-run")

    told = retain()

    assert counted == ["au: 0 orders that ended more than 30 days ago; 2 requests that came to nothing as long ago."]
    assert told == [*counted, "au: erased the customers of 0 orders and of 2 requests."]
    named = {str(request.pk): request.customer_id for request in RequestedOrder.objects.all()}
    assert {order_id for order_id, customer in named.items() if customer == "erased"} == {old["id"], parked["id"]}
    assert [read(api, each["id"])["problem"]["code"] for each in (old, young, parked)] == [
        "out_of_stock",
        "out_of_stock",
        "request_given_up",
    ]
    assert [read(api, each["id"])["status"] for each in (fresh, waiting)] == ["requested", "requested"]
    assert set(
        Event.objects.filter(stream_id__in=[old["id"], parked["id"]]).values_list("data__request__customer_id")
    ) == {("erased",)}


def test_the_sweeper_does_it_and_goes_on_where_it_stopped(api, storefront, monkeypatch):
    monkeypatch.setattr(erasing_requests, "_ERASED_AT_ONCE", 2)
    Storefront.objects.update(erase_after_days=30)
    for _ in range(3):
        ask(api)
    RequestedOrder.objects.update(next_attempt_at=PARKED, requested_at=timezone.now() - timedelta(days=31))
    out = io.StringIO()

    for _ in range(3):
        call_command("sweep", "--once", stdout=out)

    told = [line.partition(" requests had")[0].rpartition(" ")[2] for line in out.getvalue().splitlines()]
    assert told == ["2", "1", "0"]
    assert still_told() == {}


def test_without_a_storefronts_word_what_is_parked_stays_until_somebody_decides(api, storefront):
    ask(api)
    RequestedOrder.objects.update(next_attempt_at=PARKED, requested_at=timezone.now() - timedelta(days=10_000))

    call_command("sweep", "--once", stdout=io.StringIO())

    assert RequestedOrder.objects.get().parked


def test_what_was_rejected_is_forgotten_after_a_while_and_so_is_whose_it_was(
    api, stock, place_all, settings, customers: Customers, nothing_is_wrong
):
    settings.REJECTED_DAYS = 30
    stock(cup=5)
    customers.inactive.add("marker-customer")
    old, fresh = ask(api), ask(api)
    place_all()
    RequestedOrder.objects.filter(pk=old["id"]).update(rejected_at=timezone.now() - timedelta(days=31))

    call_command("sweep", "--once")

    assert api.get(old["status_url"]).status_code == 404
    assert read(api, fresh["id"])["status"] == "rejected"
    told = {str(pk): data["request"]["customer_id"] for pk, data in Event.objects.values_list("stream_id", "data")}
    assert told == {old["id"]: "erased", fresh["id"]: "marker-customer"}
    nothing_is_wrong()
