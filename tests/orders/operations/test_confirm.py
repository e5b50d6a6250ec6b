"""A pending order is accepted: its hold becomes permanent."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from inventory_client.models import Reservation
from orders import operations
from orders.models import Order
from tests.base import perform
from tests.orders.asking import ask, done, event_count, last_event, read, reserved
from tests.orders.refusals import assert_refused


def test_a_confirmed_order_keeps_its_stock_for_good(api, place_order):
    placed = place_order(cup=2)

    response = ask(api, placed["id"], "confirm", reason="paid by phone")

    assert response.status_code == 200
    assert response.headers["ETag"] == '"2"'
    order = response.json()
    assert order == read(api, placed["id"])
    changed = {name for name in order if order[name] != placed[name]}
    assert changed == {"status", "version", "updated_at"}
    assert (order["status"], order["version"]) == ("confirmed", 2)
    assert (Reservation.objects.get().state, reserved()) == ("confirmed", {"cup": 2})
    assert Order.objects.get().stock_action is None


def test_what_was_done_stands_in_one_event(api, place_order):
    order_id = place_order(cup=2)["id"]

    response = ask(api, order_id, "confirm", reason="paid by phone")

    event = last_event(order_id)
    assert (event.sequence, event.type, event.told_reason) == (2, "order.updated", "paid by phone")
    assert event.actor.startswith("key:")
    assert event.request_id == response.headers["X-Request-ID"]
    assert event.data["operation"] == "confirm"
    assert event.data["changes"] == {"status": ["pending", "confirmed"]}
    assert event.data["instructions"] == []
    assert event_count() == 2


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}])
def test_no_body_is_needed(api, place_order, headers):
    order_id = place_order(cup=2)["id"]

    response = api.generic("POST", f"/api/v1/orders/{order_id}/confirm?reason=by+phone", headers=headers)

    assert (response.status_code, response.json()["status"]) == (200, "confirmed")
    assert last_event(order_id).told_reason == "by phone"


def test_the_reason_in_the_body_goes_before_the_one_in_the_address(api, place_order):
    order_id = place_order(cup=2)["id"]

    done(api, order_id, "confirm?reason=address", reason="body")

    assert last_event(order_id).told_reason == "body"


def test_the_hold_of_a_confirmed_order_does_not_expire(api, place_order):
    order_id = place_order(cup=2)["id"]
    done(api, order_id, "confirm")
    now = timezone.now()
    Order.objects.update(reserved_until=now - timedelta(days=1))

    assert operations.expire_orders(now=now) == 0
    assert read(api, order_id)["status"] == "confirmed"


@pytest.mark.parametrize(
    ("earlier", "status", "allowed"),
    [
        (["confirm"], "confirmed", ["canceled", "shipped"]),
        (["confirm", "ship"], "shipped", ["completed"]),
        (["confirm", "ship", "complete"], "completed", []),
        (["cancel"], "canceled", []),
    ],
)
def test_only_a_pending_order_can_be_confirmed(api, place_order, earlier, status, allowed):
    order_id = place_order(cup=2)["id"]
    for name in earlier:
        perform(name, order_id)
    before = read(api, order_id)

    response = ask(api, order_id, "confirm")

    problem = assert_refused(response, 409, "invalid_transition")
    assert (problem["current"], problem["wanted"], problem["allowed"]) == (status, "confirmed", allowed)
    assert read(api, order_id) == before
    assert event_count() == 1 + len(earlier)


def test_a_confirmation_that_the_inventory_missed_is_told_later(api, place_order, settings):
    order_id = place_order(cup=2)["id"]
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    order = done(api, order_id, "confirm")
    settings.INVENTORY_URL = ""

    assert order["status"] == "confirmed"
    assert (Reservation.objects.get().state, Order.objects.get().stock_action) == ("held", "confirm")
    assert operations.settle_orders() == (1, 0)
    assert (Reservation.objects.get().state, Order.objects.get().stock_action) == ("confirmed", None)


def test_it_is_no_part_of_an_adjustment_that_is_on_its_way(api, place_order, settings):
    """The answer about that adjustment tells of its revision; the confirmation has to be told after it."""
    placed = place_order(cup=2)
    settings.INVENTORY_URL = "http://127.0.0.1:9"
    ask(api, placed["id"], "cancel", items=[{"item_id": placed["items"][0]["id"], "quantity": 1}])
    on_its_way = Order.objects.get()

    confirmed = Order.objects.get()
    confirmed.confirm()

    assert (on_its_way.stock_action, confirmed.stock_action) == ("adjust", "adjust")
    assert confirmed.stock_revision == on_its_way.stock_revision + 1


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_an_operation_is_asked_for_by_post_alone(api, place_order, method):
    order_id = place_order(cup=2)["id"]

    response = getattr(api, method)(f"/api/v1/orders/{order_id}/confirm")

    assert_refused(response, 405, "method_not_allowed")
    assert read(api, order_id)["status"] == "pending"


@pytest.mark.parametrize("operation", ["expire", "delete", "change_details", "change_contact", "place", "Confirm"])
def test_what_is_not_offered_as_an_operation_is_not_found(api, place_order, operation):
    order_id = place_order(cup=2)["id"]

    response = ask(api, order_id, operation)

    assert_refused(response, 404, "not_found")
    assert read(api, order_id)["version"] == 1


@pytest.mark.parametrize("order_id", ["nope", "0", "%00", "01a2068a-33c2-75f8-9a09-a014ce1a34b0"])
def test_an_order_that_is_not_there_is_not_found(api, order_id):
    assert_refused(ask(api, order_id, "confirm"), 404, "order_not_found")
