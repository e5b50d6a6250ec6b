"""Parcels arrive, and an order whose parcels have arrived is closed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.models import Order
from tests.base import perform
from tests.orders.asking import ask, done, event_count, item_ids, last_event, on_shelf, read
from tests.orders.refusals import assert_refused


@pytest.fixture
def two_parcels(api, place_order):
    """A shipped order: two cups, each in a parcel of its own."""
    order_id = place_order(cup=2)["id"]
    Order.objects.update(placed_at="2026-01-31T00:00:00Z")
    order = done(api, order_id, "confirm")
    one = [{"item_id": item_ids(order)["cup"], "quantity": 1}]
    done(api, order_id, "ship", items=one, shipped_at="2026-02-01T00:00:00Z")
    return done(api, order_id, "ship", shipped_at="2026-02-01T00:00:00Z")


def arrivals(order):
    return [parcel["delivered_at"] for parcel in order["shipments"]]


def test_a_parcel_arrives_by_its_id(api, two_parcels):
    _, second = two_parcels["shipments"]

    response = ask(
        api, two_parcels["id"], "deliver", shipment_id=second["id"], delivered_at="2026-03-01T12:00:00+11:00"
    )

    order = response.json()
    assert (response.status_code, response.headers["ETag"]) == (200, '"5"')
    assert arrivals(order) == [None, "2026-03-01T01:00:00.000000Z"]
    assert (order["status"], order["fulfillment_status"]) == ("shipped", "fulfilled")
    event = last_event(order["id"])
    assert (event.data["operation"], event.data["changes"]) == (
        "deliver",
        {
            "shipments": [
                [{"id": second["id"], "delivered_at": None}],
                [{"id": second["id"], "delivered_at": "2026-03-01T01:00:00.000000Z"}],
            ]
        },
    )
    assert Order.objects.get().delivered_at is None


def test_without_an_id_all_that_are_on_their_way_arrive(api, two_parcels):
    first, _ = two_parcels["shipments"]
    done(api, two_parcels["id"], "deliver", shipment_id=first["id"], delivered_at="2026-03-01T01:00:00Z")

    order = done(api, two_parcels["id"], "deliver")

    told, now = arrivals(order)
    assert told == "2026-03-01T01:00:00.000000Z"
    assert two_parcels["updated_at"] < now <= order["updated_at"]


def test_the_order_is_delivered_when_the_last_parcel_was(api, two_parcels):
    first, second = two_parcels["shipments"]
    done(api, two_parcels["id"], "deliver", shipment_id=second["id"], delivered_at="2026-03-05T00:00:00Z")
    assert Order.objects.get().delivered_at is None

    done(api, two_parcels["id"], "deliver", shipment_id=first["id"], delivered_at="2026-03-01T00:00:00Z")

    assert str(Order.objects.get().delivered_at) == "2026-03-05 00:00:00+00:00"


def test_a_parcel_of_a_partly_shipped_order_arrives_too(api, place_order):
    order = place_order(cup=2)
    done(api, order["id"], "confirm")
    done(api, order["id"], "ship", items=[{"item_id": item_ids(order)["cup"], "quantity": 1}])

    delivered = done(api, order["id"], "deliver")
    assert (delivered["status"], Order.objects.get().delivered_at) == ("confirmed", None)

    canceled = done(api, order["id"], "cancel")

    assert canceled["status"] == "shipped"
    assert Order.objects.get().delivered_at is not None


def test_what_has_arrived_does_not_arrive_again(api, two_parcels):
    before = done(api, two_parcels["id"], "deliver")

    all_again = ask(api, two_parcels["id"], "deliver")
    one_again = ask(api, two_parcels["id"], "deliver", shipment_id=two_parcels["shipments"][0]["id"])

    assert_refused(all_again, 409, "nothing_left")
    assert_refused(one_again, 409, "nothing_left")
    assert read(api, two_parcels["id"]) == before
    assert event_count() == 5


def test_a_parcel_that_has_arrived_or_not_left_yet_is_in_the_wrong_state(api, place_order):
    order = place_order(cup=3)
    cup = {"item_id": item_ids(order)["cup"], "quantity": 1}
    done(api, order["id"], "confirm")
    done(api, order["id"], "ship", items=[cup])
    done(api, order["id"], "ship", items=[cup])
    order = done(api, order["id"], "pack")
    sent, _, packed = (parcel["id"] for parcel in order["shipments"])
    before = done(api, order["id"], "deliver", shipment_id=sent)

    states = [
        assert_refused(ask(api, order["id"], "deliver", shipment_id=parcel), 409, "wrong_state")["current"]
        for parcel in (sent, packed)
    ]

    assert states == ["delivered", "being prepared"]
    assert read(api, order["id"]) == before


def test_a_parcel_of_another_order_is_unknown(api, two_parcels, place_order):
    other = place_order(cup=1)
    perform("confirm", other["id"])
    other = done(api, other["id"], "ship")

    response = ask(api, two_parcels["id"], "deliver", shipment_id=other["shipments"][0]["id"])

    assert_refused(response, 422, "unknown_part")
    assert (read(api, two_parcels["id"]), read(api, other["id"])) == (two_parcels, other)


@pytest.mark.parametrize(
    ("earlier", "code"),
    [
        ([], "not_allowed_in_status"),
        (["confirm"], "nothing_left"),
        (["confirm", "pack"], "nothing_left"),
        (["confirm", "ship", "complete"], "not_allowed_in_status"),
        (["cancel"], "not_allowed_in_status"),
    ],
)
def test_nothing_arrives_that_is_not_on_its_way(api, place_order, earlier, code):
    order_id = place_order(cup=1)["id"]
    for name in earlier:
        perform(name, order_id)
    before = read(api, order_id)

    assert_refused(ask(api, order_id, "deliver"), 409, code)

    assert read(api, order_id) == before


def test_a_completed_order_has_all_its_parcels_delivered(api, two_parcels):
    first, _ = two_parcels["shipments"]
    done(api, two_parcels["id"], "deliver", shipment_id=first["id"], delivered_at="2026-03-01T01:00:00Z")

    response = ask(api, two_parcels["id"], "complete", reason="customer says so")

    order = response.json()
    assert (response.status_code, response.headers["ETag"]) == (200, '"6"')
    assert (order["status"], order["fulfillment_status"]) == ("completed", "fulfilled")
    told, now = arrivals(order)
    assert told == "2026-03-01T01:00:00.000000Z"
    assert two_parcels["updated_at"] < now <= order["updated_at"]
    event = last_event(order["id"])
    assert (event.data["operation"], event.told_reason) == ("complete", "customer says so")
    assert event.data["changes"]["status"] == ["shipped", "completed"]
    assert on_shelf() == {"cup": (998, 0)}


@pytest.mark.parametrize(
    ("earlier", "current", "allowed"),
    [
        ([], "pending", ["canceled", "confirmed"]),
        (["confirm"], "confirmed", ["canceled", "shipped"]),
        (["confirm", "ship", "complete"], "completed", []),
        (["cancel"], "canceled", []),
    ],
)
def test_only_a_shipped_order_is_completed(api, place_order, earlier, current, allowed):
    order_id = place_order(cup=1)["id"]
    for name in earlier:
        perform(name, order_id)
    before = read(api, order_id)

    problem = assert_refused(ask(api, order_id, "complete"), 409, "invalid_transition")

    assert (problem["current"], problem["wanted"], problem["allowed"]) == (current, "completed", allowed)
    assert read(api, order_id) == before


# --- when it can have happened ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "name", "moment", "told"),
    [
        ("ship", "shipped_at", "2020-01-01T00:00:00Z", "before the order was placed"),
        ("ship", "shipped_at", "2199-01-01T00:00:00Z", "still to come"),
        ("deliver", "delivered_at", "2020-01-01T00:00:00Z", "before the parcel was shipped"),
        ("deliver", "delivered_at", "2199-01-01T00:00:00Z", "still to come"),
    ],
)
def test_what_cannot_have_happened_then_is_refused_with_both_times(api, place_order, operation, name, moment, told):
    order_id = place_order(cup=2)["id"]
    done(api, order_id, "confirm")
    if operation == "deliver":
        done(api, order_id, "ship")
    before = read(api, order_id)

    problem = assert_refused(ask(api, order_id, operation, **{name: moment}), 400, "validation_error")

    assert problem["errors"][0]["pointer"] == f"/{name}"
    assert moment[:10] in problem["errors"][0]["detail"]
    assert told in problem["errors"][0]["detail"]
    assert read(api, order_id) == before


def test_a_warehouse_whose_clock_is_a_little_ahead_is_believed(api, place_order):
    order_id = place_order(cup=1)["id"]
    done(api, order_id, "confirm")
    ahead = (timezone.now() + timedelta(minutes=2)).isoformat()

    assert done(api, order_id, "ship", shipped_at=ahead)["status"] == "shipped"
