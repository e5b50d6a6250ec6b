"""Many at once on the embedded ledger: never oversold, never deadlocked, each thing done once."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, connections

from inventory_client.errors import InventoryError, ReservationReleased, StockShortage
from inventory_client.models import Reservation
from inventory_client.stock import set_stock_levels
from inventory_client.values import Held, HoldRequest

A = UUID("01920000-0000-7000-8000-00000000000a")
PRODUCTS = [f"p{number}" for number in range(6)]

pytestmark = pytest.mark.django_db(transaction=True)


def _at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start every call in its own thread at the same moment; their results."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        try:
            connection.ensure_connection()
            barrier.wait()
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def _hold_one(ledger, reservation_id, lines):
    return lambda: ledger.hold([HoldRequest(reservation_id, lines)])[0]


def test_twenty_buyers_of_five_units_hold_exactly_five(ledger, reserved):
    set_stock_levels({"cup": 5})

    outcomes = _at_once([_hold_one(ledger, uuid4(), {"cup": 1}) for _ in range(20)])

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Held"] * 5 + ["StockShortage"] * 15
    assert reserved() == {"cup": 5}


def test_twins_with_one_id_have_one_effect(ledger, reserved):
    set_stock_levels({"cup": 5})

    outcomes = _at_once([_hold_one(ledger, A, {"cup": 3}) for _ in range(10)])

    assert {type(outcome) for outcome in outcomes} == {Held}
    assert sorted(outcome.joined for outcome in outcomes) == [False] + [True] * 9
    assert reserved() == {"cup": 3}


def test_a_hold_and_its_release_at_once_leave_nothing_held(ledger, reserved):
    set_stock_levels({"cup": 5})

    outcomes = _at_once(
        [_hold_one(ledger, A, {"cup": 3}) for _ in range(5)] + [lambda: ledger.release(A)] * 5,
    )

    assert {type(outcome) for outcome in outcomes} <= {Held, ReservationReleased, type(None)}
    assert reserved() == {}


def test_the_same_batch_from_both_ends_never_deadlocks(ledger, reserved):
    set_stock_levels({"cup": 1000})
    batch = [HoldRequest(uuid4(), {"cup": 1}) for _ in range(300)]

    results = _at_once([lambda: ledger.hold(batch), lambda: ledger.hold(batch[::-1])] * 2)

    assert {type(outcome) for result in results for outcome in result} == {Held}
    assert reserved() == {"cup": 300}


def test_batches_in_any_order_never_deadlock_nor_oversell(ledger, reserved):
    set_stock_levels(dict.fromkeys(PRODUCTS, 40))
    chance = random.Random(7)
    ids = [uuid4() for _ in range(12)]

    def trade(seed: int) -> Callable[[], list[object]]:
        order = random.Random(seed)

        def run() -> list[object]:
            outcomes: list[object] = []
            for _ in range(15):
                batch = [
                    HoldRequest(
                        order.choice([uuid4(), order.choice(ids)]),
                        {product: order.randint(1, 3) for product in order.sample(PRODUCTS, 3)},
                        order.randint(1, 3),
                    )
                    for _ in range(order.randint(1, 6))
                ]
                outcomes += ledger.hold(batch)
                ledger.release(order.choice(ids) if order.random() < 0.1 else batch[0].reservation_id)
            return outcomes

        return run

    results = _at_once([trade(chance.randrange(10**6)) for _ in range(6)])

    outcomes = [outcome for result in results for outcome in result]
    assert len(outcomes) > 200
    assert {type(outcome).__name__ for outcome in outcomes if isinstance(outcome, InventoryError)} <= {
        "StockShortage",
        "ReservationReleased",
        "ReservationMismatch",
    }
    live: dict[str, int] = {}
    for reservation in Reservation.objects.exclude(state="released"):
        for product_id, quantity in zip(reservation.product_ids, reservation.quantities, strict=True):
            live[product_id] = live.get(product_id, 0) + quantity
    assert reserved() == live


def test_a_level_is_never_set_below_what_is_being_reserved(ledger, reserved):
    set_stock_levels({"cup": 5})

    def lower() -> object:
        try:
            set_stock_levels({"cup": 2})
        except ValueError as error:
            return error
        return None

    outcomes = _at_once([_hold_one(ledger, uuid4(), {"cup": 1}) for _ in range(5)] + [lower])

    held = sum(isinstance(outcome, Held) for outcome in outcomes)
    assert reserved().get("cup", 0) == held
    assert held in ((2,) if outcomes[-1] is None else (5,))
    assert all(isinstance(outcome, Held | StockShortage) for outcome in outcomes[:-1])


def test_who_joins_a_hold_touches_it_later_whenever_the_call_began(ledger):
    set_stock_levels({"cup": 5})
    first = ledger.hold([HoldRequest(A, {"cup": 1})])[0]
    # As when the twin's call began before this one's, and had to wait.
    Reservation.objects.update(updated_at=first.valid_until + timedelta(hours=1))
    touched_at = Reservation.objects.get().updated_at

    joined = ledger.hold([HoldRequest(A, {"cup": 1})])[0]

    assert joined.joined
    assert Reservation.objects.get().updated_at > touched_at
    assert not ledger.release_untouched(A, before=touched_at)
