"""A receiver of `order_changed` that fails undoes the change it was told of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from events.models import Event
from inventory_client.models import Reservation, Stock
from orders.announcing.signals import order_changed
from orders.models import Order
from tests.orders.refusals import assert_nothing_happened, assert_refused


@pytest.fixture
def failing_receiver() -> Iterator[list[str]]:
    """A receiver that raises for every change but `order.created`, unless its list says otherwise."""
    fails_for = ["order.updated", "order.deleted", "order.restored"]

    def fail(sender: Any, *, change: Any, **kwargs: Any) -> None:
        if change.type in fails_for:
            raise RuntimeError("The receiver is broken.")

    order_changed.connect(fail, dispatch_uid="tests.fail")
    yield fails_for
    order_changed.disconnect(dispatch_uid="tests.fail")


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "key-1"}])
@pytest.mark.parametrize("path", ["/api/v1/orders", "/api/v1/orders/batch", "/order/create"])
def test_placing_is_undone(api, stock, failing_receiver, path, headers):
    failing_receiver.append("order.created")
    api.raise_request_exception = False
    stock(cup=10)
    order = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 2}]}
    body = {
        "/api/v1/orders": order,
        "/api/v1/orders/batch": {"orders": [order, order]},
        "/order/create": {"customerId": "cus123", "items": [{"productId": "cup", "quantity": 2}]},
    }[path]

    response = api.post(path, body, content_type="application/json", headers=headers)

    assert_refused(response, 500, "internal_error")
    assert_nothing_happened()


def test_the_same_key_places_its_order_once_the_receiver_works_again(api, stock, failing_receiver):
    failing_receiver.append("order.created")
    api.raise_request_exception = False
    stock(cup=2)
    order = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 2}]}
    headers = {"Idempotency-Key": "key-1"}
    api.post("/api/v1/orders", order, content_type="application/json", headers=headers)
    failing_receiver.clear()

    response = api.post("/api/v1/orders", order, content_type="application/json", headers=headers)

    assert response.status_code == 201
    assert Stock.objects.get(pk="cup").reserved == 2


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("patch", "/api/v1/orders/{}", {"note": "new"}),
        ("delete", "/api/v1/orders/{}", {}),
        ("put", "/order/update/{}", {"status": "canceled"}),
        ("put", "/order/update/{}", {"status": "shipped", "trackingNumber": "1"}),
        ("put", "/order/update/{}", {"trackingNumber": "1"}),
        ("delete", "/order/delete/{}", {}),
    ],
)
def test_a_change_is_undone(api, place_order, failing_receiver, method, path, body):
    order = place_order(cup=2)
    api.raise_request_exception = False

    response = getattr(api, method)(path.format(order["id"]), body, content_type="application/json")

    assert_refused(response, 500, "internal_error")
    assert api.get(f"/api/v1/orders/{order['id']}").json() == order
    assert list(Event.objects.values_list("type", "sequence")) == [("order.created", 1)]
    assert Order.objects.get().stock_action is None
    assert (Reservation.objects.get().state, Stock.objects.get(pk="cup").reserved) == ("held", 2)
