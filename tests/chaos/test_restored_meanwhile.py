"""Somebody else restores and deletes the order again while a restore holds its stock: it starts over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from django.db import connection
from django.test import Client

from inventory_client.client import HoldOutcome
from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Stock
from inventory_client.values import HoldRequest
from orders import operations
from orders.models import Order
from orders.operations import holding_again
from tests.chaos.promises import broken_promises

# Only a test that fails waits as long.
GIVE_UP_SECONDS = 120


class SlowLedger(EmbeddedLedger):
    """Does what a hold asks, and answers once it may."""

    def __init__(self) -> None:
        super().__init__(hold_grace_seconds=120)
        self.held = Event()
        self.may_answer = Event()

    def hold(self, requests: Sequence[HoldRequest]) -> list[HoldOutcome]:
        outcomes = super().hold(requests)
        self.held.set()
        assert self.may_answer.wait(GIVE_UP_SECONDS)
        return outcomes


def test_a_restore_does_not_go_past_a_release_the_inventory_has_not_heard_of(
    api: Client, place_order: Callable[..., dict[str, Any]], settings: Any, monkeypatch: Any
):
    path = f"/api/v1/orders/{place_order(cup=2)['id']}"
    slow_ledger = SlowLedger()
    api.delete(path)

    def restore() -> Any:
        try:
            return api.post(f"{path}/restore", {}, content_type="application/json")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with monkeypatch.context() as patch:
            patch.setattr(holding_again, "get_inventory", lambda: slow_ledger)
            held_up = threads.submit(restore)
            assert slow_ledger.held.wait(GIVE_UP_SECONDS)
        restored = restore()
        settings.INVENTORY_URL = "http://127.0.0.1:9"  # nobody hears of the release
        deleted_again = api.delete(path)
        settings.INVENTORY_URL = ""
        slow_ledger.may_answer.set()
        answer = held_up.result(GIVE_UP_SECONDS)

    assert [restored.status_code, deleted_again.status_code] == [200, 204]
    assert (answer.status_code, answer.json()["code"]) == (409, "order_busy")
    assert Order.objects.count() == 0
    assert Stock.objects.get().reserved == 2  # what the inventory has still to hear of, and nothing else
    assert operations.settle_orders() == (1, 0)
    assert Stock.objects.get().reserved == 0
    assert broken_promises() == {}
