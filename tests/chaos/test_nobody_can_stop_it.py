"""Slow, greedy and absent clients, against the running server: whatever they do, others are answered meanwhile.

Nothing here asks how long something takes, only what is answered while something else is not.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from django.db import connection, transaction

from orders.api.keys import make_key
from orders.models import Order, Storefront
from orders.rules.scopes import Scope
from tests.chaos.live_server import Answer, LiveServer

PLACE = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
GIVE_UP_SECONDS = 60

Start = Callable[..., LiveServer]
Connect = Callable[..., socket.socket]


@pytest.fixture
def start(database: None, tmp_path: Any) -> Iterator[Start]:
    """Start a server of one worker with the variables given."""
    with contextlib.ExitStack() as servers:
        yield lambda **variables: servers.enter_context(LiveServer(tmp_path, workers=1, **variables))


@pytest.fixture
def other_key() -> str:
    """The key of another storefront."""
    other = Storefront.objects.create(code="de", name="Germany", number_prefix="DE")
    return make_key(other, name="other", scopes=list(Scope))[1]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A connection on which this much of a request has been sent; with an empty last line its head is complete."""
    with contextlib.ExitStack() as clients:

        def open_one(server: LiveServer, *lines: str, body: bytes = b"") -> socket.socket:
            host, port = server.address.removeprefix("http://").split(":")
            client = clients.enter_context(socket.create_connection((host, int(port)), timeout=GIVE_UP_SECONDS))
            client.sendall("".join(f"{line}\r\n" for line in lines).encode() + body)
            return client

        yield open_one


@pytest.fixture
def place(connect: Connect) -> Connect:
    """The same for placing an order: its head, and as much of the body as is given."""

    def begin(server: LiveServer, key: str, length: int, body: bytes = b"") -> socket.socket:
        head = [
            *("POST /api/v1/orders HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"),
            *(f"X-API-Key: {key}", f"Content-Length: {length}", ""),
        ]
        return connect(server, *head, body=body)

    return begin


