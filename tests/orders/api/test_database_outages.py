"""A database that takes no changes, has no room or no connection left: nothing is lost, callers are told to wait."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.test import Client

from orders.models import Order
from tests.orders.refusals import assert_nothing_happened, assert_refused
from tests.outages import execute, full_disk, no_free_connection, read_only_database

ORDER = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
FIRST_VERSION_ORDER = {"customerId": "c", "items": [{"productId": "cup", "quantity": 1}]}
CHANGES = [
    ("post", "/api/v1/orders", ORDER),
    ("post", "/api/v1/orders/batch", {"orders": [ORDER, ORDER]}),
    ("post", "/order/create", FIRST_VERSION_ORDER),
    ("patch", "/api/v1/orders/{id}", {"note": "n"}),
    ("post", "/api/v1/orders/{id}/confirm", {}),
    ("post", "/api/v1/orders/bulk", {"operation": "confirm", "ids": ["{id}"]}),
    ("put", "/order/update/{id}", {"status": "confirmed"}),
    ("delete", "/api/v1/orders/{id}", None),
]

Outage = Callable[[], AbstractContextManager[None]]


OUTAGES = pytest.mark.parametrize(
    ("outage", "code", "retry_after"),
    [(read_only_database, "database_read_only", "5"), (full_disk, "database_full", "30")],
)


def ask(api: Client, method: str, path: str, body: object, order_id: str) -> Any:
    if isinstance(body, dict) and "ids" in body:
        body = body | {"ids": [order_id]}
    return getattr(api, method)(path.format(id=order_id), body, content_type="application/json")


@OUTAGES
@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_a_change_is_a_503_and_succeeds_afterwards(
    api, place_order, outage: Outage, code: str, retry_after: str, method, path, body
):
    order = place_order(cup=1)

    with outage():
        refused = ask(api, method, path, body, order["id"])
        unchanged = Order.objects.values("version", "status", "note").get()
    then = ask(api, method, path, body, order["id"])

    problem = assert_refused(refused, 503, code)
    assert refused.headers["Retry-After"] == retry_after
    assert "Nothing was changed." in problem["detail"]
    assert unchanged == {"version": 1, "status": "pending", "note": ""}
    assert then.status_code < 300, then.content


def test_the_first_version_is_told_in_its_envelope(api, stock):
    stock(cup=10)

    with read_only_database():
        answer = api.post("/order/create", FIRST_VERSION_ORDER, content_type="application/json")

    assert (answer.status_code, answer.json()["success"], answer.json()["data"]) == (503, False, None)
    assert answer.json()["message"].startswith("The service's database can only be read at the moment.")


@pytest.mark.parametrize("place_at_once", [True, False])
def test_nothing_is_left_of_an_order_that_could_not_be_written(api, stock, settings, place_at_once: bool):
    stock(cup=10)
    settings.PLACE_AT_ONCE = place_at_once

    with read_only_database():
        answer = api.post("/api/v1/orders", ORDER, content_type="application/json")

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert_nothing_happened()


def test_reading_goes_on_while_the_database_takes_no_changes(api, place_order):
    order = place_order(cup=1)

    with read_only_database():
        answers = [
            api.get(path) for path in ("/api/v1/orders", f"/api/v1/orders/{order['id']}", f"/order/{order['id']}")
        ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]


def test_a_connection_that_has_become_read_only_is_replaced(api, stock):
    """After a fail-over the old connection leads to a standby, and a new one to the primary."""
    stock(cup=10)
    execute("set default_transaction_read_only = on")

    first = api.post("/api/v1/orders", ORDER, content_type="application/json")
    second = api.post("/api/v1/orders", ORDER, content_type="application/json")

    assert_refused(first, 503, "database_read_only")
    assert second.status_code == 201


def test_a_server_without_a_free_connection_is_a_503(api, place_order):
    order = place_order(cup=1)

    with no_free_connection():
        changed = ask(api, "patch", "/api/v1/orders/{id}", {"note": "n"}, order["id"])
        read = api.get(f"/api/v1/orders/{order['id']}")

    for answer in (changed, read):
        assert_refused(answer, 503, "database_unavailable")
        assert answer.headers["Retry-After"] == "5"
    assert ask(api, "patch", "/api/v1/orders/{id}", {"note": "n"}, order["id"]).status_code == 200


@OUTAGES
def test_the_sweeper_loses_nothing_and_puts_no_order_off(api, place_order, outage: Outage, code, retry_after):
    order = place_order(cup=1)
    Order.objects.update(reserved_until="2020-01-01T00:00:00Z")

    with outage(), pytest.raises(DatabaseError):
        call_command("sweep", "--once")
    during = Order.objects.values("status").get()
    call_command("sweep", "--once")

    assert during == {"status": "pending"}
    assert api.get(f"/api/v1/orders/{order['id']}").json()["status"] == "canceled"


def test_a_command_says_that_the_database_cannot_be_used(place_order):
    order = place_order(cup=1)

    with read_only_database(), pytest.raises(CommandError, match="The database takes no changes: cannot execute"):
        call_command("order", "confirm", order["number"])

    assert Order.objects.get().status == "pending"
