"""One order that upkeep cannot deal with stands in nobody's way."""

from __future__ import annotations

import io
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from inventory_client.models import Reservation, Stock
from orders import operations
from orders.announcing.signals import order_changed
from orders.doctor import Extent, Severity, examine
from orders.models import Order, UpkeepFailure
from orders.operations import settling


@pytest.fixture
def broken():
    """An order whose changes all fail, until it is taken out again."""
    ids: set[UUID] = set()

    def fail(sender, change, **kwargs):
        if change.order_id in ids:
            raise LookupError("duplicate event number")

    order_changed.connect(fail)
    order_changed.sender_receivers_cache.clear()
    yield ids
    order_changed.disconnect(fail)
    order_changed.sender_receivers_cache.clear()


def expire_all() -> None:
    Order.objects.update(reserved_until=timezone.now() - timedelta(seconds=1))


def sweep_once() -> str:
    out = io.StringIO()
    call_command("sweep", "--once", stdout=out)
    return out.getvalue()


def test_an_order_that_fails_does_not_keep_the_others_from_expiring(place_order, broken):
    first, second, third = (place_order(cup=1)["id"] for _ in range(3))
    broken.add(Order.objects.get(pk=second).pk)
    expire_all()

    report = sweep_once()

    assert "2 pending orders expired" in report
    statuses = {str(order.pk): order.status for order in Order.objects.all()}
    assert statuses == {first: "canceled", second: "pending", third: "canceled"}


def test_it_is_written_down_not_asked_again_at_once_and_seen_by_the_doctor(place_order, broken):
    order = Order.objects.get(pk=place_order(cup=1)["id"])
    broken.add(order.pk)
    expire_all()

    done = [operations.expire_orders(now=timezone.now()) for _ in range(3)]

    assert done == [0, 0, 0]
    failure = UpkeepFailure.objects.get()
    assert (failure.order_id, failure.upkeep, failure.attempts) == (order.pk, "expire", 1)
    assert failure.error == "LookupError: duplicate event number"
    (found,) = examine(Extent()).of(Severity.WARNING)
    assert (found.code, found.count) == ("upkeep_fails", 1)
    assert "LookupError: duplicate event number" in found.examples[0].detail


def test_it_is_tried_again_later_each_time_after_a_longer_pause(place_order, broken):
    order = Order.objects.get(pk=place_order(cup=1)["id"])
    broken.add(order.pk)
    expire_all()
    pauses = []

    for _ in range(10):
        operations.expire_orders(now=timezone.now())
        failure = UpkeepFailure.objects.get()
        pauses.append((failure.retry_at - failure.failed_at).total_seconds())
        UpkeepFailure.objects.update(retry_at=timezone.now() - timedelta(seconds=1))

    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert failure.attempts == 10


def test_what_is_mended_is_done_and_forgotten(place_order, broken):
    order = Order.objects.get(pk=place_order(cup=1)["id"])
    broken.add(order.pk)
    expire_all()
    operations.expire_orders(now=timezone.now())
    broken.clear()
    UpkeepFailure.objects.update(retry_at=timezone.now() - timedelta(seconds=1))

    assert operations.expire_orders(now=timezone.now()) == 1
    assert not UpkeepFailure.objects.exists()


def test_a_failure_is_forgotten_once_the_order_has_gone_on(place_order, broken):
    order = Order.objects.get(pk=place_order(cup=1)["id"])
    broken.add(order.pk)
    expire_all()
    operations.expire_orders(now=timezone.now())
    Order.objects.update(reserved_until=timezone.now() + timedelta(hours=1))
    UpkeepFailure.objects.update(retry_at=timezone.now() - timedelta(hours=25))

    operations.expire_orders(now=timezone.now())

    assert not UpkeepFailure.objects.exists()


def test_orders_that_cannot_be_settled_do_not_starve_the_others(place_order, monkeypatch):
    monkeypatch.setattr(settling, "_AT_ONCE", 3)
    lost = [place_order(cup=1)["id"] for _ in range(3)]
    last = place_order(cup=1)["id"]
    # Confirmed orders whose reservations are gone: the inventory refuses, today and tomorrow.
    Order.objects.filter(pk__in=lost).update(status="confirmed", stock_action="confirm")
    Reservation.objects.filter(pk__in=Order.objects.filter(pk__in=lost).values("reservation_id")).delete()
    Order.objects.filter(pk=last).update(status="confirmed", stock_action="confirm")

    first, second = operations.settle_orders(), operations.settle_orders()

    assert (first, second) == ((0, 4), (1, 3))
    assert Order.objects.get(pk=last).stock_action is None
    errors = set(UpkeepFailure.objects.values_list("upkeep", "attempts"))
    assert (errors, UpkeepFailure.objects.count()) == ({("settle", 1)}, 3)


def canceled_unheard(api, place_order, settings, orders: int) -> list[UUID]:
    """The reservations of orders canceled while the inventory was away, the first one's first."""
    ids = [place_order(cup=1)["id"] for _ in range(orders)]
    settings.INVENTORY_URL = "http://127.0.0.1:9"
    for order_id in ids:
        api.delete(f"/api/v1/orders/{order_id}")
    settings.INVENTORY_URL = ""
    return list(Order.all_objects.order_by("pk").values_list("reservation_id", flat=True))


def test_orders_whose_reservations_others_hold_do_not_starve_the_others(api, place_order, settings, monkeypatch):
    monkeypatch.setattr(settling, "_AT_ONCE", 3)
    reservations = canceled_unheard(api, place_order, settings, orders=4)
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("select from inventory_reservation where id = any (%s) for update", [reservations[:3]])
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = '50ms'")

        told = [operations.settle_orders() for _ in range(2)]
    finally:
        other.close()
        connection.close()  # and with it the short timeout

    assert told[-1] == (1, 3)
    assert set(UpkeepFailure.objects.values_list("upkeep", "error")) == {
        ("settle", "release: The inventory is busy with the same stock.")
    }
    assert Stock.objects.get(pk="cup").reserved == 3


def test_an_inventory_that_is_away_is_not_met_by_every_order(api, place_order, settings, caplog):
    canceled_unheard(api, place_order, settings, orders=5)
    settings.INVENTORY_URL = "http://127.0.0.1:9"
    caplog.clear()

    told = operations.settle_orders()
    settings.INVENTORY_URL = ""

    assert told == (0, 5)
    assert [record.message for record in caplog.records].count("inventory not told yet") == 3
    assert operations.settle_orders() == (5, 0)


def test_an_inventory_that_is_away_is_no_orders_own_failure(api, place_order, settings):
    order_id = place_order(cup=1)["id"]
    settings.INVENTORY_URL = "http://127.0.0.1:9"
    api.delete(f"/api/v1/orders/{order_id}")

    told = [operations.settle_orders() for _ in range(2)]
    settings.INVENTORY_URL = ""

    assert told == [(0, 1), (0, 1)]
    assert not UpkeepFailure.objects.exists()
    assert operations.settle_orders() == (1, 0)
    assert Stock.objects.get(pk="cup").reserved == 0


def test_a_kind_of_upkeep_that_fails_as_a_whole_does_not_keep_the_others_from_being_done(place_order, settings):
    place_order(cup=1)
    expire_all()
    settings.HOLD_GRACE_SECONDS = None  # whoever looks for holds without an order stumbles over it

    with pytest.raises(CommandError, match=r"kinds of upkeep failed; the log says why\. The others were done\."):
        sweep_once()

    assert Order.objects.get().status == "canceled"
