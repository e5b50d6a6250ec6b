"""What the inventory is told takes its time, while the order goes on: nothing of what follows is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from time import sleep
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


class Slowly:
    """A request in a thread of its own, until whose end the inventory has still to be told something."""

    def __init__(self, request: Callable[[], Any]) -> None:
        def run() -> None:
            self.answer = request()
            connection.close()

        self._thread = Thread(target=run)
        self._thread.start()
        while self.goes_on and not Order.all_objects.awaiting_inventory().exists():
            sleep(0.005)

    @property
    def goes_on(self) -> bool:
        return self._thread.is_alive()

    def wait(self) -> Any:
        self._thread.join()
        return self.answer


def test_the_answer_about_the_first_hold_is_not_taken_for_one_about_the_second(
    api: Client, place_order: Callable[..., dict[str, Any]], slow_inventory: FaultyServer, settings: Any
):
    path = f"/api/v1/orders/{place_order(cup=2)['id']}"
    # The first try is given up after 0.9 seconds; the second one gets its answer.
    slow_inventory.faults.add(*(Fault(FaultKind.SLOW, seconds=seconds, method="DELETE") for seconds in (1.2, 0.8)))

    slow = Slowly(lambda: api.delete(path))
    settings.INVENTORY_URL = ""  # the ledger behind it, without waiting
    restored = api.post(f"{path}/restore", {}, content_type="application/json")
    settings.INVENTORY_URL = "http://127.0.0.1:9"
    deleted_again = api.delete(path)
    in_time = slow.goes_on
    settings.INVENTORY_URL = slow_inventory.url
    deleted = slow.wait()

    assert ([deleted.status_code, restored.status_code, deleted_again.status_code], in_time) == ([204, 200, 204], True)
    assert Order.all_objects.awaiting_inventory().count() == 1
    assert Reservation.objects.filter(state="held").count() == 1
    assert operations.settle_orders() == (1, 0)
    assert Stock.objects.get().reserved == 0
    assert broken_promises() == {}
