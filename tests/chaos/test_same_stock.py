"""Orders of the same products at the same moment: their own transactions release, confirm and hold the same stock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory_client.models import Stock
from orders import operations
from orders.announcing.signals import order_changed
from orders.requests.operations import AmendedItem
from tests.base import perform
from tests.chaos.live_server import database_url
from tests.chaos.test_races import Racer, do, order_in, race, rows_afterwards
from tests.orders.operations.lifecycle.order_rows import copies_of, rows_of, rows_of_each

ROUNDS: Final = 150
TOLD: Final = {"cancel": "release", "confirm": "confirm", "ship": "adjust"}


@pytest.fixture
def orders_of(place_order: Callable[..., dict[str, Any]], stock: Callable[..., None]) -> Callable[..., list[UUID]]:
    """Many orders of these units: `orders_of(cup=1, plate=2)`."""

    def make(**units: int) -> list[UUID]:
        order_id = UUID(place_order(**units)["id"])
        stock(**dict.fromkeys(units, 1_000_000))
        return [UUID(copy["orders_order"][0]["id"]) for copy in copies_of(rows_of(order_id), ROUNDS)]

    return make


def place(api: Client, *products: str) -> Racer:
    items = [{"product_id": product, "quantity": 1} for product in products]

    def post() -> None:
        response = api.post(
            "/api/v1/orders", {"customer_id": "cus123", "items": items}, content_type="application/json"
        )
        assert response.status_code == 201, response.content

    return post


def amend(order_id: UUID, *products: str) -> Racer:
    return lambda: perform(
        "amend", order_id, items=[AmendedItem(product_id=product, quantity=1) for product in products]
    )


@pytest.mark.parametrize("operation", ["cancel", "delete"])
def test_two_orders_give_the_same_products_back(orders_of, operation):
    some, others = orders_of(cup=1, plate=2, bowl=1), orders_of(bowl=3, plate=1, cup=1)

    outcomes = race([(do(operation, one), do("cancel", other)) for one, other in zip(some, others, strict=True)])

    assert Counter(outcomes) == {("done", "done"): ROUNDS}
    assert reserved() == {"cup": 2, "plate": 3, "bowl": 4}  # of the two that were copied
    rows_afterwards([*some, *others])


def test_an_order_gives_back_what_another_one_is_placed_with(api, orders_of):
    orders = orders_of(cup=1, plate=2, bowl=1)

    outcomes = race([(do("cancel", order_id), place(api, "plate", "cup", "bowl")) for order_id in orders])

    assert Counter(outcomes) == {("done", "done"): ROUNDS}
    rows_afterwards(orders)
    assert reserved() == {"cup": ROUNDS + 1, "plate": ROUNDS + 2, "bowl": ROUNDS + 1}


def test_an_order_gives_back_what_another_one_gets_more_of(orders_of):
    some, others = orders_of(cup=1, plate=2, bowl=1), orders_of(bowl=1)

    outcomes = race(
        [(do("cancel", one), amend(other, "plate", "cup")) for one, other in zip(some, others, strict=True)]
    )

    assert Counter(outcomes) == {("done", "done"): ROUNDS}
    rows_afterwards([*some, *others])
    assert reserved() == {"cup": ROUNDS + 1, "plate": ROUNDS + 2, "bowl": ROUNDS + 2}


def test_two_orders_ship_the_same_products(orders_of):
    some, others = orders_of(cup=1, plate=2), orders_of(plate=1, cup=1)
    for order_id in (*some, *others):
        perform("confirm", order_id)

    outcomes = race([(do("ship", one), do("ship", other)) for one, other in zip(some, others, strict=True)])

    assert Counter(outcomes) == {("done", "done"): ROUNDS}
    rows_afterwards([*some, *others])
    counts = Stock.objects.values_list("on_hand", "reserved", "shipped")
    assert counts.get(pk="cup") == (1_000_000 - 2 * ROUNDS, 2, 2 * ROUNDS)  # held are those that were copied
    assert counts.get(pk="plate") == (1_000_000 - 3 * ROUNDS, 3, 3 * ROUNDS)


def test_an_order_is_placed_while_another_ships_the_same_products(api, orders_of):
    shipped = orders_of(cup=1, plate=2)
    for order_id in shipped:
        perform("confirm", order_id)

    outcomes = race([(do("ship", order_id), place(api, "plate", "cup")) for order_id in shipped])

    assert Counter(outcomes) == {("done", "done"): ROUNDS}
    rows_afterwards(shipped)
    counts = Stock.objects.values_list("on_hand", "reserved", "shipped")
    assert counts.get(pk="cup") == (1_000_000 - ROUNDS, ROUNDS + 1, ROUNDS)


@pytest.mark.parametrize(
    ("operation", "table", "state"),
    [
        ("cancel", "inventory_stock", "held"),
        ("cancel", "inventory_reservation", "held"),
        ("confirm", "inventory_reservation", "held"),
        ("ship", "inventory_stock", "confirmed"),
        ("ship", "inventory_reservation", "confirmed"),
    ],
)
def test_stock_that_others_hold_at_this_moment_keeps_no_order_waiting(place_order, operation, table, state):
    order_id = UUID(place_order(cup=1, plate=2)["id"])
    if state == "confirmed":
        perform("confirm", order_id)
    version = order_in(rows_of(order_id))["version"]
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(f"select from {table} for update")
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = '50ms'")

        perform(operation, order_id)

        (rows,) = rows_of_each([order_id])
        assert (order_in(rows)["version"], order_in(rows)["stock_action"]) == (version + 1, TOLD[operation])
        assert [hold["state"] for hold in rows["inventory_reservation"]] == [state]
    finally:
        other.close()
        connection.close()  # and with it the short timeout

    assert operations.settle_orders() == (1, 0)
    rows_afterwards([order_id])


def test_stock_is_free_for_others_until_the_commit(place_order):
    order_id = place_order(cup=1)["id"]

    with psycopg.connect(database_url()) as others:

        def buy(**change: object) -> None:
            others.execute("select from inventory_stock where product_id = 'cup' for update nowait")
            others.rollback()

        order_changed.connect(buy)
        try:
            perform("cancel", order_id)
        finally:
            order_changed.disconnect(buy)

    assert Stock.objects.get(pk="cup").reserved == 0


def test_units_that_the_ledger_does_not_count_are_given_back_by_nobody(place_order):
    order_id = UUID(place_order(cup=1, plate=2)["id"])
    with connection.cursor() as cursor:
        cursor.execute("update inventory_stock set reserved = 1 where product_id = 'plate'")

    perform("cancel", order_id)

    (rows,) = rows_of_each([order_id])
    assert (order_in(rows)["status"], order_in(rows)["stock_action"]) == ("canceled", "release")
    assert reserved() == {"cup": 1, "plate": 1}


def test_confirming_and_releasing_take_no_statement_after_the_commit(place_order):
    kept, ended = UUID(place_order(cup=1)["id"]), UUID(place_order(cup=2)["id"])

    with CaptureQueriesContext(connection) as captured:
        perform("confirm", kept)
        perform("cancel", ended)

    assert [query["sql"] for query in captured][-1] == "COMMIT"
    assert [hold["state"] for rows in rows_of_each([kept, ended]) for hold in rows["inventory_reservation"]] == [
        "confirmed",
        "released",
    ]
    assert reserved() == {"cup": 1}


def reserved() -> dict[str, int]:
    return dict(Stock.objects.filter(reserved__gt=0).values_list("product_id", "reserved"))
