"""An order whose stock is gone is held up until somebody decides; levels follow where the stock is ours."""

from __future__ import annotations

from typing import Any

import pytest
from uuid_utils.compat import uuid7

from audit.models import Entry
from inventory_client.models import Stock
from orders.models import Order
from tests.base import perform
from tests.orders.incoming.conftest import ComesIn


def reservation(**more: Any) -> dict[str, Any]:
    return {"reservation_id": str(Order.objects.get().reservation_id), **more}


@pytest.mark.parametrize("confirmed", [False, True])
def test_an_open_order_whose_reservation_expired_is_held_up(place_order, comes_in: ComesIn, api, confirmed):
    order = place_order(cup=2, plate=1)
    if confirmed:
        perform("confirm", order["id"])

    event = comes_in("inventory.reservation.expired", reservation())

    assert event.state == "handled", event.last_error
    (hold,) = Order.objects.get().holds
    assert (hold["kind"], hold["placed_by"]) == ("manual", "system:consume_events")
    assert {"confirm", "ship", "pack", "expire"} <= set(hold["blocks"])
    newest = api.get(f"/api/v1/orders/{order['id']}/timeline").json()["results"][0]
    assert newest["operation"] == "hold"
    assert newest["reason"] == "The inventory no longer holds 2 × cup, 1 × plate (inventory.reservation.expired)."


def test_a_reservation_that_holds_less_than_the_order_needs_holds_it_up(place_order, comes_in: ComesIn, api):
    order = place_order(cup=2, plate=1)

    comes_in("inventory.reservation.reduced", reservation(lines=[{"product_id": "cup", "quantity": 1}]))

    newest = api.get(f"/api/v1/orders/{order['id']}/timeline").json()["results"][0]
    assert newest["reason"] == "The inventory no longer holds 1 × cup, 1 × plate (inventory.reservation.reduced)."


def test_a_reservation_reduced_to_what_the_order_needs_is_no_news(place_order, comes_in: ComesIn):
    place_order(cup=2)

    comes_in("inventory.reservation.reduced", reservation(lines=[{"product_id": "cup", "quantity": 2}]))

    assert Order.objects.get().holds == []


def test_one_hold_is_enough(place_order, comes_in: ComesIn):
    place_order(cup=2)

    comes_in("inventory.reservation.reduced", reservation(lines=[]))
    comes_in("inventory.reservation.expired", reservation())

    assert len(Order.objects.get().holds) == 1


@pytest.mark.parametrize("ended_by", ["cancel", "delete", "ship"])
def test_an_order_that_is_not_open_any_more_is_left_alone(place_order, comes_in: ComesIn, ended_by):
    order = place_order(cup=1)
    asked = reservation()
    if ended_by == "ship":
        perform("confirm", order["id"])
    perform(ended_by, order["id"])
    version = Order.all_objects.get().version

    event = comes_in("inventory.reservation.expired", asked)

    assert (event.state, Order.all_objects.get().version) == ("handled", version)


def test_a_reservation_of_no_order_is_nobodys_concern(place_order, comes_in: ComesIn):
    place_order(cup=1)

    event = comes_in("inventory.reservation.expired", {"reservation_id": str(uuid7())})

    assert (event.state, Order.objects.get().holds) == ("handled", [])


@pytest.mark.parametrize(
    ("event_type", "data", "told"),
    [
        ("inventory.reservation.expired", {}, "reservation_id"),
        ("inventory.reservation.reduced", {"reservation_id": str(uuid7())}, "does not tell which lines"),
        ("inventory.stock.adjusted", {"product_id": "cup", "on_hand": -1}, "/on_hand"),
        ("inventory.stock.adjusted", {"product_id": " ", "on_hand": 1}, "/product_id"),
        ("inventory.stock.adjusted", None, "Expected `object`, got `null`"),
    ],
)
def test_data_that_cannot_be_right_is_a_dead_letter_at_once(comes_in: ComesIn, event_type, data, told):
    event = comes_in(event_type, data)

    assert (event.state, event.attempts, told in event.last_error) == ("dead", 1, True), event.last_error
    assert not Stock.objects.exists()


def test_a_level_becomes_what_was_counted(comes_in: ComesIn, stock):
    stock(cup=5)

    comes_in("inventory.stock.adjusted", {"product_id": "cup", "on_hand": 8, "warehouse": "north"})
    comes_in("inventory.stock.adjusted", {"product_id": "bowl", "on_hand": 3})

    assert dict(Stock.objects.values_list("product_id", "on_hand")) == {"bowl": 3, "cup": 8}


def test_a_level_changes_by_so_many_units_whatever_was_shipped_meanwhile(place_order, comes_in: ComesIn):
    order_id = place_order(cup=3)["id"]
    perform("confirm", order_id)
    perform("ship", order_id)

    more = comes_in("inventory.stock.changed", {"product_id": "cup", "change": 12}, subject="cup", sequence="2")
    late = comes_in("inventory.stock.changed", {"product_id": "cup", "change": -2}, subject="cup", sequence="1")

    assert (more.state, late.state) == ("handled", "handled")
    assert Stock.objects.values_list("on_hand", "reserved").get(pk="cup") == (1007, 0)
    assert Entry.objects.about(Stock, "cup").order_by("pk")[0].changes == [
        {"field": "on_hand", "before": 997, "after": 1009},
        {"field": "reason", "before": None, "after": "inventory.stock.changed"},
    ]


@pytest.mark.parametrize(("change", "why"), [(-996, "5 units are reserved"), (1, "no stock of bowl yet")])
def test_a_change_that_cannot_be_made_now_waits(place_order, comes_in: ComesIn, change, why):
    place_order(cup=5)
    product_id = "cup" if change < 0 else "bowl"

    event = comes_in("inventory.stock.changed", {"product_id": product_id, "change": change})

    assert (event.state, event.attempts, why in event.last_error) == ("due", 1, True), event.last_error
    assert Stock.objects.get().on_hand == 1000


def test_a_level_below_what_is_reserved_waits(place_order, comes_in: ComesIn):
    place_order(cup=5)

    event = comes_in("inventory.stock.adjusted", {"product_id": "cup", "on_hand": 4})

    assert (event.state, event.attempts) == ("due", 1)
    assert "5 units are reserved" in event.last_error
    assert Stock.objects.get().on_hand == 1000


def test_with_an_inventory_service_no_level_is_set_here(comes_in: ComesIn, settings):
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    event = comes_in("inventory.stock.adjusted", {"product_id": "cup", "on_hand": 4})

    assert (event.state, Stock.objects.exists()) == ("handled", False)
