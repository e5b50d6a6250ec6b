"""A commit that takes longer than the grace of a hold, as when a synchronous standby is away: its order is not to be
seen yet, and its stock is nobody else's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client

from inventory_client.models import Stock
from orders import operations
from orders.api.keys import make_key
from orders.models import Order, Storefront
from orders.rules.scopes import Scope
from tests.chaos.live_server import LiveServer, database_url
from tests.chaos.promises import broken_promises

LAST_ONE = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
# An order's commit waits as long as somebody holds this lock. (Asked for again and again: to wait for it would end
# with lock_timeout.)
_HOLD_COMMITS_UP = """
create function wait_for_the_standby() returns trigger language plpgsql as $$
begin
    while exists (select from pg_locks where locktype = 'advisory' and objid = 4711) loop
        perform pg_sleep(0.02);
    end loop;
    return null;
end $$;
create constraint trigger wait_for_the_standby after insert or update on orders_order
    deferrable initially deferred for each row execute function wait_for_the_standby();
"""


class Standby:
    """`leave` and `return_`: in between, no order's commit comes back."""

    def __init__(self) -> None:
        self._connection = psycopg.connect(database_url(), autocommit=True)

    def leave(self) -> None:
        self._connection.execute("select pg_advisory_lock(4711)")

    def return_(self) -> None:
        self._connection.execute("select pg_advisory_unlock_all()")

    def wait_for_a_commit(self) -> None:
        while not self.waiting_commits():
            time.sleep(0.02)

    def waiting_commits(self) -> int:
        (commits,) = self._connection.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
        ).fetchone() or (0,)
        return int(commits)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def standby(database: None) -> Iterator[Standby]:
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_COMMITS_UP)
    standby = Standby()
    yield standby
    standby.close()
    with connection.cursor() as cursor:
        cursor.execute("drop function wait_for_the_standby cascade")


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        (now,) = cursor.fetchone()
    assert isinstance(now, datetime)
    return now


def answer_of(api_key: str, path: str, body: Any) -> Any:
    try:
        return Client(headers={"X-API-Key": api_key}).post(path, body, content_type="application/json")
    finally:
        connection.close()


def test_the_last_unit_is_not_sold_again_while_an_order_waits_in_its_commit(
    api_key: str, inventory: Any, stock: Callable[..., None], sweep: Callable[[], None], standby: Standby
):
    stock(cup=1)
    standby.leave()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(answer_of, api_key, "/api/v1/orders", LAST_ONE)
        standby.wait_for_a_commit()
        sweep()
        reserved_meanwhile = Stock.objects.get(pk="cup").reserved
        standby.return_()
        first = waiting.result(timeout=60)
    second = answer_of(api_key, "/api/v1/orders", LAST_ONE)
    sweep()

    assert (first.status_code, second.status_code, second.json()["code"]) == (201, 409, "out_of_stock")
    assert reserved_meanwhile == Stock.objects.get(pk="cup").reserved == 1
    assert Order.objects.count() == 1
    assert broken_promises() == {}


def test_the_hold_of_an_order_that_comes_to_nothing_after_all_is_swept_later(
    api_key: str, inventory: Any, stock: Callable[..., None], standby: Standby
):
    """It was in use when the sweep came by, which must not be the last time that anybody looks at it."""
    stock(cup=1)
    long_ago = database_now()
    standby.leave()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(answer_of, api_key, "/api/v1/orders", LAST_ONE)
        standby.wait_for_a_commit()
        released_meanwhile, _, looked_until = operations.sweep_holds(after=long_ago, before=database_now())
        with connection.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and wait_event = 'PgSleep'"
            )
        lost = waiting.result(timeout=60)
    standby.return_()
    released_later, deadline = 0, time.monotonic() + 60
    while not released_later and time.monotonic() < deadline:
        released_later, _, looked_until = operations.sweep_holds(after=looked_until, before=database_now())

    assert (released_meanwhile, released_later) == (0, 1)
    assert lost.status_code == 503
    assert (Order.objects.count(), Stock.objects.get(pk="cup").reserved) == (0, 0)
    assert broken_promises() == {}


@pytest.mark.parametrize(("together", "waiting_at_once"), [("0", 2), ("1", 1)])
def test_commits_that_wait_keep_nobody_from_reading(
    database: None,
    stock: Callable[..., None],
    standby: Standby,
    tmp_path: Path,
    together: str,
    waiting_at_once: int,
):
    """While a standby is away every commit waits, of whichever storefront: together they leave a thread to reads."""
    products = {f"cup{number}": 1 for number in range(6)}
    stock(**products)
    keys = [
        make_key(
            Storefront.objects.create(code=code, name=code, number_prefix=code.upper()), name="t", scopes=list(Scope)
        )[1]
        for code in ("au", "nz", "de")
    ]

    with (
        LiveServer(tmp_path, workers=1, REQUEST_THREADS="3", PLACE_TOGETHER=together) as server,
        ThreadPoolExecutor(6) as pool,
    ):

        def ask(method: str, key: str, body: object = None) -> int:
            return server.call(method, "/api/v1/orders", body, headers={"X-API-Key": key}).status

        assert [ask("GET", key) for key in keys] == [200, 200, 200]  # from now on the worker knows them
        standby.leave()
        waiting = [
            pool.submit(
                ask,
                "POST",
                keys[number % 2],
                {"customer_id": "c", "items": [{"product_id": f"cup{number}", "quantity": 1}]},
            )
            for number in range(6)
        ]
        try:
            while standby.waiting_commits() < waiting_at_once:
                time.sleep(0.02)
            read = [ask("GET", keys[2]) for _ in range(5)]
            commits = standby.waiting_commits()
        finally:
            standby.return_()
        placed = [answer.result(timeout=60) for answer in waiting]

    assert (read, commits) == ([200] * 5, waiting_at_once)
    # Who waits for another one's commit for twenty seconds is told that nothing was placed.
    assert set(placed) <= {201, 503} if together == "1" else placed == [201] * 6
    assert broken_promises() == {}
