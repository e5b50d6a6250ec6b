"""A server that is asked to stop ends, whatever its clients are at."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chaos.live_server import LiveServer

GIVE_UP_SECONDS = 120


@pytest.fixture
def silent_inventory() -> Iterator[tuple[str, threading.Event]]:
    """Takes every call, and answers none; told by the event that there was one."""
    called = threading.Event()
    with contextlib.ExitStack() as kept, socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.enter_context(listener.accept()[0])
                    called.set()

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", called
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_server_ends_with_requests_and_bodies_under_way(
    tmp_path: Any, api_key: str, silent_inventory: tuple[str, threading.Event]
):
    url, called = silent_inventory
    body = json.dumps({"customer_id": "c", "items": [{"product_id": "cup", "quantity": 1}]}).encode()
    head = f"POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {api_key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    live = LiveServer(tmp_path, INVENTORY_URL=url, INVENTORY_TIMEOUT_SECONDS="8")
    with live as server, contextlib.ExitStack() as clients:

        def client() -> socket.socket:
            address = ("127.0.0.1", int(server.address.rpartition(":")[2]))
            return clients.enter_context(socket.create_connection(address, timeout=GIVE_UP_SECONDS))

        asking, half_way, idle = client(), client(), client()
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in idle.recv(4096)
        half_way.sendall(head.encode() + body[:5])
        asking.sendall(head.encode() + body)
        assert called.wait(GIVE_UP_SECONDS)

        ended_as = server.ended_as(signal.SIGTERM, wait_seconds=GIVE_UP_SECONDS)
        answer = asking.recv(4096)

    assert ended_as == 0
    # What it had begun with it answered.
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b'"code":"inventory_outcome_unknown"' in answer
