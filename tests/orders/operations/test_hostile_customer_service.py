"""Whatever a CustomerService answers, in whichever way, it is an answer in words, and the storefront decides."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from customer_client import current
from customer_client.http import HttpCustomers
from orders.models import Order, Storefront
from remote_calls.faults import FaultKind
from remote_calls.service import MAX_ANSWER_BYTES
from tests.orders.refusals import assert_nothing_happened, assert_refused
from tests.reference_customers import Customers, customers
from tests.talking import Talk, certificate, context, server, trusted

__all__ = ["customers"]

Answers = Callable[..., str]
OF_CUS123 = b'{"customer_id": "cus123", "active": true}'


@pytest.fixture(autouse=True)
def _shop(storefront: Storefront, stock: Any) -> None:
    stock(cup=1000)


@pytest.fixture
def ask_at(settings: Any) -> Iterator[Callable[[str], None]]:
    """Have customers asked for at an address."""
    settings.CUSTOMER_TIMEOUT_SECONDS = 0.6
    settings.CUSTOMER_CACHE_SECONDS = 60.0

    def ask(url: str) -> None:
        settings.CUSTOMER_URL = url

    yield ask
    if isinstance(client := current.get_customers(), HttpCustomers):
        client.close()
    current._http_customers.cache_clear()


@pytest.fixture
def talks(ask_at: Callable[[str], None]) -> Iterator[Callable[[Talk], None]]:
    """Have customers asked for at a server that says what it is told."""
    with ExitStack() as servers:
        yield lambda talk: ask_at(f"http://127.0.0.1:{servers.enter_context(server(talk))}")


def saying(answer: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        heard = b""
        while b"\r\n\r\n" not in heard and (part := connection.recv(65_536)):
            heard += part
        connection.sendall(answer)

    return talk


def with_length(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", body])


def place(api: Any) -> Any:
    body = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
    return api.post("/api/v1/orders", body, content_type="application/json")


@pytest.fixture
def storefronts_decide(api: Any, client_of: Any, other_storefront: Storefront) -> Callable[[], None]:
    """One refuses, in words; the other accepts what is to be looked at."""
    Storefront.objects.filter(pk=other_storefront.pk).update(customer_policy="accept")
    accepting = client_of(other_storefront)

    def decide() -> None:
        response = place(api)
        problem = assert_refused(response, 503, "customers_unavailable")
        assert problem["detail"] == (
            "It cannot be checked now whether the customer may order. No order was placed. Try again shortly."
        )
        assert 1 <= int(response.headers["Retry-After"]) <= 3600
        assert_nothing_happened()
        assert place(accepting).status_code == 201
        assert [hold["placed_by"] for hold in Order.objects.get().holds] == ["system:customer_check"]

    return decide


@pytest.mark.parametrize(
    "answer",
    [
        with_length(b" " * (MAX_ANSWER_BYTES + 1)),
        with_length(OF_CUS123 + b" " * MAX_ANSWER_BYTES),
        with_length(b'{"customer_id": "cus123", "active": tr'),
        with_length(b"[]"),
        with_length(b"null"),
        with_length(b'{"customer_id": 5, "active": true}'),
        with_length(b'{"customer_id": "cus123", "active": 1}'),
        with_length(b'{"customer_id": "cus123", "active": true, "more": ' + b"[" * 200_000),
        with_length(b'{"customer_id": "\\ud800", "active": true}'),
        with_length(OF_CUS123, b"Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n" + OF_CUS123,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n" + OF_CUS123,
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n" + OF_CUS123,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" + OF_CUS123,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
        b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: " + b"9" * 400 + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
    ids=[
        "a huge body",
        "a huge body that begins well",
        "half of a body",
        "a list",
        "null",
        "a number for the customer",
        "a number for yes",
        "nested without end",
        "half of a letter",
        "compressed, it says",
        "a chunk of less than nothing",
        "a chunk of more than there is",
        "a length of more than there is",
        "two lengths",
        "many headers",
        "many answers before the answer",
        "to come back in a thousand years",
        "no HTTP",
    ],
)
def test_what_cannot_be_read_tells_nothing_of_the_customer(storefronts_decide, talks, answer):
    talks(saying(answer))

    storefronts_decide()


def test_a_body_that_drips_without_end_is_cut_off(storefronts_decide, talks):
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        saying(b"HTTP/1.1 200 OK\r\n\r\n")(connection)
        while not over.wait(0.02):
            connection.sendall(b" ")

    talks(drip)
    try:
        storefronts_decide()
    finally:
        over.set()


@pytest.mark.parametrize("kind", [FaultKind.ENDLESS, FaultKind.REDIRECT])
def test_a_service_that_fails_so_on_demand_tells_nothing(storefronts_decide, customers: Customers, kind):
    customers.fail(kind)

    storefronts_decide()


def test_a_redirect_is_not_followed(storefronts_decide, customers: Customers, talks):
    elsewhere = f"{customers.url}/customers/cus123?storefront=au".encode()
    talks(saying(b"HTTP/1.1 307 There\r\nContent-Length: 0\r\nLocation: " + elsewhere + b"\r\n\r\n"))

    storefronts_decide()

    assert customers.asked == []


def test_a_certificate_must_be_of_the_name_and_of_somebody_who_is_trusted(api, ask_at, tmp_path: Path, monkeypatch):
    good, other = (certificate(tmp_path / name, name) for name in ("localhost", "other.example"))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted(tmp_path, good, other)))
    answer = saying(with_length(OF_CUS123))

    def place_at(secured: ssl.SSLContext) -> Any:
        with server(answer, secured=secured) as port:
            ask_at(f"https://localhost:{port}")
            return place(api)

    assert_refused(place_at(context(other, [])), 503, "customers_unavailable")
    assert_nothing_happened()
    assert place_at(context(good, [])).status_code == 201
    monkeypatch.delenv("SSL_CERT_FILE")
    assert_refused(place_at(context(good, [])), 503, "customers_unavailable")
