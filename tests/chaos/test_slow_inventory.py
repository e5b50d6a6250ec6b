"""What the inventory is told takes its time, while the order goes on: nothing of what follows is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from uuid import UUID

from django.db import connection
from django.test import Client

from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Reservation, Stock
from orders import operations
from orders.models import Order
from orders.operations import settling
from tests.chaos.promises import broken_promises

# Only a test that fails waits as long.
GIVE_UP_SECONDS = 120


class SlowInventory:
    """Does what a release asks, and answers, once it may; told after the commit, as another service is."""

    def __init__(self) -> None:
        self._ledger = EmbeddedLedger(hold_grace_seconds=120)
        self.asked = Event()
        self.may_answer = Event()

    def release(self, reservation_id: UUID) -> None:
        self.asked.set()
        assert self.may_answer.wait(GIVE_UP_SECONDS)
        self._ledger.release(reservation_id)


def test_the_answer_about_the_first_hold_is_not_taken_for_one_about_the_second(
    api: Client, place_order: Callable[..., dict[str, Any]], settings: Any, monkeypatch: Any
):
    path = f"/api/v1/orders/{place_order(cup=2)['id']}"
    slow_inventory = SlowInventory()

    def delete() -> int:
        try:
            return api.delete(path).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with monkeypatch.context() as patch:
            patch.setattr(settling, "get_inventory", lambda: slow_inventory)
            deleted = threads.submit(delete)
            assert slow_inventory.asked.wait(GIVE_UP_SECONDS)
        restored = api.post(f"{path}/restore", {}, content_type="application/json")
        settings.INVENTORY_URL = "http://127.0.0.1:9"  # nobody hears of the second release
        deleted_again = api.delete(path)
        settings.INVENTORY_URL = ""
        slow_inventory.may_answer.set()

        assert [deleted.result(), restored.status_code, deleted_again.status_code] == [204, 200, 204]

    assert Order.all_objects.awaiting_inventory().count() == 1
    assert Reservation.objects.filter(state="held").count() == 1
    assert operations.settle_orders() == (1, 0)
    assert Stock.objects.get().reserved == 0
    assert broken_promises() == {}
