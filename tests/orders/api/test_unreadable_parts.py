"""Parts of a body that one JSON reader passes over and another cannot read: a 400, wherever they stand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from orders.api.operations import POSTED
from orders.importing.lines import entry_of
from orders.rules.errors import OrderError
from tests.orders.asking import everything
from tests.orders.refusals import assert_refused

PARTS = {
    "a NUL beside a number beyond all": b'{"x": "\\u0000", "y": 1e400}',
    "a NUL beside 5,000 digits": b'["\\u0000", ' + b"9" * 5000 + b"]",
    "a NUL beside what is no UTF-8": b'["\\u0000", "\xff"]',
    "a NUL beside an endless nesting": b'["\\u0000", ' + b"[" * 2000 + b"]" * 2000 + b"]",
    "5,000 digits": b"-" + b"9" * 5000,
    "a number beyond all": b"1e99999999999999999999",
    "what is no UTF-8": b'"\xff"',
    "a name that is no UTF-8": b'{"\xff": 1}',
    "a lone surrogate": b'"\\ud800"',
    "a lone surrogate as a name": b'{"a\\u0000b~/": {"\\udfff": 1}}',
    "a NUL as a name": b'{"\\u0000": "\\u0000"}',
}
ORDER = b'{"customer_id": "c", "items": [{"product_id": "cup", "quantity": 1}], "note": %b}'
BODIES = {
    "POST /api/v1/orders": ORDER,
    "POST /api/v1/orders/bulk": b'{"operation": "confirm", "ids": ["{id}"], "arguments": %b}',
    "POST /api/v1/orders/bulk with an unknown field": b'{"operation": "confirm", "ids": ["{id}"], "x": %b}',
    "POST /order/create": b'{"customerId": "c", "items": [{"productId": "cup", "quantity": 1}], "x": %b}',
    "PATCH /api/v1/orders/{id}": b'{"metadata": {"k": %b}}',
    "PUT /order/update/{id}": b'{"trackingNumber": %b}',
    **{f"POST /api/v1/orders/{{id}}/{name}": b'{"reason": %b}' for name in POSTED},
}


def send(api: Client, route: str, order_id: str, body: bytes) -> Any:
    method, path, *_ = route.replace("{id}", order_id).split()
    headers = {"Idempotency-Key": "k"} if method == "POST" else {}
    return api.generic(method, path, body, content_type="application/json", headers=headers)


@pytest.mark.parametrize("route", BODIES)
def test_they_are_refused_and_nothing_happens(api, place_order, route):
    order_id = place_order(cup=1)["id"]
    before = everything()

    for part in PARTS.values():
        response = send(api, route, order_id, BODIES[route].replace(b"{id}", order_id.encode()) % part)

        assert_refused(response, 400, response.json()["code"])
        assert response.json()["code"] in ("malformed_json", "validation_error")
    assert everything() == before


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_in_a_batch_they_end_their_own_order_or_the_batch(api, stock, part):
    stock(cup=5)

    response = send(api, "POST /api/v1/orders/batch", "", b'{"orders": [%b, %b]}' % (ORDER % part, ORDER % b'""'))

    if response.status_code == 200:
        assert [result["status"] for result in response.json()["results"]] == [400, 201]
    else:
        assert_refused(response, 400, "malformed_json")


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("field", ["note", "metadata", "payments", "external_reference", "placed_at"])
def test_in_a_line_of_an_import_they_are_told_with_the_line(part, field):
    line = b'{"storefront": "au", "external_reference": "r", "placed_at": "2020-01-01T00:00:00Z", ' + ORDER[1:] % b'""'

    entry = entry_of(7, line[:-1] + b', "%b": %b}' % (field.encode(), part), now=datetime(2026, 1, 1, tzinfo=UTC))

    assert entry.line == 7
    assert isinstance(entry.content, OrderError)
    assert entry.content.code in ("malformed_json", "validation_error")
