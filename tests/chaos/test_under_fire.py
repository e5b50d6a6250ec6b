"""Clients that order without pause while servers are killed or lose their database connections."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Event as Flag
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from urllib3.exceptions import HTTPError

from events.models import Event, OutboxEntry
from inventory_client.models import Stock
from orders.models import IdempotentAnswer, Order
from tests.chaos.live_server import Answer, LiveServer
from tests.chaos.promises import broken_promises

ORDERS = "/api/v1/orders"
CLIENTS = 6
SETTLE_SECONDS = 60.0

pytestmark = pytest.mark.slow


@dataclass
class Seen:
    """What one client got."""

    placed: dict[str, bytes] = field(default_factory=dict)  # body by Idempotency-Key
    placed_without_key: list[bytes] = field(default_factory=list)
    changed: int = 0
    others: list[tuple[int, str, str]] = field(default_factory=list)  # status, content type, code
    unanswered: int = 0


class Shopper:
    """Orders one cup or plate after the other; repeats each request with a key until it is answered by a 201."""

    def __init__(self, number: int, servers: Sequence[LiveServer], api_key: str) -> None:
        self._number = number
        self._servers = servers
        self._headers = {"X-API-Key": api_key}
        self._random = random.Random(number)
        self.seen = Seen()

    def shop(self, closing_time: Flag) -> Seen:
        for turn in count():
            if closing_time.is_set():
                return self.seen
            product_id = self._random.choice(["cup", "plate"])
            body = {"customer_id": "cus", "items": [{"product_id": product_id, "quantity": self._random.randint(1, 3)}]}
            if turn % 4 == 3:
                answer = self._ask("POST", ORDERS, body)
                if answer is not None and answer.status == 201:
                    self.seen.placed_without_key.append(answer.body)
            else:
                self._order_for_certain(f"{self._number}-{turn}", body)
            time.sleep(0.01)  # leaves the processors to servers that are starting
        raise AssertionError("unreachable")

    def _order_for_certain(self, key: str, body: dict[str, Any]) -> None:
        while True:
            answer = self._ask("POST", ORDERS, body, **{"Idempotency-Key": key})
            if answer is not None and answer.status == 201:
                break
            time.sleep(0.02)
        self.seen.placed[key] = answer.body
        order = answer.json()
        changed = self._ask("PATCH", f"{ORDERS}/{order['id']}", {"note": key}, **{"If-Match": '"1"'})
        self.seen.changed += changed is not None and changed.status == 200

    def _ask(self, method: str, path: str, body: dict[str, Any], **headers: str) -> Answer | None:
        try:
            answer = self._random.choice(self._servers).call(method, path, body, headers=self._headers | headers)
        except HTTPError:
            self.seen.unanswered += 1
            return None
        if answer.status not in (200, 201):
            self.seen.others.append((answer.status, answer.headers["Content-Type"], answer.code))
        return answer


@contextlib.contextmanager
def shoppers(servers: Sequence[LiveServer], api_key: str) -> Iterator[list[Seen]]:
    """Clients at work while the block runs; what they saw is complete after it."""
    closing_time = Flag()
    seen: list[Seen] = []
    with ThreadPoolExecutor(CLIENTS) as threads:
        at_work = [threads.submit(Shopper(number, servers, api_key).shop, closing_time) for number in range(CLIENTS)]
        try:
            yield seen
        finally:
            closing_time.set()
            seen.extend(future.result(SETTLE_SECONDS) for future in at_work)
    _wait_for_statements_of_the_dead()


def _wait_for_statements_of_the_dead() -> None:
    """A database server notices late that its client was killed; until then its statement goes on."""
    deadline = time.monotonic() + SETTLE_SECONDS
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid() and state <> 'idle'"
            )
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.05)
    raise AssertionError("Statements of killed servers are still running.")


def assert_nothing_lost_or_doubled(seen: Sequence[Seen], sweep: Callable[[], None]) -> None:
    sweep()
    placed = {key: body for each in seen for key, body in each.placed.items()}
    stored = {answer.key: bytes(answer.body) for answer in IdempotentAnswer.objects.all()}
    ids = {str(order_id) for order_id in Order.objects.values_list("pk", flat=True)}
    ids_with_key = {_id_in(body) for body in placed.values()}
    ids_without_key = {_id_in(body) for each in seen for body in each.placed_without_key}

    assert broken_promises() == {}
    assert placed == stored
    assert len(ids_with_key) == len(placed)
    assert ids_with_key | ids_without_key <= ids
    created = Event.objects.filter(sequence=1, type="order.created")
    assert {str(order_id) for order_id in created.values_list("stream_id", flat=True)} == ids
    assert OutboxEntry.objects.filter(sequence=1).count() == len(ids)
    units = Counter(dict.fromkeys(["cup", "plate"], 0))
    for product_id, quantity in Order.objects.values_list("items__product_id", "items__quantity"):
        units[product_id] += quantity
    assert dict(Stock.objects.values_list("pk", "reserved")) == dict(units)


def _id_in(body: bytes) -> str:
    return str(UUID(body[7:43].decode()))  # {"id":"…


def _wait_for_another_order() -> None:
    """However slow the servers start, each has been at work when the next one is killed."""
    before, deadline = Order.objects.count(), time.monotonic() + SETTLE_SECONDS
    while Order.objects.count() == before:
        assert time.monotonic() < deadline, "no order is placed"
        time.sleep(0.01)


def test_killing_servers_at_random_moments_loses_and_doubles_nothing(storefront, api_key, stock, sweep, tmp_path: Path):
    stock(cup=1_000_000, plate=1_000_000)
    moments = random.Random(7)
    kills = 15

    with contextlib.ExitStack() as running:
        servers = []
        for number in range(3):
            directory = tmp_path / str(number)
            directory.mkdir()
            server = LiveServer(directory, workers=1)
            server.start()
            running.push(server)
            servers.append(server)
        servers[0].wait_until_ready()
        with shoppers(servers, api_key) as seen:
            for kill in range(kills):
                victim = servers[kill % len(servers)]
                victim.wait_until_ready()
                _wait_for_another_order()
                time.sleep(moments.uniform(0.0, 0.15))
                victim.kill()
                victim.start()
            servers[0].wait_until_ready()

    assert Order.objects.count() >= kills
    assert sum(each.unanswered for each in seen) > kills
    assert [refusal for each in seen for refusal in each.others] == []
    assert_nothing_lost_or_doubled(seen, sweep)


def test_terminated_database_connections_show_as_503_and_lose_or_double_nothing(server, api_key, stock, sweep):
    stock(cup=1_000_000, plate=1_000_000)
    terminated = 0

    with shoppers([server], api_key) as seen, connection.cursor() as cursor:
        deadline = time.monotonic() + SETTLE_SECONDS
        while terminated < 60 and time.monotonic() < deadline:
            time.sleep(0.05)
            cursor.execute(
                "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
                " order by random() limit 1) victim"
            )
            terminated += cursor.fetchone()[0]

    assert terminated >= 60
    refusals = {refusal for each in seen for refusal in each.others}
    assert (503, "application/problem+json", "database_unavailable") in refusals
    assert refusals <= {
        (503, "application/problem+json", "database_unavailable"),
        (503, "application/problem+json", "inventory_outcome_unknown"),  # the ledger stands in the same database
    }
    assert sum(each.unanswered for each in seen) == 0
    assert sum(len(each.placed) for each in seen) > CLIENTS
    assert_nothing_lost_or_doubled(seen, sweep)


def test_connections_that_ended_while_nobody_used_them_cost_nobody_a_refusal(server, api_key):
    """A pooler or a fail-over has ended them between two requests, of whichever worker and thread."""

    def read(_: int = 0) -> int:
        answer: Answer = server.call("GET", "/api/v1/orders", headers={"X-API-Key": api_key})
        return answer.status

    with ThreadPoolExecutor(16) as clients, connection.cursor() as cursor:
        assert set(clients.map(read, range(64))) == {200}
        cursor.execute(
            "select count(pg_terminate_backend(pid, 60000)) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
        )
        assert cursor.fetchone()[0] >= 2

        assert set(clients.map(read, range(64))) == {200}
