"""When a part of a change cannot be written, nothing of it is: no order without its event, and no event alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test import Client

from events.models import Event, OutboxEntry
from inventory_client.models import Stock
from orders.announcing.signals import order_changed
from orders.models import IdempotentAnswer, Order
from tests.chaos.promises import broken_promises

ORDERS = "/api/v1/orders"
NEW_ORDER = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 2}]}


@contextmanager
def failing_receiver() -> Iterator[None]:
    """Somebody connected a receiver of `order_changed` that raises."""

    def fail(**kwargs: Any) -> None:
        raise RuntimeError("This receiver always fails.")

    order_changed.connect(fail)
    try:
        yield
    finally:
        order_changed.disconnect(fail)


@contextmanager
def unwritable(table: str) -> Iterator[None]:
    """The database refuses every new row of the table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "create function tests_refuse() returns trigger language plpgsql as"
            " $$ begin raise exception 'no row may be written'; end $$"
        )
        cursor.execute(f"create trigger tests_refuse before insert on {table} execute function tests_refuse()")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("drop function tests_refuse() cascade")


@pytest.fixture
def client(api: Client) -> Client:
    """Gets the answer to a failure as a caller would, instead of its exception."""
    api.raise_request_exception = False
    return api


FAILURES = [
    pytest.param(failing_receiver, id="receiver"),
    pytest.param(lambda: unwritable("events_event"), id="event"),
    pytest.param(lambda: unwritable("events_outbox"), id="queue"),
]


@pytest.mark.parametrize(
    "failure",
    [
        *FAILURES,
        pytest.param(lambda: unwritable("orders_orderitem"), id="items"),
        pytest.param(lambda: unwritable("orders_idempotentanswer"), id="answer"),
    ],
)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param(ORDERS, NEW_ORDER, id="single"),
        pytest.param(f"{ORDERS}/batch", {"orders": [NEW_ORDER, NEW_ORDER]}, id="batch"),
    ],
)
def test_a_placement_that_cannot_be_written_whole_leaves_nothing_and_can_be_repeated(
    failure, path, body, client, stock
):
    stock(cup=10)

    with failure():
        refused = client.post(path, body, content_type="application/json", headers={"Idempotency-Key": "k"})
    left = (Order.objects.count(), Event.objects.count(), OutboxEntry.objects.count(), IdempotentAnswer.objects.count())
    reserved = Stock.objects.get(pk="cup").reserved
    repeated = client.post(path, body, content_type="application/json", headers={"Idempotency-Key": "k"})

    assert refused.status_code == 500
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert (left, reserved) == ((0, 0, 0, 0), 0)
    assert repeated.status_code in (200, 201)
    assert "Idempotent-Replayed" not in repeated.headers
    assert broken_promises() == {}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/v1/orders/{id}", {"note": "hello"}),
        ("DELETE", "/api/v1/orders/{id}", None),
        ("PUT", "/order/update/{id}", {"status": "canceled"}),
        ("PUT", "/order/update/{id}", {"trackingNumber": "1Z"}),
    ],
)
def test_a_change_that_cannot_be_told_is_not_made(failure, method, path, body, client, place_order):
    order = place_order(cup=2)

    with failure():
        refused = client.generic(method, path.format(id=order["id"]), _json(body), content_type="application/json")

    assert refused.status_code == 500
    assert client.get(f"{ORDERS}/{order['id']}").json() == order
    assert Stock.objects.get(pk="cup").reserved == 2
    assert Event.objects.count() == 1
    assert broken_promises() == {}


def _json(body: object) -> bytes:
    return b"" if body is None else orjson.dumps(body)
