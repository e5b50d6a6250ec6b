"""The upkeep: holds without an order, what the inventory could not be told, expired orders."""

from __future__ import annotations

import io
import threading
from datetime import timedelta
from functools import partialmethod
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from events.models import Event
from inventory_client.current import get_inventory
from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Reservation, Stock
from inventory_client.values import HoldRequest
from orders import operations
from orders.management.commands.sweep import sweep
from orders.models import Order
from orders.rules.ids import new_id


def reserved() -> int:
    return Stock.objects.get(pk="cup").reserved


def age(seconds: int) -> None:
    Reservation.objects.update(updated_at=timezone.now() - timedelta(seconds=seconds))


def sweep_once() -> str:
    out = io.StringIO()
    call_command("sweep", "--once", stdout=out)
    return out.getvalue()


def test_a_sweeper_that_was_told_to_stop_begins_nothing_more(stock, settings):
    settings.HOLD_GRACE_SECONDS = 120
    stock(cup=10)
    get_inventory().hold([HoldRequest(new_id(), {"cup": 3})])
    age(130)
    stop = threading.Event()
    stop.set()
    since = timezone.now() - timedelta(days=1)

    assert sweep(since, stop=stop) == (since, {})
    assert reserved() == 3


def test_a_hold_without_an_order_is_released_only_after_the_grace(stock, settings):
    settings.HOLD_GRACE_SECONDS = 120
    stock(cup=10)
    get_inventory().hold([HoldRequest(new_id(), {"cup": 3})])

    age(100)
    sweep_once()
    assert reserved() == 3

    age(130)
    report = sweep_once()
    assert reserved() == 0
    assert report.startswith("1 holds without an order released")


def test_a_hold_that_cannot_be_released_keeps_no_other_from_it_and_is_tried_again(stock):
    stock(cup=10, plate=10)
    broken, behind = new_id(), new_id()
    for reservation_id, product_id in ((broken, "plate"), (behind, "cup")):
        get_inventory().hold([HoldRequest(reservation_id, {product_id: 3})])
    age(200)
    Reservation.objects.filter(pk=broken).update(updated_at=timezone.now() - timedelta(seconds=300))
    Stock.objects.filter(pk="plate").update(reserved=2)  # released, it would be one less than none
    now = timezone.now()

    swept = operations.sweep_holds(after=now - timedelta(days=1), before=now)
    report = sweep_once()
    Stock.objects.filter(pk="plate").update(reserved=3)
    mended = operations.sweep_holds(after=swept.looked_until, before=now)

    assert (swept.released, swept.failed, reserved()) == (1, 1, 0)
    assert "0 holds without an order released, 1 holds could not be released (see the log)" in report
    assert (mended.released, mended.failed, mended.looked_until) == (1, 0, now)


def test_more_holds_than_fit_on_a_page_are_released_by_one_sweep(stock, monkeypatch):
    pages_of_two = partialmethod(EmbeddedLedger.untouched_holds, limit=2)
    monkeypatch.setattr(EmbeddedLedger, "untouched_holds", pages_of_two)
    stock(cup=10)
    now = timezone.now()
    for seconds in (1, 2, 3, 4, 5):
        reservation_id = new_id()
        get_inventory().hold([HoldRequest(reservation_id, {"cup": 1})])
        Reservation.objects.filter(pk=reservation_id).update(updated_at=now - timedelta(seconds=seconds))

    swept = operations.sweep_holds(after=now - timedelta(days=1), before=now)

    assert (swept.released, swept.failed, swept.looked_until, reserved()) == (5, 0, now, 0)


def test_a_hold_whose_stock_others_hold_keeps_no_other_from_being_released(stock):
    stock(cup=10, plate=10)
    busy, behind = new_id(), new_id()
    for reservation_id, product_id in ((busy, "plate"), (behind, "cup")):
        get_inventory().hold([HoldRequest(reservation_id, {product_id: 3})])
    age(200)
    Reservation.objects.filter(pk=busy).update(updated_at=timezone.now() - timedelta(seconds=300))
    now = timezone.now()
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("select from inventory_stock where product_id = 'plate' for update")
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = '50ms'")

        swept = operations.sweep_holds(after=now - timedelta(days=1), before=now)
    finally:
        other.close()
        connection.close()  # and with it the short timeout

    assert (swept.released, swept.failed, reserved()) == (1, 0, 0)
    assert operations.sweep_holds(after=swept.looked_until, before=now).released == 1


def test_the_hold_of_an_order_is_never_swept(place_order):
    place_order(cup=3)
    age(100_000)

    assert sweep_once().startswith("0 holds without an order released")
    assert reserved() == 3


def test_the_hold_of_a_deleted_order_that_is_to_be_released_is_released_once(api, place_order, settings):
    order_id = place_order(cup=3)["id"]
    settings.INVENTORY_URL = "http://127.0.0.1:9"
    assert api.delete(f"/api/v1/orders/{order_id}").status_code == 204
    settings.INVENTORY_URL = ""
    assert reserved() == 3

    first, second = operations.settle_orders(), operations.settle_orders()

    assert (first, second) == ((1, 0), (0, 0))
    assert reserved() == 0


@pytest.mark.parametrize(("status", "state", "left"), [("confirmed", "confirmed", 3), ("canceled", "released", 0)])
def test_what_the_inventory_missed_is_told_once_it_is_back(api, place_order, settings, status, state, left):
    order_id = place_order(cup=3)["id"]
    settings.INVENTORY_URL = "http://127.0.0.1:9"
    response = api.put(f"/order/update/{order_id}", {"status": status}, content_type="application/json")
    still_down = operations.settle_orders()
    settings.INVENTORY_URL = ""

    settled = operations.settle_orders()

    assert response.status_code == 200
    assert (still_down, settled) == ((0, 1), (1, 0))
    assert (Reservation.objects.get().state, reserved()) == (state, left)
    assert Order.objects.get().stock_action is None


def test_a_pending_order_expires_with_a_reason_and_an_event(place_order):
    place_order(cup=3)
    now = timezone.now()
    Order.objects.update(reserved_until=now - timedelta(seconds=1))

    expired = [operations.expire_orders(now=now) for _ in range(2)]

    assert expired == [1, 0]
    order = Order.objects.get()
    assert (order.status, order.cancel_reason, order.version) == ("canceled", "expired", 2)
    event = Event.objects.with_reasons().get(sequence=2)
    assert (event.type, event.actor, event.told_reason) == ("order.updated", "system:sweep", "not confirmed in time")
    assert reserved() == 0


def test_what_has_time_left_or_is_confirmed_or_deleted_does_not_expire(api, place_order):
    early, confirmed, deleted = (place_order(cup=1)["id"] for _ in range(3))
    api.put(f"/order/update/{confirmed}", {"status": "confirmed"}, content_type="application/json")
    api.delete(f"/api/v1/orders/{deleted}")
    now = timezone.now()
    Order.all_objects.exclude(pk=early).update(reserved_until=now - timedelta(seconds=1))

    assert operations.expire_orders(now=now) == 0


def test_a_sweep_says_what_it_did(storefront: Any):
    assert sweep_once() == (
        "0 holds without an order released, 0 orders settled with the inventory, 0 still to settle, "
        "0 pending orders expired, 0 delivered orders completed, 0 orders had their customer erased by age, "
        "0 requests had their customer erased by age, "
        "0 idempotent answers forgotten, 0 incoming events forgotten, 0 rejected requests forgotten, "
        "0 bulk runs forgotten, 0 webhook deliveries forgotten.\n"
    )
