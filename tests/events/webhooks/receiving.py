"""A receiver of webhooks on loopback: keeps what it is sent, and answers as it is told."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import orjson
from standardwebhooks import Webhook


class Received(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return orjson.loads(self.body)

    def verified_with(self, secret: str) -> Any:
        """As the independent package reads it; raises where the signature is wrong."""
        return Webhook(secret).verify(self.body, self.headers)


class Told(NamedTuple):
    """What to answer."""

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b"thanks"


class Receiver:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hooks?shop=au"
        self.received: list[Received] = []
        self.answer: Callable[[Received], Told] = lambda received: Told()

    def answers(self, *told: Told) -> None:
        """One after the other, the last one ever after."""
        left = list(told)
        self.answer = lambda received: left.pop(0) if len(left) > 1 else left[0]

    @property
    def sequences(self) -> list[int]:
        return [int(received.event["sequence"]) for received in self.received]


@contextmanager
def receiver() -> Iterator[Receiver]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                return  # whoever sent it was killed
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = Received(self.path, headers, body)
            with lock:
                ours.received.append(received)
                answer = ours.answer
            told = answer(received)
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Silent."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever was killed does not wait for the answer."""
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    ours = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield ours
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
