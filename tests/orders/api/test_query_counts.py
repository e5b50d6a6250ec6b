"""How many statements each route costs once the key is known."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.api.operations import POSTED
from tests.orders.asking import ask, sell
from tests.orders.examples import EXAMPLES, ready_for

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
        # number what has arrived, read a page
        ("get", "/api/v1/events", None, 2),
        # begin, lock, document, update with the document afterwards, event, commit
        ("patch", "/api/v1/orders/{id}", {"note": "new"}, 6),
        # begin, lock, document, commit
        ("patch", "/api/v1/orders/{id}", {"note": ""}, 4),
        # the same as a change, and the stock that is given back with it
        ("delete", "/api/v1/orders/{id}", None, 7),
    ],
)
def test_a_route_costs_this_many_statements(api, place_order, stock, method, path, body, statements):
    order = place_order(cup=1)
    stock(cup=1000, plate=1000, bowl=1000)

    with CaptureQueriesContext(connection) as captured:
        response = getattr(api, method)(path.format(id=order["id"]), body, content_type="application/json")

    assert response.status_code < 300
    assert len(captured) == statements, [query["sql"][:80] for query in captured]


# A change takes 6: begin, lock, document and parts before, update with the document after, event, commit; one more
# where parts change, and one more where stock is confirmed, shipped or given back with it.
OPERATIONS = {
    "confirm": 7,
    "extend": 6,
    "amend": 13,
    "pack": 7,
    "ship": 8,
    "track": 7,
    "deliver": 7,
    "complete": 7,
    "undo_shipment": 8,
    "undo_delivery": 7,
    "undo_completion": 8,
    "cancel": 8,
    "reinstate": 13,
    "change_customer": 6,
    "record_payment": 8,
    "correct_payment": 7,
    "request_refund": 7,
    "approve_refund": 7,
    "reject_refund": 7,
    "fail_refund": 7,
    "request_return": 7,
    "approve_return": 7,
    "reject_return": 7,
    "receive_return": 8,
    "close_return": 7,
    "comment": 6,
    "hold": 6,
    "release_hold": 6,
    "restore": 10,
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_costs_this_many_statements(api, storefront, operation):
    order_id = sell(api)["id"]
    ready_for(operation, order_id)

    with CaptureQueriesContext(connection) as captured:
        response = ask(api, order_id, operation, **EXAMPLES[operation].body)

    assert response.status_code == 200
    assert len(captured) == OPERATIONS[operation], [query["sql"][:80] for query in captured]


def test_no_operation_is_missing_there():
    assert set(OPERATIONS) == set(POSTED)


def test_the_parts_of_an_order_make_no_difference_to_what_can_be_done_with_it(api, storefront):
    order_id = sell(api)["id"]
    ready_for("receive_return", order_id)

    with CaptureQueriesContext(connection) as captured:
        response = api.get(f"/api/v1/orders/{order_id}/actions")

    # the order, its items, refunds, returns, their items, shipments, and as there is a return, their items
    assert (response.status_code, len(captured)) == (200, 7)


def test_a_return_costs_the_same_however_many_there_are(api, storefront):
    placed = sell(api, {"product_id": "cup", "quantity": 4, "unit_amount": 100})
    ready_for("request_return", placed["id"])
    units = {"cause": "other", "items": [{"item_id": placed["items"][0]["id"], "quantity": 1}]}
    ask(api, placed["id"], "request_return", **units)
    costs = []

    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            assert ask(api, placed["id"], "request_return", **units).status_code == 200
        costs.append(len(captured))

    assert costs[0] == costs[1]


def test_each_order_of_several_costs_what_it_costs_alone(api, storefront):
    ids = [sell(api)["id"] for _ in range(3)]
    body = {"operation": "hold", "ids": ids, "arguments": {"kind": "fraud"}}

    with CaptureQueriesContext(connection) as captured:
        response = api.post("/api/v1/orders/bulk", body, content_type="application/json")

    assert [result["status"] for result in response.json()["results"]] == [200] * 3
    assert len(captured) == 3 * OPERATIONS["hold"]


def test_an_idempotency_key_costs_an_operation_two_statements_and_its_repeat_four(api, storefront):
    order_id = sell(api)["id"]
    costs = []

    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            ask(api, order_id, "hold", {"Idempotency-Key": "key-1"}, kind="fraud")
        costs.append(len(captured))

    # the key looked up and the answer kept; begin, lock, look up, rollback
    assert costs == [OPERATIONS["hold"] + 2, 4]


def test_a_rehearsal_costs_what_the_change_does_without_the_inventory(api, storefront):
    order_id = sell(api)["id"]

    with CaptureQueriesContext(connection) as captured:
        response = ask(api, order_id, "confirm", {"Prefer": "dry-run"})

    assert (response.status_code, len(captured)) == (200, 6)


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
