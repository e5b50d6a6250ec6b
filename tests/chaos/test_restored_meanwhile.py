"""Somebody else brings the order back and ends it again while its stock is being held anew: that starts over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client

from inventory_client.client import HoldOutcome
from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Stock
from inventory_client.values import HoldRequest
from orders import operations
from orders.models import Order
from orders.operations import holding_again
from orders.requests.operations import AmendedItem
from tests.base import perform
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


@pytest.mark.parametrize(("end", "bring_back"), [("delete", "restore"), ("cancel", "reinstate")])
def test_an_order_that_has_other_items_by_then_is_not_brought_back_on_the_units_it_had(
    api: Client, place_order: Callable[..., dict[str, Any]], stock: Any, monkeypatch: Any, end: str, bring_back: str
):
    order = place_order(cup=2)
    stock(cup=10)
    slow_ledger = SlowLedger()
    perform(end, order["id"])

    def ask() -> Any:
        try:
            path = f"/api/v1/orders/{order['id']}/{bring_back}"
            return api.post(path, {"reason": "after all"}, content_type="application/json")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with monkeypatch.context() as patch:
            patch.setattr(holding_again, "get_inventory", lambda: slow_ledger)
            held_up = threads.submit(ask)
            assert slow_ledger.held.wait(GIVE_UP_SECONDS)
        perform(bring_back, order["id"], reason="after all")
        perform("amend", order["id"], items=[AmendedItem(item_id=UUID(order["items"][0]["id"]), quantity=5)])
        perform(end, order["id"])
        assert operations.settle_orders()[1] == 0
        slow_ledger.may_answer.set()
        answer = held_up.result(GIVE_UP_SECONDS)

    assert (answer.status_code, answer.json()["code"]) == (409, "order_busy")
    assert Stock.objects.get().reserved == 0
    assert ask().status_code == 200
    assert Stock.objects.get().reserved == 5
    assert broken_promises() == {}
