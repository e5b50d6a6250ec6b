"""An inventory that is down, slow, dripping or talks nonsense: no order, and nothing stays held."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from inventory_client.faults import Fault, FaultKind
from inventory_client.models import Stock
from orders import operations
from orders.models import Order
from tests.orders.refusals import assert_nothing_happened, assert_refused

ORDER = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 2}]}


def place(api: Any, **headers: str) -> Any:
    return api.post("/api/v1/orders", ORDER, content_type="application/json", headers=headers)


def sweep() -> None:
    now = timezone.now() + timedelta(minutes=10)
    operations.sweep_holds(after=now - timedelta(days=1), before=now)


def test_places_orders_over_http(api, stock, remote):
    stock(cup=10)

    assert place(api).status_code == 201
    assert Stock.objects.get(pk="cup").reserved == 2


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (FaultKind.UNAVAILABLE, 503, "inventory_unavailable"),
        (FaultKind.SLOW, 503, "inventory_outcome_unknown"),
        (FaultKind.DRIP, 503, "inventory_outcome_unknown"),
        (FaultKind.LOST_REPLY, 503, "inventory_outcome_unknown"),
        (FaultKind.HANG_UP, 503, "inventory_outcome_unknown"),
        (FaultKind.EFFECT_THEN_500, 503, "inventory_outcome_unknown"),
        (FaultKind.GARBAGE, 503, "inventory_outcome_unknown"),
        (FaultKind.SHORTAGE, 409, "out_of_stock"),
        (FaultKind.UNKNOWN_PRODUCT, 422, "unknown_product"),
    ],
)
def test_each_trouble_is_a_refusal_that_leaves_nothing_once_swept(api, stock, remote_in_a_hurry, kind, status, code):
    stock(cup=10)
    # More often than the client tries; only the call that holds.
    remote_in_a_hurry.application.add(*[Fault(kind, seconds=1.0, method="PUT")] * 8)

    response = place(api, **{"Idempotency-Key": "key-1"})

    assert_refused(response, status, code)
    assert ("Retry-After" in response.headers) == (status == 503)
    remote_in_a_hurry.application.clear()
    sweep()
    assert_nothing_happened()


@pytest.mark.parametrize("kind", [FaultKind.LOST_REPLY, FaultKind.EFFECT_THEN_500, FaultKind.GARBAGE])
def test_the_same_key_gets_its_one_order_after_an_unknown_outcome(api, stock, remote, kind):
    stock(cup=2)
    remote.application.add(*[Fault(kind, method="PUT")] * 8)
    place(api, **{"Idempotency-Key": "key-1"})
    remote.application.clear()

    response = place(api, **{"Idempotency-Key": "key-1"})

    assert response.status_code == 201
    assert Order.objects.count() == 1
    assert Stock.objects.get(pk="cup").reserved == 2


@pytest.mark.parametrize("path", ["/api/v1/orders", "/order/create"])
def test_an_inventory_that_is_not_there_is_a_503(api, stock, settings, path):
    stock(cup=10)
    settings.INVENTORY_URL = "http://127.0.0.1:9"
    body = ORDER if "v1" in path else {"customerId": "c", "items": [{"productId": "cup", "quantity": 1}]}

    response = api.post(path, body, content_type="application/json")

    assert_refused(response, 503, "inventory_unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    assert_nothing_happened()


def test_a_batch_says_so_for_each_of_its_orders(api, stock, settings):
    stock(cup=10)
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    response = api.post("/api/v1/orders/batch", {"orders": [ORDER, ORDER]}, content_type="application/json")

    assert [(r["status"], r["error"]["code"]) for r in response.json()["results"]] == [
        (503, "inventory_unavailable"),
        (503, "inventory_unavailable"),
    ]
    assert_nothing_happened()


def test_reading_and_changing_orders_goes_on_without_the_inventory(api, place_order, settings):
    path = f"/api/v1/orders/{place_order(cup=1)['id']}"
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    assert api.get(path).status_code == 200
    assert api.patch(path, {"note": "n"}, content_type="application/json").status_code == 200
    assert api.delete(path).status_code == 204
