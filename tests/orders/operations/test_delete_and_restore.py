"""A deleted order is kept out of sight, once, gives its stock back, and can be restored."""

from __future__ import annotations

import pytest

from events.models import Event
from inventory_client.models import Reservation, Stock
from orders.models import Order
from orders.rules import errors
from tests.base import perform
from tests.orders.refusals import assert_refused

PATHS = ["/api/v1/orders/{}", "/order/delete/{}"]


def restore(order_id: str) -> None:
    perform("restore", order_id, by="staff:ann", reason="a mistake")


def move(api, order_id: str, *statuses: str) -> None:
    for status in statuses:
        response = api.put(f"/order/update/{order_id}", {"status": status}, content_type="application/json")
        assert response.status_code == 200, response.content


@pytest.mark.parametrize("path", PATHS)
def test_a_deleted_order_is_nowhere_to_be_seen_but_kept_with_who_and_why(api, place_order, path):
    order_id = place_order(cup=2)["id"]

    response = api.delete(path.format(order_id) + "?reason=a+test")

    assert response.status_code in (200, 204)
    assert_refused(api.get(f"/api/v1/orders/{order_id}"), 404, "order_not_found")
    assert_refused(api.get(f"/order/{order_id}"), 404, "order_not_found")
    assert api.get("/api/v1/orders").json()["results"] == []
    order = Order.all_objects.get(pk=order_id)
    assert order.deleted_at is not None
    assert (str(order.deleted_by)[:4], order.deleted_reason, order.version) == ("key:", "a test", 2)
    assert (Reservation.objects.get().state, Stock.objects.get(pk="cup").reserved) == ("released", 0)
    assert order.stock_action is None


@pytest.mark.parametrize("path", PATHS)
def test_a_second_delete_finds_nothing_and_tells_nobody(api, place_order, path):
    order_id = place_order(cup=2)["id"]
    api.delete(path.format(order_id))

    response = api.delete(path.format(order_id))

    assert_refused(response, 404, "order_not_found")
    assert list(Event.objects.order_by("sequence").values_list("type", flat=True)) == ["order.created", "order.deleted"]


@pytest.mark.parametrize(("status", "first"), [("confirmed", "canceled"), ("shipped", "completed")])
def test_the_refusal_tells_what_has_to_come_first(api, place_order, status, first):
    order_id = place_order(cup=2)["id"]
    move(api, order_id, status)

    problem = assert_refused(api.delete(f"/api/v1/orders/{order_id}"), 409, "not_deletable")

    assert problem["detail"] == (
        f"A {status} order cannot be deleted, only canceled, completed and pending ones can. "
        f"It has to be {first} first."
    )


@pytest.mark.parametrize(
    ("statuses", "deletable", "reserved_after"),
    [
        ([], True, 0),
        (["confirmed"], False, 2),
        (["shipped"], False, 0),
        (["shipped", "completed"], True, 0),
        (["canceled"], True, 0),
        (["confirmed", "canceled"], True, 0),
    ],
)
def test_the_status_decides_whether_an_order_can_be_deleted(api, place_order, statuses, deletable, reserved_after):
    order_id = place_order(cup=2)["id"]
    move(api, order_id, *statuses)
    events = Event.objects.count()

    response = api.delete(f"/api/v1/orders/{order_id}")

    if deletable:
        assert response.status_code == 204
    else:
        problem = assert_refused(response, 409, "not_deletable")
        assert (problem["current"], problem["allowed"]) == (statuses[-1], ["canceled", "completed", "pending"])
    assert Event.objects.count() == events + deletable
    assert Stock.objects.get(pk="cup").reserved == reserved_after


def test_a_restored_order_is_back_with_its_stock_held_anew(api, place_order):
    before = place_order(cup=2)
    api.delete(f"/api/v1/orders/{before['id']}")

    restore(before["id"])

    after = api.get(f"/api/v1/orders/{before['id']}").json()
    changing = {"version", "updated_at", "reserved_until"}
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }
    assert after["version"] == 3
    assert Stock.objects.get(pk="cup").reserved == 2
    assert sorted(Reservation.objects.values_list("state", flat=True)) == ["held", "released"]
    event = Event.objects.with_reasons().get(type="order.restored")
    assert (event.sequence, event.actor, event.told_reason) == (3, "staff:ann", "a mistake")


def test_an_order_whose_stock_is_gone_stays_deleted(api, place_order, stock):
    order_id = place_order(cup=2)["id"]
    api.delete(f"/api/v1/orders/{order_id}")
    stock(cup=1)

    with pytest.raises(errors.OutOfStock):
        restore(order_id)

    assert_refused(api.get(f"/api/v1/orders/{order_id}"), 404, "order_not_found")
    assert Event.objects.count() == 2
    assert Stock.objects.get(pk="cup").reserved == 0


@pytest.mark.parametrize("statuses", [["canceled"], ["shipped", "completed"]])
def test_an_order_that_had_ended_is_restored_without_stock(api, place_order, stock, statuses):
    order_id = place_order(cup=2)["id"]
    move(api, order_id, *statuses)
    reserved = Stock.objects.get(pk="cup").reserved
    api.delete(f"/api/v1/orders/{order_id}")

    restore(order_id)

    assert api.get(f"/api/v1/orders/{order_id}").json()["status"] == statuses[-1]
    assert Stock.objects.get(pk="cup").reserved == reserved


def test_what_is_not_deleted_cannot_be_restored(api, place_order):
    order_id = place_order(cup=2)["id"]

    with pytest.raises(errors.NotDeleted):
        restore(order_id)

    assert Event.objects.count() == 1
    assert Stock.objects.get(pk="cup").reserved == 2


def test_orders_are_never_removed_by_any_other_way(api, place_order):
    place_order(cup=2)

    with pytest.raises(TypeError):
        Order.objects.all().delete()
    with pytest.raises(TypeError):
        Order.objects.get().delete()

    assert Order.objects.count() == 1
