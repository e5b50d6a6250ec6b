"""A placement that writes its order once the hold may have been swept: nothing is written, nothing stays held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from inventory_client.models import Stock
from orders.models import Order
from tests.chaos.promises import broken_promises

BODY = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 3}]}


@pytest.mark.parametrize("at_once", [True, False])
def test_no_order_is_written_on_a_hold_that_may_have_been_swept(
    api: Client, inventory: Any, stock: Callable[..., None], settings: Any, at_once: bool
):
    stock(cup=10)
    settings.PLACE_AT_ONCE = at_once
    settings.HOLD_GRACE_SECONDS = 0  # from the next moment on a hold may be swept

    answer = api.post("/api/v1/orders", BODY, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (503, "placement_too_slow")
    assert "Retry-After" in answer.headers
    assert (Order.objects.count(), Stock.objects.get(pk="cup").reserved) == (0, 0)
    assert broken_promises() == {}
