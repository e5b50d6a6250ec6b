"""A restore is held up between its new hold and the order's lock for so long that the hold is swept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client

from inventory_client.models import Stock
from orders.models import Order
from tests.chaos.live_server import database_url
from tests.chaos.promises import broken_promises


@pytest.fixture
def somebody_else(database: None) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url()) as theirs:
        yield theirs


def restored(api_key: str, order_id: str) -> Any:
    try:
        client = Client(headers={"X-API-Key": api_key})
        return client.post(f"/api/v1/orders/{order_id}/restore", {}, content_type="application/json")
    finally:
        connection.close()


def test_an_order_does_not_come_back_on_stock_that_was_given_away(
    api_key: str,
    api: Client,
    inventory: Any,
    place_order: Callable[..., dict[str, Any]],
    stock: Callable[..., None],
    sweep: Callable[[], None],
    somebody_else: psycopg.Connection[Any],
):
    order_id = place_order(cup=1)["id"]
    api.delete(f"/api/v1/orders/{order_id}")
    stock(cup=1)

    with ThreadPoolExecutor(1) as pool:
        somebody_else.execute("select 1 from orders_order where id = %s for update", [order_id])
        held_up = pool.submit(restored, api_key, order_id)
        while not Stock.objects.get(pk="cup").reserved and not held_up.done():
            time.sleep(0.01)
        sweep()
        somebody_else.rollback()
        answer = held_up.result(timeout=60)

    assert (answer.status_code, answer.json()["code"]) == (409, "order_busy")
    assert Stock.objects.get(pk="cup").reserved == 0
    assert Order.objects.count() == 0
    assert broken_promises() == {}
    assert restored(api_key, order_id).status_code == 200
    assert Stock.objects.get(pk="cup").reserved == 1
    assert broken_promises() == {}
