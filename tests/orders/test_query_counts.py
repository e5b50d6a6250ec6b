"""How many statements each route costs once the key is known."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

BODY = {"customer_id": "cus123", "items": [{"product_id": p, "quantity": 1} for p in ("cup", "plate", "bowl")]}


@pytest.mark.parametrize(
    ("method", "path", "body", "statements"),
    [
        # hold and write in one call
        ("post", "/api/v1/orders", BODY, 1),
        ("post", "/api/v1/orders/batch", {"orders": [BODY] * 100}, 1),
        ("post", "/order/create", {"customerId": "c", "items": [{"productId": "cup", "quantity": 1}]}, 1),
        ("get", "/api/v1/orders", None, 1),
        ("get", "/api/v1/orders/{id}", None, 1),
        ("get", "/order/{id}", None, 1),
        # begin, lock, update, document, event, commit
        ("patch", "/api/v1/orders/{id}", {"note": "new"}, 6),
        # begin, lock, document, commit
        ("patch", "/api/v1/orders/{id}", {"note": ""}, 4),
        # the same as a change, then the inventory: read what is to be told, tell it, note that it knows
        ("delete", "/api/v1/orders/{id}", None, 9),
    ],
)
def test_a_route_costs_this_many_statements(api, place_order, stock, method, path, body, statements):
    order = place_order(cup=1)
    stock(cup=1000, plate=1000, bowl=1000)

    with CaptureQueriesContext(connection) as captured:
        response = getattr(api, method)(path.format(id=order["id"]), body, content_type="application/json")

    assert response.status_code < 300
    assert len(captured) == statements, [query["sql"][:80] for query in captured]


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "key-1"}])
def test_an_idempotency_key_costs_no_statement_more(api, place_order, headers):
    place_order(cup=1)
    body = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}

    with CaptureQueriesContext(connection) as captured:
        response = api.post("/api/v1/orders", body, content_type="application/json", headers=headers)

    assert response.status_code == 201
    assert len(captured) == 1


def test_hold_and_write_are_two_calls_where_they_cannot_be_one(api, place_order, settings):
    place_order(cup=1)
    settings.PLACE_AT_ONCE = False
    body = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}

    with CaptureQueriesContext(connection) as captured:
        response = api.post("/api/v1/orders", body, content_type="application/json")

    assert response.status_code == 201
    assert len(captured) == 2


def test_a_key_costs_one_query_and_then_none(client_of, storefront):
    client = client_of(storefront)

    with CaptureQueriesContext(connection) as first:
        client.get("/api/v1/orders")
    with CaptureQueriesContext(connection) as second:
        client.get("/api/v1/orders")

    assert (len(first), len(second)) == (2, 1)


def test_a_wrong_key_costs_one_query_and_then_none(client_of, storefront):
    client = client_of(storefront)
    client.defaults["HTTP_X_API_KEY"] += "x"

    with CaptureQueriesContext(connection) as first:
        client.get("/api/v1/orders")
    with CaptureQueriesContext(connection) as second:
        client.get("/api/v1/orders")

    assert (len(first), len(second)) == (1, 0)
