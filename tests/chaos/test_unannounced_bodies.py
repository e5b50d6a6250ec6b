"""Bodies without a Content-Length, and bodies that never come, against the running server."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.chaos.live_server import LiveServer
from tests.orders.asking import read

CHUNKED = "Transfer-Encoding: chunked"
PARTIAL = {
    "cancel": {"items": [{"item_id": "<item>", "quantity": 1}]},
    "pack": {"items": [{"item_id": "<item>", "quantity": 1}]},
    "amend": {"items": [{"item_id": "<item>", "quantity": 3}]},
}


@pytest.fixture
def server(database: None, tmp_path: Any) -> Iterator[LiveServer]:
    with LiveServer(tmp_path, workers=1) as live:
        yield live


@pytest.mark.parametrize("operation", PARTIAL)
def test_a_body_in_chunks_is_read_like_any_other(server, api, api_key, place_order, operation):
    order = place_order(cup=5)
    body = orjson.dumps(PARTIAL[operation]).replace(b"<item>", order["items"][0]["id"].encode())

    answer = send(server, api_key, f"{order['id']}/{operation}", CHUNKED, chunks(body[:20], body[20:]))

    assert answer.startswith(b"HTTP/1.1 200")
    item = read(api, order["id"])["items"][0]
    assert (item["quantity"], item["canceled"]) == {"cancel": (5, 1), "pack": (5, 0), "amend": (3, 0)}[operation]
    if operation == "pack":
        assert read(api, order["id"])["shipments"][0]["items"][0]["quantity"] == 1


def test_an_order_can_be_placed_in_chunks(server, api_key, stock):
    stock(cup=5)
    body = b'{"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}'

    answer = send(server, api_key, "", CHUNKED, chunks(body))

    assert answer.startswith(b"HTTP/1.1 201")


@pytest.mark.parametrize(
    ("header", "sent"),
    [
        (CHUNKED, b""),
        (CHUNKED, b"28\r\n"),
        (CHUNKED, b'28\r\n{"items": ['),
        (CHUNKED, b"0\r\n\r\n"),
        ("Content-Length: 40", b""),
        ("Content-Length: 40", b'{"items": ['),
    ],
)
def test_a_body_that_was_announced_and_does_not_come_does_nothing(server, api, api_key, place_order, header, sent):
    order_id = place_order(cup=5)["id"]

    send(server, api_key, f"{order_id}/cancel", header, sent, then_leave=True)
    # One worker of one thread answers in turn: what was sent before has been dealt with.
    assert send(server, api_key, f"{order_id}/confirm", "Content-Length: 0", b"").startswith(b"HTTP/1.1 200")

    order = read(api, order_id)
    assert (order["status"], order["version"], order["items"][0]["canceled"]) == ("confirmed", 2, 0)


def test_chunks_without_an_end_are_too_large_at_some_time(server, api_key):
    most = 2_500_000
    chunk = b"%x\r\n%b\r\n" % (100_000, b"x" * 100_000)

    answer = send(server, api_key, "", CHUNKED, chunk * (most // 100_000 + 5) + b"0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"code":"body_too_large"' in answer


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def send(server: LiveServer, api_key: str, path: str, header: str, body: bytes, *, then_leave: bool = False) -> bytes:
    """A POST as it is written here; the whole answer, or nothing when the client leaves without it."""
    host, port = server.address.removeprefix("http://").split(":")
    head = [
        f"POST /api/v1/orders/{path} HTTP/1.1".replace("/ HTTP", " HTTP"),
        f"Host: {host}",
        f"X-API-Key: {api_key}",
        "Content-Type: application/json",
        "Connection: close",
        header,
    ]
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        if then_leave:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65536):
                answer += part
        return answer
