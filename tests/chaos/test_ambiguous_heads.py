"""Heads of requests that can be understood in more than one way, against the running server."""

from __future__ import annotations

import contextlib
import socket
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from orders.models import Order
from tests.chaos.live_server import LiveServer
from tests.orders.asking import read

ORDER = b'{"customer_id": "c", "items": [{"product_id": "cup", "quantity": 1}]}'


@pytest.mark.parametrize("second", ["Idempotency-Key: k2", "Idempotency-Key: k1", "idempotency-key: k1"])
def test_two_keys_are_neither_one_nor_the_other(server, api_key, stock, second):
    stock(cup=1)

    status, problem = ask(server, api_key, "POST", "/api/v1/orders", "Idempotency-Key: k1", second, body=ORDER)

    assert (status, problem["code"]) == (400, "doubled_header")
    assert problem["detail"] == (
        "The header idempotency-key came more than once, and takes one value. Send it once; nothing was done."
    )
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "header", ["If-Match", "X-API-Key", "Authorization", "Content-Type", "Host"], ids=lambda name: name.lower()
)
def test_no_header_that_takes_one_value_is_taken_twice(server, api, api_key, place_order, header):
    order_id = place_order(cup=1)["id"]

    status, problem = ask(
        server, api_key, "POST", f"/api/v1/orders/{order_id}/confirm", f"{header}: 1", f"{header}: 1", body=b"{}"
    )

    assert (status, problem["code"]) == (400, "doubled_header")
    assert read(api, order_id)["status"] == "pending"


def test_preferences_may_come_one_by_one(server, api, api_key, place_order):
    order_id = place_order(cup=1)["id"]

    status, told = ask(
        server, api_key, "POST", f"/api/v1/orders/{order_id}/confirm", "Prefer: wait=5", "Prefer: dry-run", body=b"{}"
    )

    assert (status, told["order"]["status"]) == (200, "confirmed")
    assert read(api, order_id)["status"] == "pending"


@pytest.mark.parametrize("method", ["post", "Post", "PLACE", "CONNECT"])
def test_a_method_is_written_as_the_standard_writes_it(server, api_key, stock, method):
    stock(cup=1)

    status, problem = ask(server, api_key, method, "/api/v1/orders", body=ORDER)

    assert (status, problem["code"]) == (501, "unknown_method")
    assert not Order.objects.exists()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/", "/admin/"])
def test_nor_is_one_in_small_letters_taken_elsewhere(server, api_key, path):
    status, problem = ask(server, api_key, "get", path)

    assert (status, problem["code"]) == (501, "unknown_method")


def ask(
    server: LiveServer, api_key: str, method: str, path: str, *headers: str, body: bytes = b""
) -> tuple[int, dict[str, Any]]:
    """A request as it is written here; status and body of its answer."""
    address = urlsplit(server.address)
    usual = ["Content-Type: application/json", f"X-API-Key: {api_key}", "Host: 127.0.0.1"]
    named = {header.partition(":")[0].lower() for header in headers}
    head = [
        f"{method} {path} HTTP/1.1",
        *(header for header in usual if header.partition(":")[0].lower() not in named),
        *headers,
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65536):
                answer += part
    start, _, told = answer.partition(b"\r\n\r\n")
    return int(start.split()[1]), orjson.loads(told)
