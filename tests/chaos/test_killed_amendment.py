"""A process that dies by `kill -9` while it amends an order: order and reservation agree again."""

from __future__ import annotations

from typing import get_args

import pytest

from inventory_client.current import get_inventory
from inventory_client.models import Stock
from orders.models import Order
from orders.operations.kill_points import AmendmentPoint
from tests.chaos.promises import broken_promises

ORDERS = "/api/v1/orders"
ONE = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 3}]}


def reserved() -> dict[str, int]:
    return dict(Stock.objects.values_list("pk", "reserved"))


@pytest.mark.parametrize("point", get_args(AmendmentPoint))
@pytest.mark.parametrize("status", ["pending", "confirmed"])
def test_what_was_held_for_a_dead_amendment_is_given_back_and_a_repeat_succeeds(
    point, status, die, repeat, sweep, stock, inventory
):
    stock(cup=10, plate=10)
    order = repeat(ORDERS, ONE, "place").json()
    if status == "confirmed":
        repeat(f"{ORDERS}/{order['id']}/confirm", {}, "confirm")
    amendment = {"items": [{"product_id": "plate", "quantity": 4}, {"item_id": order["items"][0]["id"], "quantity": 2}]}
    path = f"{ORDERS}/{order['id']}/amend"
    die(point, path, amendment, "amend")

    reserved_when_dead = reserved()
    items_when_dead = Order.objects.get().items.count()
    sweep()
    reserved_when_swept = reserved()
    die(point, path, amendment, "amend")
    answer = repeat(path, amendment, "amend")
    sweep()

    assert reserved_when_dead == ({"cup": 3, "plate": 4} if point == "after_amend_hold" else {"cup": 3, "plate": 0})
    assert items_when_dead == 1
    assert reserved_when_swept == {"cup": 3, "plate": 0}
    assert answer.status_code == 200, answer.content
    assert [(item["product_id"], item["quantity"]) for item in answer.json()["items"]] == [("cup", 2), ("plate", 4)]
    assert reserved() == {"cup": 2, "plate": 4}
    held = get_inventory().get(Order.objects.get().reservation_id)
    assert held is not None
    assert (held.state, dict(held.lines)) == (
        "held" if status == "pending" else "confirmed",
        {"cup": 2, "plate": 4},
    )
    assert broken_promises() == {}
