"""Counts that do not say what the reservations hold are found and mended, whatever is under way meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event as Flag
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, connections
from django.db.models import F

from inventory_client.errors import StockShortage
from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Reservation, Stock
from inventory_client.recounting import Miscount, add_products, miscounts, recount
from inventory_client.stock import LevelBelowReserved, set_stock_levels
from inventory_client.values import Held, HoldRequest, ShortLine

A = UUID("01920000-0000-7000-8000-00000000000a")
B = UUID("01920000-0000-7000-8000-00000000000b")
C = UUID("01920000-0000-7000-8000-00000000000c")

Counts = Callable[[], dict[str, int]]


@pytest.fixture(autouse=True)
def _held(ledger: EmbeddedLedger) -> None:
    """Two cups and a plate of ten each."""
    set_stock_levels({"cup": 10, "plate": 10, "bowl": 10})
    ledger.hold([HoldRequest(A, {"cup": 2, "plate": 1})])


def wrong() -> list[Miscount]:
    return miscounts().products


def miscount(product_id: str, by: int) -> None:
    Stock.objects.filter(pk=product_id).update(reserved=F("reserved") + by)


def in_thread(call: Callable[[], Any]) -> Callable[[], Any]:
    """The call with a connection of its own, which waits for locks as long as it takes."""

    def run() -> Any:
        try:
            with connection.cursor() as cursor:
                cursor.execute("set lock_timeout = 0")
            return call()
        finally:
            connections.close_all()

    return run


@contextmanager
def waiting_for_a_lock(*calls: Callable[[], Any]) -> Iterator[list[Future[Any]]]:
    """The calls have begun, and all of them stand before a lock of somebody else."""
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    with ThreadPoolExecutor(len(calls)) as threads:
        begun = [threads.submit(in_thread(call)) for call in calls]
        with connection.cursor() as cursor:
            while not any(call.done() for call in begun):
                cursor.execute(waiting)
                if cursor.fetchone() == (len(calls),):
                    break
        assert not any(call.done() for call in begun)
        yield begun


def test_finds_nothing_where_all_is_counted_right(ledger):
    ledger.hold([HoldRequest(B, {"bowl": 3})])
    ledger.release(B)

    assert miscounts() == ([], 0)


def test_finds_too_many_too_few_and_none_at_all_in_the_order_of_products():
    miscount("cup", by=5)
    miscount("plate", by=-1)
    miscount("bowl", by=1)
    Stock.objects.filter(pk="plate").delete()

    assert wrong() == [Miscount("bowl", 0, 1), Miscount("cup", 2, 7), Miscount("plate", 1, None, 0, None)]
    assert miscounts(limit=1) == ([Miscount("bowl", 0, 1)], 3)
    assert miscounts(after="bowl", limit=1) == ([Miscount("cup", 2, 7)], 2)


def test_units_that_left_and_are_not_counted_so_are_taken_off_what_is_on_hand(ledger):
    ledger.hold([HoldRequest(A, {"cup": 2, "plate": 1}, 2, shipped={"cup": 2})])
    Stock.objects.filter(pk="cup").update(on_hand=10, reserved=2, shipped=0)
    Stock.objects.filter(pk="plate").update(on_hand=7, shipped=3)

    found = wrong()
    mended = recount(["cup", "plate"])

    assert found == [Miscount("cup", 0, 2, 2, 0), Miscount("plate", 1, 1, 0, 3)]
    assert (found[0].found(), found[0].expected()) == ("2 reserved, 0 shipped", "0 reserved, 2 shipped")
    assert mended == {"cup": 0, "plate": 0}
    assert sorted(Stock.objects.values_list("pk", "on_hand", "reserved", "shipped")) == [
        ("bowl", 10, 0, 0),
        ("cup", 8, 0, 2),
        ("plate", 10, 1, 0),
    ]
    assert wrong() == []


def test_a_product_only_reservations_know_is_added_without_what_has_left(ledger):
    ledger.hold([HoldRequest(B, {"cup": 3}, 1, shipped={"cup": 2})])
    Stock.objects.filter(pk="cup").delete()

    assert add_products(["cup"]) == {"cup"}
    assert Stock.objects.values_list("on_hand", "reserved", "shipped").get(pk="cup") == (3, 3, 2)
    assert wrong() == []


def test_counts_only_the_products_it_is_asked_for(reserved):
    miscount("cup", by=5)
    miscount("plate", by=-1)

    assert recount(["cup", "bowl", "spoon"]) == {"cup": 0}
    assert reserved() == {"cup": 2}
    assert wrong() == [Miscount("plate", 1, 0)]


@pytest.fixture
def _oversold(ledger: EmbeddedLedger) -> None:
    """Eight cups are promised (two of A, six of B), five are on hand, and the ledger has been counted anew."""
    ledger.hold([HoldRequest(B, {"cup": 6})])
    miscount("cup", by=-4)
    set_stock_levels({"cup": 5})
    assert recount(["cup"]) == {"cup": 3}


def cups() -> tuple[int, int, int]:
    row: tuple[int, int, int] = Stock.objects.values_list("on_hand", "reserved", "oversold").get(pk="cup")
    return row


@pytest.mark.usefixtures("_oversold")
def test_what_is_promised_beyond_what_is_on_hand_is_counted_and_nothing_more_is_sold(ledger):
    (refused,) = ledger.hold([HoldRequest(C, {"cup": 1})])

    assert isinstance(refused, StockShortage)
    assert refused.lines == [ShortLine("cup", requested=1, available=0)]
    assert cups() == (5, 8, 3)
    assert wrong() == []
    with pytest.raises(IntegrityError, match="stock_reserved_within_on_hand"):
        miscount("cup", by=1)


@pytest.mark.usefixtures("_oversold")
def test_restocked_to_what_is_promised_it_still_has_none_to_sell(ledger):
    set_stock_levels({"cup": 7})
    below = cups()
    set_stock_levels({"cup": 8})
    (refused,) = ledger.hold([HoldRequest(C, {"cup": 1})])

    assert below == (7, 8, 1)
    assert cups() == (8, 8, 0)
    assert isinstance(refused, StockShortage)
    set_stock_levels({"cup": 9})
    (held,) = ledger.hold([HoldRequest(C, {"cup": 1})])
    assert isinstance(held, Held)


@pytest.mark.usefixtures("_oversold")
def test_a_level_that_falls_further_below_what_is_promised_is_refused():
    with pytest.raises(LevelBelowReserved, match="cup: 8 units are reserved, so 4 on hand are too few"):
        set_stock_levels({"cup": 4})

    assert cups() == (5, 8, 3)


@pytest.mark.usefixtures("_oversold")
def test_what_is_promised_beyond_what_is_on_hand_can_be_released(ledger, reserved):
    ledger.release(B)
    ledger.release(A)

    assert reserved() == {}
    assert wrong() == []


@pytest.mark.usefixtures("_oversold")
def test_an_order_on_oversold_stock_can_shrink_but_not_grow(ledger):
    (grown,) = ledger.hold([HoldRequest(B, {"cup": 7}, 2)])
    (shrunk,) = ledger.hold([HoldRequest(B, {"cup": 5}, 2)])

    assert isinstance(grown, StockShortage)
    assert grown.lines == [ShortLine("cup", requested=7, available=6)]
    assert isinstance(shrunk, Held)
    assert cups()[:2] == (5, 7)


def test_a_recount_takes_back_what_the_ledger_may_oversell_once_all_fits(ledger):
    ledger.hold([HoldRequest(B, {"cup": 6})])
    miscount("cup", by=-4)
    set_stock_levels({"cup": 5})
    recount(["cup"])
    ledger.release(B)
    miscount("cup", by=1)

    assert recount(["cup"]) == {"cup": 0}
    assert cups() == (5, 2, 0)


def test_a_product_only_reservations_know_is_added_with_what_they_hold(ledger):
    ledger.hold([HoldRequest(B, {"cup": 3})])
    Stock.objects.filter(pk__in=["cup", "bowl"]).delete()

    assert add_products(["cup", "plate", "bowl"]) == {"cup"}
    assert Stock.objects.values_list("on_hand", "reserved").get(pk="cup") == (5, 5)
    assert wrong() == []
    ledger.release(B)
    assert Stock.objects.values_list("on_hand", "reserved").get(pk="cup") == (5, 2)


def test_a_hold_under_way_is_counted_once(ledger, other_session, reserved):
    miscount("cup", by=5)
    call = ledger.hold_call([HoldRequest(B, {"cup": 1})])
    other_session.execute(
        "select inventory_hold(%s::uuid[], %s::integer[], %s::integer[], %s::text[], %s::integer[], %s::interval)",
        call.parameters,
    )

    with waiting_for_a_lock(lambda: recount(["cup"])) as (counted,):
        other_session.commit()

    assert counted.result() == {"cup": 0}
    assert reserved() == {"cup": 3, "plate": 1}


def test_a_release_under_way_is_counted_once(other_session, reserved):
    miscount("cup", by=5)
    other_session.execute("select inventory_release(%s, null)", [A])

    with waiting_for_a_lock(lambda: recount(["cup"])) as (counted,):
        other_session.commit()

    assert counted.result() == {"cup": 0}
    assert reserved() == {}


def test_a_release_under_way_that_found_no_stock_row_is_not_counted_into_it(ledger, other_session):
    ledger.hold([HoldRequest(B, {"cup": 3})])
    Stock.objects.filter(pk="cup").delete()
    other_session.execute("select inventory_release(%s, null)", [A])

    with waiting_for_a_lock(lambda: add_products(["cup"])) as (added,):
        other_session.commit()

    assert added.result() == {"cup"}
    assert Stock.objects.values_list("on_hand", "reserved").get(pk="cup") == (3, 3)


def test_two_at_once_do_not_take_the_same_error_off_twice(other_session, reserved):
    miscount("cup", by=5)
    other_session.execute("update inventory_stock set on_hand = 9 where product_id = 'cup'")

    with waiting_for_a_lock(*[lambda: recount(["cup"])] * 2) as both:
        other_session.commit()

    assert sorted([counted.result() for counted in both], key=len) == [{}, {"cup": 0}]
    assert reserved() == {"cup": 2, "plate": 1}


def test_buyers_go_on_while_it_counts_again_and_again(ledger):
    set_stock_levels(dict.fromkeys(["cup", "plate", "bowl"], 10_000))
    stop = Flag()

    def trade() -> None:
        chance = random.Random(7)
        while not stop.is_set():
            reservation_id = uuid4()
            products = chance.sample(["cup", "plate", "bowl"], 2)
            ledger.hold([HoldRequest(reservation_id, dict.fromkeys(products, chance.randint(1, 3)))])
            if chance.random() < 0.5:
                ledger.release(reservation_id)

    with ThreadPoolExecutor(3) as threads:
        buyers = [threads.submit(in_thread(trade)) for _ in range(3)]
        try:
            mended = []
            for _ in range(10):
                miscount("cup", by=50)
                mended.append(recount(["cup", "plate", "bowl"]))
                assert wrong() == []
        finally:
            stop.set()
        for buyer in buyers:
            buyer.result()

    assert mended == [{"cup": 0}] * 10
    assert wrong() == []
    assert Reservation.objects.count() > 10


def test_while_others_hold_the_stock_it_waits_no_longer_than_anybody(other_session):
    miscount("cup", by=5)
    other_session.execute("update inventory_stock set on_hand = 9 where product_id = 'cup'")
    with connection.cursor() as cursor:
        cursor.execute("set lock_timeout = '50ms'")

    with pytest.raises(OperationalError, match="lock timeout") as raised:
        recount(["cup"])

    assert isinstance(raised.value.__cause__, psycopg.errors.LockNotAvailable)
    connection.close()  # and with it the short timeout
