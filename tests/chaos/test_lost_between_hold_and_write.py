"""Hold and write are one call, but two transactions: what a connection that breaks between them leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from inventory_client.models import Stock
from orders.models import Order
from tests.chaos.promises import broken_promises

BODY = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 3}]}


@pytest.fixture
def slow_writing(database: None) -> Iterator[Callable[[], None]]:
    """Writing an order takes for ever, until the fixture's value is called."""
    with connection.cursor() as cursor:
        cursor.execute(
            "create function slow_write() returns trigger language plpgsql as "
            "$$ begin perform pg_sleep(60); return new; end $$"
        )
        cursor.execute(
            "create trigger slow_write before insert on orders_order for each row execute function slow_write()"
        )

    def end() -> None:
        with connection.cursor() as cursor:
            cursor.execute("drop function if exists slow_write cascade")

    yield end
    end()


def _end_the_call_that_writes() -> None:
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                "where datname = current_database() and wait_event = 'PgSleep'"
            )
            if cursor.fetchone() == (1,):
                return
        time.sleep(0.05)
    raise AssertionError("No call was seen writing.")


@pytest.mark.parametrize("swept_first", [False, True])
def test_the_hold_is_joined_by_the_repeat_or_swept(api_key, stock, sweep, slow_writing, swept_first):
    stock(cup=10)

    def send() -> Any:
        try:
            client = Client(headers={"X-API-Key": api_key, "Idempotency-Key": "key-1"})
            return client.post("/api/v1/orders", BODY, content_type="application/json")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(send)
        _end_the_call_that_writes()
        first = lost.result(timeout=60)
        slow_writing()
        reserved_when_lost = Stock.objects.get(pk="cup").reserved
        if swept_first:
            sweep()
        reserved_before_repeat = Stock.objects.get(pk="cup").reserved
        repeat = pool.submit(send).result(timeout=60)
    sweep()

    assert (first.status_code, first.json()["code"]) == (503, "database_unavailable")
    assert (reserved_when_lost, reserved_before_repeat) == (3, 0 if swept_first else 3)
    assert repeat.status_code == 201
    assert Order.objects.count() == 1
    assert Stock.objects.get(pk="cup").reserved == 3
    assert broken_promises() == {}
