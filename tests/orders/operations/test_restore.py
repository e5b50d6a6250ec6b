"""Deleting an order with money on it, and bringing deleted orders back through the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from inventory_client.models import Reservation
from orders import operations
from orders.models import Order
from tests.base import perform
from tests.orders.asking import ask, done, event_count, last_event, on_shelf, read, reserved, sell
from tests.orders.refusals import assert_refused


def delete(api, order_id, **headers):
    return api.delete(f"/api/v1/orders/{order_id}", headers=headers)


def pay(order_id, *facts):
    for kind, amount in facts:
        perform("record_payment", order_id, kind=kind, amount=amount, psp_reference=f"{kind}-{amount}")


# --- money on it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "left"),
    [([("capture", 3000)], 3000), ([("capture", 1)], 1), ([("capture", 3000), ("refund", 1000)], 2000)],
)
def test_a_pending_order_with_captured_money_is_not_deleted(api, storefront, facts, left):
    order_id = sell(api)["id"]
    pay(order_id, *facts)
    before = read(api, order_id)

    problem = assert_refused(delete(api, order_id), 409, "money_on_order")

    assert problem["captured"] == left
    assert read(api, order_id) == before
    assert (event_count(), reserved()) == (1 + len(facts), {"cup": 2, "plate": 1})


@pytest.mark.parametrize("facts", [[("authorization", 3000)], [("capture", 3000), ("refund", 3000)]])
def test_without_captured_money_left_it_is(api, storefront, facts):
    order_id = sell(api)["id"]
    pay(order_id, *facts)

    assert delete(api, order_id).status_code == 204
    assert reserved() == {}


def test_once_canceled_it_is_deleted_with_its_money_to_be_refunded(api, storefront):
    order_id = sell(api)["id"]
    pay(order_id, ("capture", 3000))
    done(api, order_id, "cancel")

    assert delete(api, order_id).status_code == 204

    refund = done(api, order_id, "restore")["refunds"][0]
    assert (refund["amount"], refund["state"]) == (3000, "approved")


# --- brought back ------------------------------------------------------------------------------------


def test_a_restored_order_stands_on_a_new_hold(api, storefront):
    placed = sell(api)
    before = timezone.now()
    delete(api, placed["id"])

    response = ask(api, placed["id"], "restore", reason="a mistake")

    order = response.json()
    assert (response.status_code, response.headers["ETag"]) == (200, '"3"')
    assert order == read(api, placed["id"])
    assert {name for name in order if order[name] != placed[name]} == {"version", "updated_at", "reserved_until"}
    event = last_event(placed["id"])
    assert (event.type, event.data["operation"], event.told_reason) == ("order.restored", "restore", "a mistake")
    assert reserved() == {"cup": 2, "plate": 1}
    held = Reservation.objects.get(state="held")
    stored = Order.objects.get()
    assert (stored.reservation_id, stored.deleted_at, stored.deleted_by, stored.deleted_reason) == (
        held.pk,
        None,
        None,
        None,
    )
    assert stored.reserved_until is not None
    assert stored.reserved_until >= before + timedelta(minutes=24 * 60)


def test_a_restored_order_goes_on_like_any_other(api, storefront):
    placed = sell(api)
    for _ in range(2):
        delete(api, placed["id"])
        done(api, placed["id"], "restore")
    done(api, placed["id"], "amend", items=[{"item_id": placed["items"][0]["id"], "quantity": 5}])
    done(api, placed["id"], "confirm")

    order = done(api, placed["id"], "ship")

    assert (order["status"], order["version"]) == ("shipped", 8)
    assert on_shelf() == {"cup": (995, 0), "plate": (999, 0)}
    assert sorted(Reservation.objects.values_list("state", flat=True)) == ["confirmed", "released", "released"]


def test_what_is_not_deleted_is_not_restored(api, storefront):
    placed = sell(api)
    delete(api, placed["id"])
    before = done(api, placed["id"], "restore")

    assert_refused(ask(api, placed["id"], "restore"), 409, "not_deleted")

    assert read(api, placed["id"]) == before
    assert (event_count(), reserved()) == (3, {"cup": 2, "plate": 1})


def test_without_stock_it_stays_deleted(api, storefront, stock):
    placed = sell(api)
    delete(api, placed["id"])
    stock(cup=1)

    response = ask(api, placed["id"], "restore")

    problem = assert_refused(response, 409, "out_of_stock")
    assert problem["products"] == [{"product_id": "cup", "requested": 2, "available": 1}]
    assert "stays deleted" in problem["detail"]
    assert_refused(api.get(f"/api/v1/orders/{placed['id']}"), 404, "order_not_found")
    assert (event_count(), reserved()) == (2, {})


@pytest.mark.parametrize("missed", [False, True])
def test_while_the_inventory_is_down_it_stays_deleted(api, storefront, settings, missed):
    placed = sell(api)
    settings.INVENTORY_URL = "http://127.0.0.1:9" if missed else ""
    delete(api, placed["id"])
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    response = ask(api, placed["id"], "restore")
    settings.INVENTORY_URL = ""

    assert_refused(response, 503, "inventory_unavailable")
    assert Order.all_objects.get().deleted_at is not None
    assert event_count() == 2
    assert operations.settle_orders() == (int(missed), 0)
    assert reserved() == {}
    assert done(api, placed["id"], "restore")["version"] == 3
    assert reserved() == {"cup": 2, "plate": 1}


@pytest.mark.parametrize("earlier", [["cancel"], ["confirm", "ship", "complete"]])
def test_an_order_that_had_ended_needs_no_inventory(api, storefront, settings, earlier):
    order_id = sell(api)["id"]
    for name in earlier:
        perform(name, order_id)
    before, stock_before = read(api, order_id), reserved()
    delete(api, order_id)
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    order = done(api, order_id, "restore")

    changing = {"version", "updated_at"}
    assert {k: v for k, v in order.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }
    assert reserved() == stock_before


def test_what_the_inventory_has_still_to_be_told_of_an_ended_order_does_not_stop_it(api, storefront, settings):
    order_id = sell(api)["id"]
    for name in ("confirm", "ship", "complete"):
        perform(name, order_id)
    perform("request_return", order_id, cause="unwanted")
    perform("approve_return", order_id)
    settings.INVENTORY_URL = "http://127.0.0.1:9"
    perform("receive_return", order_id)
    delete(api, order_id)

    order = done(api, order_id, "restore")

    settings.INVENTORY_URL = ""
    assert (order["status"], order["version"]) == ("completed", 9)
    assert operations.settle_orders() == (1, 0)
    assert reserved() == {}


def test_a_deleted_order_takes_no_other_operation_but_payments(api, storefront):
    order_id = sell(api)["id"]
    delete(api, order_id)

    for operation in ("confirm", "cancel", "pack", "track", "release_hold", "request_refund", "approve_refund"):
        assert_refused(ask(api, order_id, operation), 404, "order_not_found")
    assert_refused(api.get(f"/api/v1/orders/{order_id}/actions"), 404, "order_not_found")
    patched = api.patch(f"/api/v1/orders/{order_id}", {"note": "x"}, content_type="application/json")

    assert_refused(patched, 404, "order_not_found")
    assert event_count() == 2


def test_deleting_is_bound_to_a_version(api, storefront):
    placed = sell(api)

    stale = delete(api, placed["id"], **{"If-Match": '"2"'})
    current = delete(api, placed["id"], **{"If-Match": '"1"'})

    assert assert_refused(stale, 412, "version_mismatch")["current_version"] == 1
    assert current.status_code == 204
