"""No cache may keep what is somebody's own, and none may give it to somebody else."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

ORDER = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
MISSING = "01a2068a-33c2-75f8-9a09-a014ce1a34b0"


def assert_private(answer: Any, *, by: str, keeping: str = "private, no-store") -> None:
    assert answer.headers["Cache-Control"] == keeping
    assert set(by.split(", ")) <= set(answer.headers["Vary"].split(", "))


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("get", "/api/v1/orders", None, 200),
        ("get", "/api/v1/orders/{id}?version=1", None, 200),
        ("get", "/api/v1/orders/{id}/timeline", None, 200),
        ("get", "/api/v1/orders/{id}/actions", None, 200),
        ("post", "/api/v1/orders", ORDER, 201),
        ("post", "/api/v1/orders", {}, 400),
        ("post", "/api/v1/orders/batch", {"orders": [ORDER]}, 200),
        ("post", "/api/v1/orders/{id}/confirm", {}, 200),
        ("delete", "/api/v1/orders/{id}", None, 204),
        ("get", f"/api/v1/orders/{MISSING}", None, 404),
        ("put", "/api/v1/orders", {}, 405),
        ("get", "/order/{id}", None, 200),
        ("get", f"/order/{MISSING}", None, 404),
        ("put", "/order/update/{id}", {"status": "confirmed"}, 200),
        ("get", "/api/v1/nowhere", None, 404),
    ],
)
def test_what_a_key_is_answered_is_kept_by_nobody(api, place_order, method, path, body, status):
    order = place_order(cup=1)

    answer = getattr(api, method)(path.format(id=order["id"]), body, content_type="application/json")

    assert answer.status_code == status
    assert_private(answer, by="X-API-Key, Authorization")


def test_an_order_may_be_kept_by_its_reader_who_asks_each_time(api, place_order):
    path = f"/api/v1/orders/{place_order(cup=1)['id']}"

    read = api.get(path)
    again = api.get(path, headers={"If-None-Match": read.headers["ETag"]})

    assert (read.status_code, again.status_code) == (200, 304)
    for answer in (read, again):
        assert_private(answer, by="X-API-Key, Authorization", keeping="private, no-cache")


@pytest.mark.parametrize("path", ["/api/v1/orders", f"/order/{MISSING}", "/metrics"])
def test_a_refusal_for_want_of_a_key_is_kept_by_nobody(database, path):
    answer = Client().get(path)

    assert answer.status_code in (401, 403)
    assert_private(answer, by="X-API-Key, Authorization")


@pytest.mark.parametrize(("path", "status"), [("/admin/login/", 200), ("/admin/", 302), ("/admin/nowhere/", 302)])
def test_staff_pages_are_kept_by_nobody(database, path, status):
    answer = Client().get(path)

    assert answer.status_code == status
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Cookie" in answer.headers["Vary"]


@pytest.mark.parametrize("path", ["/api/", "/api/redoc/", "/api/schema/", "/api/problems", "/api/events/schemas/"])
def test_documents_that_are_everybodys_may_be_kept(client, path):
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"].startswith(("public", "max-age=300, public"))
    assert "X-API-Key" not in answer.headers.get("Vary", "")


def test_an_error_is_kept_by_nobody_even_where_documents_are(client):
    answer = client.get("/api/events/schemas/nothing.json")

    assert answer.status_code == 404
    assert_private(answer, by="X-API-Key, Authorization")
