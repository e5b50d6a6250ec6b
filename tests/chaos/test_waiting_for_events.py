"""Clients that wait for events at the running server: told of the next one, keeping nobody else from an answer."""

from __future__ import annotations

import contextlib
import http.client
import select
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from tests.chaos.live_server import LiveServer

GIVE_UP_SECONDS = 60

Ask = Callable[..., http.client.HTTPConnection]


@pytest.fixture(scope="module")
def server(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """Of one worker, whose bounds are those of everybody then."""
    with django_db_blocker.unblock():
        live = LiveServer(tmp_path_factory.mktemp("server"), workers=1)
    with live:
        yield live


@pytest.fixture
def ask(server: LiveServer, api_key: str) -> Iterator[Ask]:
    """Send a GET on a connection of its own, and wait for nothing."""
    with contextlib.ExitStack() as clients:

        def send(path: str, **headers: str) -> http.client.HTTPConnection:
            host = server.address.removeprefix("http://")
            client = clients.enter_context(
                contextlib.closing(http.client.HTTPConnection(host, timeout=GIVE_UP_SECONDS))
            )
            client.request("GET", path, headers={"X-API-Key": api_key, **headers})
            return client

        yield send


def test_who_waits_and_who_reads_a_stream_is_told_of_the_next_event(server, ask, call, place_order):
    first = place_order(cup=1)["id"]
    stream = ask("/api/v1/events", Accept="text/event-stream").getresponse()
    assert next_event(stream)["subject"] == first
    following = call("GET", "/api/v1/events").json()["next"].removeprefix(server.address)
    waiting = ask(f"{following}&wait=30")

    second = place_order(cup=1)["id"]

    assert [event["subject"] for event in orjson.loads(waiting.getresponse().read())["results"]] == [second]
    assert next_event(stream)["subject"] == second


def test_as_many_as_may_wait_keep_nobody_from_an_answer(ask, call, place_order):
    waiting = [ask("/api/v1/events?wait=30") for _ in range(51)]

    refused = first_answered(waiting)

    answer = refused.getresponse()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "10")
    assert orjson.loads(answer.read())["code"] == "too_many_waiting"
    assert call("GET", "/api/v1/events").json()["results"] == []
    assert call("GET", "/readyz").status == 200
    placed = place_order(cup=1)["id"]
    told = [orjson.loads(client.getresponse().read())["results"] for client in waiting if client is not refused]
    assert [[event["subject"] for event in events] for events in told] == [[placed]] * 50


def test_clients_that_left_leave_room(ask, call):
    waiting = [ask("/api/v1/events?wait=30") for _ in range(51)]
    assert first_answered(waiting).getresponse().status == 429
    for client in waiting:
        client.close()

    while (answer := call("GET", "/api/v1/events?wait=1")).status == 429:
        pass

    assert answer.json()["results"] == []


def first_answered(clients: list[http.client.HTTPConnection]) -> http.client.HTTPConnection:
    """The first that the server says something to."""
    by_socket = {client.sock: client for client in clients}
    readable, _, _ = select.select(list(by_socket), [], [], GIVE_UP_SECONDS)
    return by_socket[readable[0]]


def test_a_server_that_stops_waits_for_nobody_who_waits(server, ask, call, place_order):
    place_order(cup=1)
    stream = ask("/api/v1/events", Accept="text/event-stream").getresponse()
    next_event(stream)
    following = call("GET", "/api/v1/events").json()["next"].removeprefix(server.address)
    waiting = ask(f"{following}&wait=30")
    stream.readline()

    server.stop()

    assert stream.read() == b""
    assert orjson.loads(waiting.getresponse().read())["results"] == []
    server.start()
    server.wait_until_ready()


def next_event(stream: http.client.HTTPResponse) -> Any:
    """The data of the next event, whatever heartbeats come before it."""
    while not (line := stream.readline()).startswith(b"data: "):
        assert line
    return orjson.loads(line.removeprefix(b"data: "))
