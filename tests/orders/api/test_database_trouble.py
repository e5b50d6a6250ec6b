"""A database that ends connections or cannot be reached: a 503 problem, and then all is well again."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import close_old_connections, connection

from orders.models import Order
from tests.orders.refusals import assert_nothing_happened, assert_refused

ORDER = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
REQUESTS: list[tuple[str, str, Any]] = [
    ("post", "/api/v1/orders", ORDER),
    ("post", "/order/create", {"customerId": "c", "items": [{"productId": "cup", "quantity": 1}]}),
    ("get", "/api/v1/orders", None),
    ("get", "/api/v1/orders/{id}", None),
    ("get", "/order/{id}", None),
    ("patch", "/api/v1/orders/{id}", {"note": "n"}),
    ("put", "/order/update/{id}", {"status": "confirmed"}),
    ("delete", "/api/v1/orders/{id}", None),
]


def end_the_connection() -> None:
    """As an administrator or a fail-over does: from another connection."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        (pid,) = cursor.fetchone()
    parameters = {**connection.get_connection_params()}
    for ours in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(ours, None)
    with psycopg.connect(**parameters) as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [pid])


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_a_connection_that_was_ended_is_a_503_once(api, place_order, method, path, body):
    order = place_order(cup=1)
    path = path.format(id=order["id"])
    end_the_connection()

    first = getattr(api, method)(path, body, content_type="application/json")
    close_old_connections()  # as the server does between requests; the test client does not
    orders_then = Order.objects.count()
    second = getattr(api, method)(path, body, content_type="application/json")

    assert_refused(first, 503, first.json()["code"])
    assert first.json()["code"] in ("database_unavailable", "inventory_outcome_unknown", "inventory_unavailable")
    assert "Retry-After" in first.headers
    assert orders_then == 1
    assert second.status_code < 300


def test_a_database_that_cannot_be_reached_is_a_503(api, stock):
    stock(cup=10)
    port = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = "1"
    try:
        answers = [
            getattr(api, method)(
                path.format(id="01a2068a-33c2-75f8-9a09-a014ce1a34b0"), body, content_type="application/json"
            )
            for method, path, body in REQUESTS
        ]
    finally:
        connection.close()
        connection.settings_dict["PORT"] = port

    for answer in answers:
        assert_refused(answer, 503, "database_unavailable")
        assert "127.0.0.1" not in answer.content.decode()
    assert_nothing_happened()
