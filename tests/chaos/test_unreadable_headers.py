"""Headers that are not ASCII, against the running server: it hands them on empty, and empty is not absent."""

from __future__ import annotations

import pytest

from tests.orders.asking import read


@pytest.mark.parametrize("text", ["\x84", '"1"\xe9', "\xff"])
def test_a_condition_nobody_can_read_is_not_taken_for_none(call, api, place_order, text):
    order_id = place_order(cup=1)["id"]

    answer = call("POST", f"/api/v1/orders/{order_id}/confirm", {}, **{"If-Match": text})

    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (400, "If-Match")
    assert read(api, order_id)["status"] == "pending"


@pytest.mark.parametrize("text", ["\x84", "k\xe9"])
def test_a_key_nobody_can_read_is_not_taken_for_none(call, stock, text):
    stock(cup=1)
    body = {"customer_id": "c", "items": [{"product_id": "cup", "quantity": 1}]}

    answer = call("POST", "/api/v1/orders", body, **{"Idempotency-Key": text})

    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (400, "Idempotency-Key")
