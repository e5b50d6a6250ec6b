"""deploy/proxy/Caddyfile, tried with the program itself: before the service, and before a server that writes down what
reaches it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
import urllib3

from orders.api.errors import SERVICE_PROBLEMS
from orders.api.keys import make_key
from orders.models import Storefront
from orders.rules.scopes import Scope
from tests.chaos.live_server import environment
from tests.deploy.commands import ROOT
from tests.deploy.releases import Server
from tests.processes import running

pytestmark = pytest.mark.long

CADDYFILE: Final = (ROOT / "deploy/proxy/Caddyfile").read_text()
CADDY: Final = shutil.which("caddy", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
WAIT: Final = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def proxy(
    directory: Path, upstream: int, *, site: str = "", outer: str = "192.0.2.1/32", options: str = "", port: int = 0
) -> Iterator[int]:
    """Its port. `options` are global ones, for certificates that nobody outside has to give."""
    if CADDY is None:
        pytest.skip("caddy is not installed (tests/deploy/requirements.txt): the proxy's configuration was not tried")
    port = port or free_port()
    (directory / "Caddyfile").write_text(CADDYFILE.replace("\tadmin off\n", f"\tadmin off\n{options}\n"))
    variables = {
        "SITE": site or f"http://127.0.0.1:{port}",
        "UPSTREAM": f"127.0.0.1:{upstream}",
        "MAX_BODY_BYTES": "2500000",
        "OUTER_PROXY": outer,
        "XDG_DATA_HOME": str(directory),
        "XDG_CONFIG_HOME": str(directory),
    }
    command = [CADDY, "run", "--adapter", "caddyfile", "--config", str(directory / "Caddyfile")]
    with (
        (directory / "caddy.log").open("wb") as log,
        running(command, env=os.environ | variables, stdout=log, stderr=log) as process,
    ):
        deadline = time.monotonic() + WAIT
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=2).close()
                break
            assert process.poll() is None, (directory / "caddy.log").read_text()
            assert time.monotonic() < deadline, (directory / "caddy.log").read_text()
            time.sleep(0.05)
        yield port
        process.terminate()
        assert process.wait(40) == 0


@contextmanager
def recorder() -> Iterator[tuple[int, list[tuple[str, dict[str, str], bytes]]]]:
    """A server's port, and what has reached it: path, headers, and body once it is complete, in the order in which
    their heads came.
    """
    came: list[tuple[str, dict[str, str], bytes]] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                path = line.decode().split(" ")[1]
                headers = {}
                while (header := stream.readline().decode().strip()) != "":
                    name, _, value = header.partition(": ")
                    headers[name.lower()] = value
                at = len(came)
                came.append((path, headers, b""))
                length = int(headers.get("content-length", 0))
                body = stream.read() if "transfer-encoding" in headers else stream.read(length)
                if "transfer-encoding" in headers or len(body) < length:
                    return
                came[at] = (path, headers, body)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1], came
    listening.close()


def ask(port: int, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
    return urllib3.request(
        options.pop("method", "GET"), f"http://127.0.0.1:{port}{path}", retries=False, timeout=WAIT, **options
    )


def test_what_a_caller_says_of_its_address_and_scheme_is_replaced(tmp_path: Path):
    said = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    with recorder() as (upstream, came), proxy(tmp_path, upstream) as port:
        assert ask(port, "/api/v1/orders", headers=said).data == b"ok"
        assert ask(port, "/api/v1/events", headers=said).data == b"ok"

    for _, headers, _ in came:
        assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("127.0.0.1", "http")
        assert headers["host"] == f"127.0.0.1:{port}"


def test_another_proxy_before_it_is_believed_once_it_is_named(tmp_path: Path):
    said = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    with recorder() as (upstream, came), proxy(tmp_path, upstream, outer="127.0.0.1/32") as port:
        assert ask(port, "/api/v1/orders", headers=said).data == b"ok"

    (_, headers, _) = came[0]
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("203.0.113.7, 127.0.0.1", "https")


def test_the_service_is_asked_only_once_a_slow_client_has_sent_all(tmp_path: Path):
    with (
        recorder() as (upstream, came),
        proxy(tmp_path, upstream) as port,
        socket.create_connection(("127.0.0.1", port), timeout=WAIT) as slow,
    ):
        slow.sendall(b"POST /slow HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 6\r\nConnection: close\r\n\r\nabc")
        for number in range(20):
            assert ask(port, f"/quick/{number}").data == b"ok"
        slow.sendall(b"def")
        assert slow.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"

    assert [path for path, _, _ in came] == [*(f"/quick/{number}" for number in range(20)), "/slow"]
    assert came[-1][2] == b"abcdef"


@pytest.mark.parametrize("body", [b"x" * 2_500_001, [b"x" * 1_000_000] * 3])
def test_a_body_that_is_too_large_is_refused_as_the_service_would(tmp_path: Path, body: Any):
    with recorder() as (upstream, came), proxy(tmp_path, upstream) as port:
        refused = ask(port, "/api/v1/orders", method="POST", body=iter(body) if isinstance(body, list) else body)

    assert (refused.status, refused.headers["Content-Type"]) == (413, "application/problem+json")
    assert (refused.json()["code"], refused.json()["title"]) == (
        "body_too_large",
        SERVICE_PROBLEMS["body_too_large"][1],
    )
    # At most its head has reached the service.
    assert [body for _, _, body in came if body] == []


def test_a_service_that_is_away_is_a_503_that_says_when_to_come_back(tmp_path: Path):
    with proxy(tmp_path, free_port()) as port:
        refused = ask(port, "/api/v1/orders")

    assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    assert (refused.json()["code"], refused.json()["title"]) == ("service_busy", SERVICE_PROBLEMS["service_busy"][1])


def until_there(path: Path) -> None:
    deadline = time.monotonic() + WAIT
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.05)


@pytest.fixture
def key(storefront: Storefront, stock: Callable[..., None]) -> str:
    stock(cup=100)
    return make_key(storefront, name="test", scopes=list(Scope))[1]


def test_events_come_through_while_the_stream_goes_on(key: str, tmp_path: Path):
    service = Server(ROOT, environment(STATIC_ROOT=str(tmp_path), TRUST_PROXY_HEADERS="1", TRUSTED_PROXIES="1"))
    placed = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
    headers = {"X-API-Key": key}
    with service.running(tmp_path / "log"), proxy(tmp_path, service.port) as port:
        stream = ask(port, "/api/v1/events", headers=headers | {"Accept": "text/event-stream"}, preload_content=False)
        assert stream.status == 200
        # It has begun before there is anything to tell.
        order = ask(port, "/api/v1/orders", method="POST", headers=headers, json=placed)
        assert order.status == 201
        told, chunks = "", stream.read_chunked()
        while order.json()["id"] not in told:
            told += next(chunks).decode()
        waited = ask(port, "/api/v1/events?limit=1&wait=20", headers=headers)
        assert waited.json()["results"][0]["subject"] == order.json()["id"]
        stream.close()


def test_with_a_domain_it_serves_https_and_http_only_leads_there(key: str, tmp_path: Path):
    http, https = free_port(), free_port()
    ours = f"\tlocal_certs\n\tskip_install_trust\n\thttp_port {http}\n\thttps_port {https}"
    variables = environment(
        STATIC_ROOT=str(tmp_path),
        TRUST_PROXY_HEADERS="1",
        TRUSTED_PROXIES="1",
        HTTPS="1",
        ALLOWED_HOSTS="orders.example.com",
    )
    service = Server(ROOT, variables)
    with (
        service.running(tmp_path / "log"),
        proxy(tmp_path, service.port, site="orders.example.com", options=ours, port=https),
    ):
        led = ask(http, "/api/v1/orders", headers={"Host": "orders.example.com"}, redirect=False)
        certificate = tmp_path / "caddy/pki/authorities/local/root.crt"
        until_there(tmp_path / "caddy/certificates/local/orders.example.com/orders.example.com.json")
        trusting = ssl.create_default_context(cafile=str(certificate))
        pool = urllib3.HTTPSConnectionPool(
            "127.0.0.1", https, server_hostname="orders.example.com", assert_hostname="orders.example.com",
            ssl_context=trusting, timeout=WAIT, retries=False,
        )  # fmt: skip
        answer = pool.request("GET", "/api/v1/orders", headers={"Host": "orders.example.com", "X-API-Key": key})

    assert (led.status, led.headers["Location"]) == (308, "https://orders.example.com/api/v1/orders")
    assert (answer.status, answer.json()["results"]) == (200, [])
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"


def test_what_it_answers_itself_is_what_the_service_knows():
    bodies = [json.loads(line.split("`")[1]) for line in CADDYFILE.splitlines() if '"code"' in line]

    assert {body["code"]: (body["status"], body["title"]) for body in bodies} == {
        code: SERVICE_PROBLEMS[code] for code in ("body_too_large", "body_too_slow", "service_busy")
    }
