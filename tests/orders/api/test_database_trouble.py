"""A database that ends connections or cannot be reached: noticed in time, or a 503 problem; then all is well again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.core.signals import request_started
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.models import Order
from tests.orders.refusals import assert_nothing_happened, assert_refused
from tests.outages import unreachable_database

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


@contextmanager
def ended_under_way() -> Iterator[None]:
    """Every request begins well, and then loses its connection."""

    def end(**kwargs: Any) -> None:
        end_the_connection()

    request_started.connect(end)
    yield
    request_started.disconnect(end)


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_a_connection_that_ends_under_way_is_a_503_once(api, place_order, method, path, body):
    order = place_order(cup=1)
    path = path.format(id=order["id"])

    with ended_under_way():
        first = getattr(api, method)(path, body, content_type="application/json")
    connection.close()
    orders_then = Order.objects.count()
    second = getattr(api, method)(path, body, content_type="application/json")

    assert_refused(first, 503, first.json()["code"])
    assert first.json()["code"] in ("database_unavailable", "inventory_outcome_unknown", "inventory_unavailable")
    assert "Retry-After" in first.headers
    assert orders_then == 1
    assert second.status_code < 300


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_a_connection_that_was_ended_while_idle_is_noticed_before_it_is_used(api, place_order, method, path, body):
    order = place_order(cup=1)
    end_the_connection()

    answer = getattr(api, method)(path.format(id=order["id"]), body, content_type="application/json")

    assert answer.status_code < 300, answer.content


def test_looking_at_the_connection_costs_no_query_and_keeps_it(api, place_order):
    place_order(cup=1)
    server_process = connection.connection.info.backend_pid

    with CaptureQueriesContext(connection) as captured:
        api.get("/api/v1/orders")

    assert (len(captured), connection.connection.info.backend_pid) == (1, server_process)


def test_a_database_that_cannot_be_reached_is_a_503(api, stock):
    stock(cup=10)

    with unreachable_database():
        answers = [
            getattr(api, method)(
                path.format(id="01a2068a-33c2-75f8-9a09-a014ce1a34b0"), body, content_type="application/json"
            )
            for method, path, body in REQUESTS
        ]

    for answer in answers:
        assert_refused(answer, 503, "database_unavailable")
        assert "127.0.0.1" not in answer.content.decode()
    assert_nothing_happened()
