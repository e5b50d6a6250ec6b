"""A release that takes its time, while its order is brought back and deleted once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from inventory_client.faults import Fault, FaultKind, FaultyApplication, FaultyServer
from inventory_client.models import Reservation, Stock
from inventory_client.server.wsgi import InventoryApplication
from orders import operations
from orders.models import Order
from tests.chaos.conftest import close_http_inventory
from tests.chaos.promises import broken_promises


@pytest.fixture
def slow_inventory(database: None, settings: Any) -> Iterator[FaultyServer]:
    with FaultyServer(FaultyApplication(InventoryApplication())) as server:
        settings.INVENTORY_URL = server.url
        yield server
        close_http_inventory()


def test_the_answer_about_the_first_hold_is_not_taken_for_one_about_the_second(
    api: Client, place_order: Callable[..., dict[str, Any]], slow_inventory: FaultyServer
):
    path = f"/api/v1/orders/{place_order(cup=2)['id']}"
    slow_inventory.faults.add(Fault(FaultKind.SLOW, seconds=0.7, method="DELETE"))

    def delete_slowly() -> None:
        assert api.delete(path).status_code == 204
        connection.close()

    slow = Thread(target=delete_slowly)
    slow.start()
    while slow.is_alive() and not Order.all_objects.awaiting_inventory().exists():
        pass
    restored = api.post(f"{path}/restore", {}, content_type="application/json")
    slow_inventory.faults.add(*(Fault(FaultKind.UNAVAILABLE, method="DELETE") for _ in range(20)))
    deleted_again = api.delete(path)
    slow_was_still_waiting = slow.is_alive()
    slow.join()
    slow_inventory.faults.clear()
    waits = Order.all_objects.awaiting_inventory().count()

    assert (restored.status_code, deleted_again.status_code, slow_was_still_waiting) == (200, 204, True)
    assert (waits, Reservation.objects.filter(state="held").count()) == (1, 1)
    assert operations.settle_orders() == (1, 0)
    assert Stock.objects.get().reserved == 0
    assert broken_promises() == {}
