"""Placements that wait for another one's call are placed in one call, and what becomes of one is nobody else's."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import Client

from inventory_client.current import get_inventory
from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Stock
from inventory_client.values import HoldRequest
from orders.models import Order, Storefront
from orders.operations.placing_together import MOST_ORDERS, Together, together
from orders.operations.writing import NewRows
from orders.rules.errors import PlacementTooSlow
from orders.rules.ids import new_id
from tests.chaos.live_server import database_url
from tests.chaos.promises import broken_promises

GIVE_UP_SECONDS: Final = 120
_GATE: Final = 4711
_GATE_OF_BOWLS: Final = 4712
# No lock timeout ends this wait: nobody waits for a lock, it is tried.
_GATED: Final = f"""
create or replace function test_gate() returns trigger language plpgsql as $$
begin
    while not pg_try_advisory_xact_lock_shared({_GATE} + ('bowl' = any (new.product_ids))::integer) loop
        perform pg_sleep(0.005);
    end loop;
    return null;
end
$$;
create trigger test_gate after insert on inventory_reservation for each row execute function test_gate();
"""
_UNGATED: Final = "drop trigger test_gate on inventory_reservation; drop function test_gate()"


class Shop:
    """Places orders in threads of its own while the inventory is held up, and lets them go on."""

    def __init__(self, api_key: str, threads: ThreadPoolExecutor, gate: psycopg.Connection[Any]) -> None:
        self._api_key = api_key
        self._threads = threads
        self._gate = gate
        self.answers: list[Future[Any]] = []

    def shut(self, gate: int = _GATE) -> None:
        self._gate.execute(f"select pg_advisory_lock({gate})")

    def open(self, gate: int = _GATE) -> None:
        self._gate.execute(f"select pg_advisory_unlock({gate})")

    def place_first(self, **lines: int) -> None:
        """One order, whose call begins at once and waits at the gate."""
        self.shut()
        self._ask(lines, {}, "")
        _until(lambda: self.calls_at_a_gate() == 1)

    def place(self, *, key: str = "", waiting: int | None = None, **lines: Any) -> None:
        """One order more, which waits for the call under way; its fields other than lines begin with an underscore."""
        fields = {name[1:]: lines.pop(name) for name in list(lines) if name.startswith("_")}
        before = together.waiting
        self._ask(lines, fields, key)
        _until(lambda: together.waiting == (before + 1 if waiting is None else waiting))

    def ask(self, *, key: str = "", **lines: int) -> None:
        """One order more, whatever becomes of it."""
        self._ask(lines, {}, key)

    def place_now(self, *, key: str = "", **lines: Any) -> Any:
        fields = {name[1:]: lines.pop(name) for name in list(lines) if name.startswith("_")}
        self._ask(lines, fields, key)
        return self.answers.pop().result(GIVE_UP_SECONDS)

    def told(self) -> list[int | tuple[int, str]]:
        """The answers in the order of the requests: the status, with the code of a refusal."""
        return [_told(answer.result(GIVE_UP_SECONDS)) for answer in self.answers]

    def end_calls(self) -> None:
        """As an operator or a fail-over would."""
        self._gate.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where query ilike '%orders_place_at_once%' and pid <> pg_backend_pid() and datname = current_database()"
        )

    def calls_at_a_gate(self) -> int:
        found = self._gate.execute(
            "select count(*) from pg_stat_activity where query ilike '%orders_place_at_once%' and state = 'active'"
            " and pid <> pg_backend_pid() and datname = current_database()"
        ).fetchall()
        return int(found[0][0])

    def _ask(self, lines: dict[str, int], fields: dict[str, Any], key: str) -> None:
        items = [{"product_id": product, "quantity": units, "unit_amount": 100} for product, units in lines.items()]
        headers = {"X-API-Key": self._api_key} | ({"Idempotency-Key": key} if key else {})
        body = {"customer_id": "c1", "items": items} | fields

        def ask() -> Any:
            try:
                client = Client(headers=headers, raise_request_exception=False)
                return client.post("/api/v1/orders", body, content_type="application/json")
            finally:
                connection.close()

        self.answers.append(self._threads.submit(ask))


@pytest.fixture
def shop(api_key: str, stock: Callable[..., None]) -> Iterator[Shop]:
    stock(cup=100, plate=100, bowl=2)
    with (
        psycopg.connect(database_url(), autocommit=True) as gate,
        ThreadPoolExecutor(32) as threads,
        connection.cursor() as cursor,
    ):
        cursor.execute(_GATED)
        try:
            yield Shop(api_key, threads, gate)
        finally:
            gate.execute("select pg_advisory_unlock_all()")
            threads.shutdown()
            cursor.execute(_UNGATED)


def _told(answer: Any) -> int | tuple[int, str]:
    return answer.status_code if answer.status_code < 300 else (answer.status_code, answer.json()["code"])


def _until(fact: Callable[[], bool]) -> None:
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not fact():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def transactions() -> list[int]:
    """How many orders each transaction has written."""
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from orders_order group by xmin order by 1")
        return [orders for (orders,) in cursor.fetchall()]


def reserved() -> dict[str, int]:
    return dict(Stock.objects.values_list("product_id", "reserved"))


def test_those_who_wait_are_placed_in_one_call(shop: Shop):
    shop.place_first(cup=1)
    for _ in range(5):
        shop.place(cup=2, plate=1)
    shop.open()

    assert shop.told() == [201] * 6
    assert transactions() == [1, 5]
    assert reserved() == {"cup": 11, "plate": 5, "bowl": 0}
    assert broken_promises() == {}


def test_a_call_has_a_bounded_number_of_orders(shop: Shop):
    shop.place_first(cup=1)
    for _ in range(MOST_ORDERS + 3):
        shop.place(cup=1)
    shop.open()

    assert shop.told() == [201] * (MOST_ORDERS + 4)
    assert transactions() == [1, 3, MOST_ORDERS]


def test_a_refusal_is_only_for_whom_it_is_about(shop: Shop):
    shop.place_first(cup=1)
    shop.place(cup=1)
    shop.place(saucer=1)
    shop.place(plate=101)
    shop.place(plate=3)
    shop.place(cup=1)
    shop.open()

    assert shop.told() == [201, 201, (422, "unknown_product"), (409, "out_of_stock"), 201, 201]
    assert transactions() == [1, 1, 2]  # who asks for what was short goes alone, refused or not
    assert reserved() == {"cup": 3, "plate": 3, "bowl": 0}
    assert broken_promises() == {}


def test_the_last_units_go_to_as_many_as_they_suffice_for(shop: Shop):
    shop.place_first(cup=1)
    for _ in range(5):
        shop.place(bowl=1)
    shop.open()

    assert sorted(shop.told(), key=str) == [(409, "out_of_stock")] * 3 + [201] * 3
    assert reserved() == {"cup": 1, "plate": 0, "bowl": 2}
    assert broken_promises() == {}


def test_twins_of_one_key_are_never_in_one_call(shop: Shop):
    shop.place_first(cup=1)
    shop.place(key="once", cup=1)
    shop.place(key="once", cup=1)
    shop.place(plate=1)
    shop.open()

    assert shop.told() == [201] * 4
    assert [answer.result().headers.get("Idempotent-Replayed") for answer in shop.answers] == [None, None, "true", None]
    assert transactions() == [1, 2]
    assert reserved() == {"cup": 2, "plate": 1, "bowl": 0}
    assert broken_promises() == {}


def test_a_twin_that_is_refused_leaves_the_others_stock(shop: Shop):
    shop.place_now(plate=1, _external_reference="taken")
    shop.place_first(cup=1)
    shop.place(key="once", cup=1, _external_reference="taken")
    shop.place(key="once", cup=1, _external_reference="free")
    shop.open()

    assert shop.told()[1:] == [(409, "duplicate_reference"), 201]
    assert reserved() == {"cup": 2, "plate": 1, "bowl": 0}
    assert broken_promises() == {}


def test_what_came_before_is_repeated_and_the_others_are_written_without_it(shop: Shop):
    first = shop.place_now(key="known", cup=1)
    shop.place_first(cup=1)
    shop.place(plate=1)
    shop.place(key="known", cup=1)
    shop.place(plate=1)
    shop.open()

    assert shop.told() == [201] * 4
    assert shop.answers[2].result().json() == first.json()
    assert transactions() == [1, 1, 2]
    assert broken_promises() == {}


def test_a_reference_is_given_once_and_the_others_are_placed(shop: Shop):
    shop.place_first(cup=1)
    shop.place(cup=1, _external_reference="web-1")
    shop.place(cup=1, _external_reference="web-1")
    shop.place(plate=1)
    shop.open()

    assert sorted(shop.told(), key=str) == [(409, "duplicate_reference"), 201, 201, 201]
    assert transactions() == [1, 2]
    assert broken_promises() == {}


def test_a_reference_that_is_taken_costs_the_others_nothing_but_their_company(shop: Shop):
    shop.place_now(cup=1, _external_reference="web-1")
    shop.place_first(cup=1)
    shop.place(plate=1)
    shop.place(plate=1, _external_reference="web-1")
    shop.open()

    assert shop.told() == [201, 201, (409, "duplicate_reference")]
    assert reserved() == {"cup": 2, "plate": 1, "bowl": 0}
    assert broken_promises() == {}


def test_an_order_the_database_chokes_on_fails_alone(shop: Shop):
    with connection.cursor() as cursor:
        cursor.execute("alter table orders_order add constraint test_poison check (customer_id <> 'poison')")
    try:
        shop.place_first(cup=1)
        shop.place(plate=1)
        shop.place(plate=1, _customer_id="poison")
        shop.place(plate=1)
        shop.open()

        assert shop.told() == [201, 201, (500, "internal_error"), 201]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("alter table orders_order drop constraint test_poison")
    assert reserved() == {"cup": 1, "plate": 2, "bowl": 0}
    assert broken_promises() == {}


def test_one_busy_row_keeps_nobody_else_waiting(shop: Shop):
    with psycopg.connect(database_url()) as somebody:
        shop.place_first(cup=1)
        somebody.execute("select from inventory_stock where product_id = 'bowl' for update")
        shop.place(plate=1)
        shop.place(bowl=1)
        shop.place(plate=2)
        shop.open()

        assert [shop.answers[number].result(GIVE_UP_SECONDS).status_code for number in (0, 1, 3)] == [201] * 3
        assert not shop.answers[2].done()
        somebody.rollback()
    assert shop.told() == [201] * 4
    assert reserved() == {"cup": 1, "plate": 3, "bowl": 1}
    assert broken_promises() == {}


def test_a_connection_that_breaks_is_told_to_all_in_the_call_and_each_repeats_in_safety(shop: Shop):
    shop.shut(_GATE_OF_BOWLS)
    shop.place_first(cup=1)
    shop.place(key="a", plate=1, bowl=1)
    shop.place(key="b", plate=1)
    shop.open()
    assert shop.answers[0].result(GIVE_UP_SECONDS).status_code == 201
    _until(lambda: shop.calls_at_a_gate() == 1)
    shop.end_calls()
    shop.open(_GATE_OF_BOWLS)

    assert shop.told() == [201, (503, "database_unavailable"), (503, "database_unavailable")]
    assert Order.objects.count() == 1
    assert [shop.place_now(key="a", plate=1, bowl=1).status_code, shop.place_now(key="b", plate=1).status_code] == [
        201
    ] * 2
    assert Order.objects.count() == 3
    assert reserved() == {"cup": 1, "plate": 2, "bowl": 1}
    assert broken_promises() == {}


def test_a_call_that_does_not_end_keeps_nobody_for_ever(shop: Shop, storefront: Storefront):
    own = Together(waiting_seconds=0.2)
    ledger = get_inventory()
    assert isinstance(ledger, EmbeddedLedger)

    def place() -> object:
        row = {"storefront_id": storefront.pk, "external_reference": None, "stock_action": None}
        try:
            return own.place(ledger, [HoldRequest(new_id(), {"cup": 1})], NewRows([row], [], []))
        except (PlacementTooSlow, OperationalError) as refusal:
            return type(refusal)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        shop.shut()
        first = threads.submit(place)
        _until(lambda: shop.calls_at_a_gate() == 1)
        assert threads.submit(place).result(GIVE_UP_SECONDS) is PlacementTooSlow
        shop.end_calls()
        assert first.result(GIVE_UP_SECONDS) is OperationalError
    assert own.waiting == 0


# --- who leads -----------------------------------------------------------------------------------------


class Failing:
    """Turns of threads numbered as they begin to wait; those that are named fail as they leave, or as they go on."""

    def __init__(self, *, leaving: int | None = None, going_on: int | None = None) -> None:
        self.left = 0
        self._leaving = leaving
        self._going_on = going_on
        self._own = threading.local()

    def leave(self) -> None:
        self.left += 1  # one after the other, as they are placed below
        self._own.number = self.left
        if self._own.number == self._leaving:
            raise LookupError("no turn to leave")

    def take(self, *, at_once: bool, asks_database: bool = True) -> None:
        if self._own.number == self._going_on:
            raise LookupError("no turn to take")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Failing]:
    def fail(**which: int) -> Failing:
        turns = Failing(**which)
        monkeypatch.setattr(together, "turns", turns)
        return turns

    return fail


def place_in_turn(shop: Shop, turns: Failing, *, keys: Sequence[str]) -> None:
    """Each waits before the next one is asked for, or has failed."""
    for number, key in enumerate(keys, start=1):
        shop.ask(key=key, cup=1)
        _until(lambda number=number: turns.left == number)  # type: ignore[misc]


def test_who_fails_as_it_begins_to_wait_is_not_placed_and_keeps_nobody(shop: Shop, failing):
    turns = failing(leaving=1)
    shop.place_first(cup=1)
    place_in_turn(shop, turns, keys=["a", "b", "c"])
    assert shop.answers[1].result(GIVE_UP_SECONDS).status_code == 500
    shop.open()

    assert shop.told() == [201, (500, "internal_error"), 201, 201]
    assert transactions() == [1, 2]
    assert [shop.place_now(key="a", cup=1).status_code, together.waiting] == [201, 0]
    assert broken_promises() == {}


def test_who_fails_as_it_is_to_lead_leaves_the_others_to_the_next(shop: Shop, failing):
    turns = failing(going_on=1)
    shop.place_first(cup=1)
    place_in_turn(shop, turns, keys=["a", "b", "c"])
    shop.open()

    assert shop.told() == [201, (500, "internal_error"), 201, 201]
    assert transactions() == [1, 2]
    assert [shop.place_now(key="a", cup=1).status_code, together.waiting] == [201, 0]
    assert broken_promises() == {}


def test_who_fails_as_the_only_one_to_follow_leaves_nobody_waiting(shop: Shop, failing):
    turns = failing(going_on=1)
    shop.place_first(cup=1)
    place_in_turn(shop, turns, keys=["a"])
    shop.open()

    assert shop.told() == [201, (500, "internal_error")]
    assert shop.place_now(cup=1).status_code == 201


def test_who_fails_once_it_was_placed_finds_its_order_by_its_key(shop: Shop, failing):
    turns = failing(going_on=2)
    shop.place_first(cup=1)
    place_in_turn(shop, turns, keys=["a", "b", "c"])
    shop.open()

    assert shop.told() == [201, 201, (500, "internal_error"), 201]
    assert transactions() == [1, 3]
    again = shop.place_now(key="b", cup=1)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert broken_promises() == {}


def test_who_comes_while_the_leader_leaves_is_led_or_leads(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    """It stands in the queue and has not begun to wait, when the call before it ends and everybody has gone."""

    class Late:
        def leave(self) -> None:
            shop.open()
            assert shop.answers[0].result(GIVE_UP_SECONDS).status_code == 201

        def take(self, *, at_once: bool, asks_database: bool = True) -> None: ...

    monkeypatch.setattr(together, "turns", Late())
    shop.place_first(cup=1)
    shop.ask(cup=1)

    assert shop.told() == [201, 201]
    assert transactions() == [1, 1]
    assert (shop.place_now(cup=1).status_code, together.waiting) == (201, 0)


def test_however_threads_interleave_somebody_leads(shop: Shop):
    """Interrupted everywhere, also between the end of a call and who is told of it."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(96):
            shop.ask(cup=1)
        assert shop.told() == [201] * 96
    finally:
        sys.setswitchinterval(usual)

    assert (shop.place_now(cup=1).status_code, together.waiting) == (201, 0)
    assert broken_promises() == {}


def test_it_can_be_switched_off(shop: Shop, settings: Any):
    settings.PLACE_TOGETHER = False
    shop.shut()
    for _ in range(3):
        shop.place(waiting=0, cup=1)
    _until(lambda: shop.calls_at_a_gate() == 3)
    shop.open()

    assert shop.told() == [201] * 3
    assert transactions() == [1, 1, 1]


def test_an_order_of_many_lines_goes_alone(shop: Shop, stock: Callable[..., None]):
    stock(**{f"p{number}": 1 for number in range(60)})
    shop.place_first(cup=1)
    many: dict[str, Any] = {f"p{number}": 1 for number in range(60)}
    shop.place(waiting=0, **many)
    _until(lambda: shop.calls_at_a_gate() == 2)
    shop.open()

    assert shop.told() == [201, 201]
