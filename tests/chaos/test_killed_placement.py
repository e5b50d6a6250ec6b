"""A process that dies by `kill -9` while it places an order: what is left, and what a repeat gets."""

from __future__ import annotations

from typing import get_args

import pytest
from django.test import Client

from inventory_client.faults import Fault, FaultKind, FaultyApplication, FaultyServer
from inventory_client.models import Stock
from inventory_client.server.wsgi import InventoryApplication
from orders.models import Order
from orders.operations.kill_points import PlacementPoint
from tests.chaos.conftest import close_http_inventory
from tests.chaos.promises import broken_promises

ORDERS = "/api/v1/orders"
BATCH = f"{ORDERS}/batch"
ONE = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 3}]}
TWO = {"orders": [ONE, {"customer_id": "cus123", "items": [{"product_id": "plate", "quantity": 2}]}]}

# Outcomes an inventory may have on purpose.
_REFUSALS = {FaultKind.SHORTAGE, FaultKind.UNKNOWN_PRODUCT}


@pytest.mark.parametrize("point", get_args(PlacementPoint))
def test_a_repeat_gets_its_one_order_before_and_after_the_sweep(point, die, repeat, sweep, stock, inventory):
    stock(cup=10)
    die(point, ORDERS, ONE, "before")
    die(point, ORDERS, ONE, "after")

    before_sweep = repeat(ORDERS, ONE, "before")
    sweep()
    reserved_when_swept = Stock.objects.get(pk="cup").reserved
    after_sweep = repeat(ORDERS, ONE, "after")
    once_more = repeat(ORDERS, ONE, "before")
    sweep()

    was_written = point == "after_write"
    assert (before_sweep.status_code, after_sweep.status_code) == (201, 201)
    assert before_sweep.headers.get("Idempotent-Replayed") == ("true" if was_written else None)
    assert after_sweep.headers.get("Idempotent-Replayed") == ("true" if was_written else None)
    assert reserved_when_swept == (6 if was_written else 3)
    assert once_more.content == before_sweep.content
    assert Order.objects.count() == 2
    assert {str(order_id) for order_id in Order.objects.values_list("pk", flat=True)} == {
        before_sweep.json()["id"],
        after_sweep.json()["id"],
    }
    assert Stock.objects.get(pk="cup").reserved == 6
    assert broken_promises() == {}


@pytest.mark.parametrize("point", ["after_hold", "after_write"])
def test_a_batch_leaves_no_half_behind(point, die, repeat, sweep, stock, inventory):
    stock(cup=10, plate=10)
    die(point, BATCH, TWO, "batch")

    sweep()
    reserved_when_swept = dict(Stock.objects.values_list("pk", "reserved"))
    answer = repeat(BATCH, TWO, "batch")

    was_written = point == "after_write"
    assert reserved_when_swept == ({"cup": 3, "plate": 2} if was_written else {"cup": 0, "plate": 0})
    assert [result["status"] for result in answer.json()["results"]] == [201, 201]
    assert dict(Stock.objects.values_list("pk", "reserved")) == {"cup": 3, "plate": 2}
    assert Order.objects.count() == 2
    assert broken_promises() == {}


@pytest.mark.parametrize("inventory", ["http"], indirect=True)
def test_a_process_that_dies_after_a_hold_whose_answer_went_wrong_leaves_nothing(die, repeat, sweep, stock, inventory):
    stock(cup=10)
    inventory.application.add(Fault(FaultKind.EFFECT_THEN_500))
    die("after_hold", ORDERS, ONE, "unlucky")

    sweep()
    reserved_when_swept = Stock.objects.get(pk="cup").reserved
    answer = repeat(ORDERS, ONE, "unlucky")

    assert (reserved_when_swept, answer.status_code) == (0, 201)
    assert Stock.objects.get(pk="cup").reserved == 3
    assert broken_promises() == {}


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind not in _REFUSALS])
def test_an_inventory_that_fails_twice_costs_no_stock_and_no_order(kind, repeat, sweep, stock, settings, api_key):
    """Twice, because the client itself repeats a first failure."""
    stock(cup=10)
    inventory = FaultyApplication(InventoryApplication())
    faults = [Fault(kind, seconds=1.2, method="PUT")] * 2
    keyless = Client(headers={"X-API-Key": api_key})

    with FaultyServer(inventory) as server:
        settings.INVENTORY_URL = server.url
        inventory.add(*faults)
        first = repeat(ORDERS, ONE, "key")
        inventory.clear()
        second = repeat(ORDERS, ONE, "key")
        inventory.add(*faults)
        without_key = keyless.post(ORDERS, ONE, content_type="application/json")
        inventory.clear()
        sweep()
        close_http_inventory()
    # Here delayed calls have arrived too: after the sweep.

    assert (first.status_code, second.status_code, without_key.status_code) == (503, 201, 503)
    assert first.headers["Content-Type"] == "application/problem+json"
    assert int(first.headers["Retry-After"]) >= 1
    assert Order.objects.count() == 1
    assert Stock.objects.get(pk="cup").reserved == 3
    assert broken_promises() == {}