def answer_on(client: socket.socket) -> bytes:
    """All that comes until the server hangs up."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while part := client.recv(65536):
            answer += part
    return answer


def unanswered(client: socket.socket) -> bool:
    """Whether the server has neither answered nor hung up."""
    client.setblocking(False)
    try:
        client.recv(1)
    except BlockingIOError:
        return True
    finally:
        client.settimeout(GIVE_UP_SECONDS)
    return False


def is_well(server: LiveServer, key: str, *, order_id: str = "") -> bool:
    """Alive, ready, and somebody with this key reads."""
    path = f"/api/v1/orders/{order_id}" if order_id else "/api/v1/orders"
    answers = [server.call("GET", "/healthz"), server.call("GET", "/readyz"), read(server, path, key)]
    return [answer.status for answer in answers] == [200, 200, 200]


def read(server: LiveServer, path: str, key: str) -> Answer:
    return server.call("GET", path, headers={"X-API-Key": key})


def test_bodies_that_never_come_keep_nobody_waiting(start, place, api_key, other_key):
    server = start()
    assert is_well(server, api_key)  # from now on the worker knows the key

    stuck = [place(server, key, 1000) for key in [api_key] * 20 + ["unknown"] * 20]

    assert is_well(server, other_key)
    assert is_well(server, api_key)
    assert all(unanswered(client) for client in stuck)
    for client in stuck:
        client.close()


def test_a_body_that_does_not_come_in_time_is_a_408_and_does_nothing(start, place, api_key, stock):
    stock(cup=5)
    server = start(BODY_SECONDS="0.2")

    answer = answer_on(place(server, api_key, 1000, orjson.dumps(PLACE)))

    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"body_too_slow"' in answer
    assert not Order.all_objects.exists()
    assert is_well(server, api_key)


@pytest.mark.parametrize("begin", [(), ("GET /api/v1/orders HTTP/1.1", "Host: 127.0.0.1")])
def test_connections_that_ask_for_nothing_keep_nobody_waiting(start, connect, other_key, begin):
    server = start()

    idle = [connect(server, *begin) for _ in range(1200)]

    assert is_well(server, other_key)
    assert all(unanswered(client) for client in idle)
    for client in idle:
        client.close()
    assert is_well(server, other_key)


def test_answers_that_nobody_reads_keep_nobody_waiting(start, connect, api_key, other_key, place_order):
    for _ in range(20):
        place_order(cup=1)
    server = start()
    assert is_well(server, api_key)
    request = f"GET /api/v1/orders?limit=20 HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {api_key}\r\n\r\n"

    deaf = [connect(server, body=request.encode() * 400) for _ in range(20)]

    assert is_well(server, other_key)
    for client in deaf:
        client.close()
    assert is_well(server, api_key)


def test_one_storefront_cannot_keep_all_threads(start, api, api_key, other_key, place_order):
    order_id = place_order(cup=1)["id"]
    server = start(LOCK_TIMEOUT_MS="60000", STATEMENT_TIMEOUT_MS="60000", HOLD_GRACE_SECONDS="600")
    assert is_well(server, api_key)

    with ThreadPoolExecutor(6) as clients:
        with transaction.atomic():
            Order.objects.select_for_update().get(pk=order_id)
            path = f"/api/v1/orders/{order_id}/confirm"
            waiting = [
                clients.submit(server.call, "POST", path, headers={"X-API-Key": api_key, "If-Match": "*"})
                for _ in range(6)
            ]
            wait_for_locks(2)

            assert is_well(server, other_key)
            assert not [answer for answer in waiting if answer.done()]
        statuses = sorted(answer.result().status for answer in waiting)

    assert statuses == [200, 409, 409, 409, 409, 409]


def wait_for_locks(number: int) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("select pg_stat_clear_snapshot()")  # a transaction sees what it saw first
            cursor.execute(
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
            )
            if cursor.fetchone()[0] >= number:
                return
            time.sleep(0.01)
    raise AssertionError(f"{number} requests never waited for a lock.")


def test_a_key_has_its_due_and_then_waits(start, api_key, other_key, stock):
    stock(cup=100)
    server = start(WRITES_PER_SECOND="0.5")
    assert is_well(server, api_key)

    headers = {"X-API-Key": api_key}
    *placed, refused = until_refused(lambda: server.call("POST", "/api/v1/orders", PLACE, headers=headers))

    assert len(placed) >= 5  # ten seconds' worth, and what came back meanwhile on a slow machine
    assert (refused.code, refused.headers["RateLimit-Policy"]) == ("too_many_requests", '"writes";q=5;w=10')
    assert (refused.headers["RateLimit"][:12], int(refused.headers["Retry-After"])) == ('"writes";r=0', 2)
    assert {answer.status for answer in placed} == {201}
    assert Order.all_objects.count() == len(placed)
    assert read(server, "/api/v1/orders", api_key).headers["RateLimit-Policy"] == '"reads";q=5000;w=10'
    assert server.call("POST", "/api/v1/orders", PLACE, headers={"X-API-Key": other_key}).status == 201


def until_refused(ask: Callable[[], Answer]) -> list[Answer]:
    """What is answered up to the first 429, and that."""
    answers = [ask()]
    while answers[-1].status != 429:
        assert len(answers) < 200
        answers.append(ask())
    return answers


def test_a_storefront_may_have_limits_of_its_own(start, storefront, api_key, other_key):
    Storefront.objects.filter(pk=storefront.pk).update(reads_per_second=7, writes_per_second=0)
    server = start()
    assert is_well(server, api_key)
    assert is_well(server, other_key)

    assert read(server, "/api/v1/orders", api_key).headers["RateLimit-Policy"] == '"reads";q=70;w=10'
    assert read(server, "/api/v1/orders", other_key).headers["RateLimit-Policy"] == '"reads";q=5000;w=10'
    assert "RateLimit" not in server.call("POST", "/api/v1/orders", {}, headers={"X-API-Key": api_key}).headers


def test_an_address_without_a_key_has_its_due_too(start, api_key):
    server = start(ANONYMOUS_REQUESTS_PER_SECOND="0.5")
    assert is_well(server, api_key)  # one request, before the key was known

    *answered, refused = until_refused(lambda: server.call("GET", "/api/problems"))

    assert {answer.status for answer in answered} == {200}
    assert refused.headers["RateLimit-Policy"] == '"requests";q=5;w=10'
    assert is_well(server, api_key)


def test_only_so_many_bodies_of_one_key_are_read_at_once(start, place, api_key, other_key, stock):
    stock(cup=5)
    server = start()
    assert is_well(server, api_key)
    under_way = [place(server, api_key, 1000) for _ in range(101)]

    def order() -> Any:
        return server.call("POST", "/api/v1/orders", PLACE, headers={"X-API-Key": api_key})

    wait_until(lambda: order().status == 429)
    refused = order()

    assert (refused.code, refused.headers["Retry-After"]) == ("too_many_at_once", "1")
    assert is_well(server, api_key)
    assert is_well(server, other_key)
    for client in under_way:
        client.close()
    wait_until(lambda: order().status in (201, 409))


def wait_until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_client_that_sends_before_it_listens_reads_that_its_body_is_too_large(start, place, api_key):
    server = start(MAX_BODY_BYTES="100000")

    following = b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"
    answer = answer_on(place(server, api_key, 350_000, b"x" * 350_000 + following))

    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"code":"body_too_large"' in answer


def test_a_worker_that_is_killed_is_replaced(start, api_key):
    server = start()

    server.kill_workers()

    wait_until(lambda: answers(server))
    assert is_well(server, api_key)


def answers(server: LiveServer) -> bool:
    try:
        return server.call("GET", "/healthz").status == 200
    except Exception:
        return False


def test_many_who_ask_for_readiness_are_told_the_same_and_none_is_refused(start, connect):
    server = start(ANONYMOUS_REQUESTS_PER_SECOND="0.5")
    head = ("GET /readyz HTTP/1.1", "Host: 127.0.0.1", "Connection: close", "")

    asking = [connect(server, *head) for _ in range(150)]

    assert {answer_on(client)[:12] for client in asking} == {b"HTTP/1.1 200"}


def test_slow_bodies_of_strangers_keep_no_new_key_of_their_address_out(start, place, connect, api_key):
    server = start()
    for _ in range(110):
        place(server, "", 1000)
    head = ("POST /api/v1/orders HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 1000", "Connection: close", "")
    wait_until(lambda: answer_on(connect(server, *head, body=b"x" * 1000)).startswith(b"HTTP/1.1 429"))

    assert is_well(server, api_key)
    assert server.call("GET", "/api/problems").status == 200


@pytest.mark.parametrize(
    "head",
    [
        ("POST {path} HTTP/1.0",),
        ("POST {path} HTTP/1.1", "Content_Length: {length}"),
        ("POST {path} HTTP/1.1", "Transfer_Encoding: chunked"),
    ],
)
def test_a_body_whose_length_is_not_read_is_not_taken_for_none(start, connect, api, api_key, place_order, head):
    order = place_order(cup=3)
    server = start()
    body = orjson.dumps({"items": [{"item_id": order["items"][0]["id"], "quantity": 1}]})
    lines = [line.format(path=f"/api/v1/orders/{order['id']}/cancel", length=len(body)) for line in head]
    own = ("Host: 127.0.0.1", f"X-API-Key: {api_key}", "Content-Type: application/json", "Connection: close", "")

    answer = answer_on(connect(server, *lines, *own, body=body))

    assert answer.split(b" ")[1] == b"411"
    assert b'"code":"length_required"' in answer
    assert Order.objects.get().version == 1


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"-1\r\n", b"5\r\n{}"])
def test_chunks_that_cannot_be_read_are_a_400(start, connect, api_key, place_order, chunks):
    order_id = place_order(cup=3)["id"]
    server = start()
    head = [
        *(f"POST /api/v1/orders/{order_id}/cancel HTTP/1.1", "Host: 127.0.0.1", f"X-API-Key: {api_key}"),
        *("Content-Type: application/json", "Transfer-Encoding: chunked", ""),
    ]
    client = connect(server, *head, body=chunks)
    client.shutdown(socket.SHUT_WR)

    answer = answer_on(client)

    assert answer == b"" or b'"code":"body_incomplete"' in answer
    assert Order.objects.get().version == 1
