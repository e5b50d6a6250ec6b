"""Any history while things go wrong: processes die or are held up between a hold and its order, sweeps come by, two
callers come at once, and an InventoryService over HTTP loses replies and does things late."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from threading import Barrier, Lock
from threading import Event as Flag
from typing import Any, ClassVar, Final
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from django.db import connection
from django.test import override_settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from events.models import Event
from inventory_client.client import HoldOutcome, InventoryClient
from inventory_client.current import get_inventory
from inventory_client.faults import Fault, FaultKind, FaultyApplication, FaultyServer
from inventory_client.server.wsgi import InventoryApplication
from inventory_client.values import Held, HoldRequest
from orders import operations
from orders.operations import placing
from orders.rules.ids import new_id
from tests.chaos import drawn_requests
from tests.chaos.drawn_requests import Request
from tests.chaos.model.order import without_personal_data
from tests.chaos.model.rules import Refused
from tests.chaos.model.storefront import ModelStorefront
from tests.chaos.model.telling import Told
from tests.chaos.test_any_history import (
    ANYTHING,
    MOST_ORDERS,
    ORDERS,
    STEPS,
    Histories,
    HistoriesOfMoney,
    HistoriesOfStock,
    _count,
    _predicted,
    _word,
    quiet,
    run_histories,
)

__all__ = ["quiet"]

RUNS: Final = 2
FEWER_EXAMPLES: Final = 5
PAIRS: Final = 5
FEWER_STEPS: Final = 30
# Only a test that fails waits as long.
GIVE_UP_SECONDS: Final = 120
# Nobody holds stock for these before the order's row is locked, so what two of them do is one after the other.
NEEDS_NO_HOLD: Final = {
    name: weight for name, weight in ANYTHING.items() if name not in ("amend", "restore", "reinstate")
}
# The answers after which a caller knows nothing; each may be given while the inventory has its bad hour.
NOBODY_KNOWS: Final = {"inventory_unavailable", "inventory_outcome_unknown", "order_busy"}

_some_faults = st.lists(
    st.sampled_from(["lost_reply", "late", "hang_up", "effect_then_500", "unavailable", "garbage"]),
    min_size=1,
    max_size=4,
)


class HeldUp:
    """An inventory whose first hold is answered once it may be; `held` tells that it is done."""

    def __init__(self, inventory: InventoryClient) -> None:
        self._inventory = inventory
        self.held = Flag()
        self.may_answer = Flag()

    def hold(self, requests: Sequence[HoldRequest]) -> list[HoldOutcome]:
        outcomes = self._inventory.hold(requests)
        if not self.held.is_set():
            self.held.set()
            assert self.may_answer.wait(GIVE_UP_SECONDS)
        return outcomes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inventory, name)


class TroubledHistories(Histories):
    has_ended = False

    def take(self, step: str, data: DataObject) -> None:
        if not self.has_ended:
            super().take(step, data)

    steps = {
        **STEPS,
        "place": 4,
        "die_between_hold_and_write": 2,
        "hold_up_a_placement": 4,
        "sweep": 4,
        "come_in_pairs": 1,
        "repeat_at_once": 3,
    }

    # --- holds without an order ---

    def die_between_hold_and_write(self, data: DataObject) -> None:
        """What a process leaves that is killed there; `test_killed_placement.py` kills one."""
        body = data.draw(drawn_requests.new_orders(self.model, self.priced))
        units = _predicted(lambda: self.model.units_asked(body))
        if isinstance(units, Refused):
            return
        refused = _predicted(lambda: self.model.demand(units))

        (outcome,) = get_inventory().hold([HoldRequest(new_id(), units)])

        self._tell(f"somebody holds {units} and dies -> {outcome}")
        assert isinstance(outcome, Held) != isinstance(refused, Refused)
        if not isinstance(refused, Refused):
            self.model.held_for_nobody.append(units)
        self.witness.compare()

    def sweep(self, data: DataObject | None = None) -> None:
        """As if every hold were old enough."""
        expected = len(self.model.held_for_nobody)
        self.model.held_for_nobody.clear()

        released = _sweep_all_holds()

        self._tell(f"sweep: {released} holds released")
        self.witness.compare()
        assert released == expected
        _count(f"sweep: {released}")

    def hold_up_a_placement(self, data: DataObject) -> None:
        """Between its hold and its order something else happens; it may be a sweep, which takes the hold away."""
        body = data.draw(drawn_requests.new_orders(self.model, self.priced))
        foreseen = _predicted(lambda: self.model.units_asked(body))
        if isinstance(foreseen, Refused) or isinstance(_predicted(lambda: self.model.demand(foreseen)), Refused):
            return self._place(ORDERS, body, body, key=self._maybe_a_key(data))
        meanwhile = data.draw(st.sampled_from(["operate", "place", "sweep", "tell_several_orders"]))
        key = self._maybe_a_key(data)
        held_up = HeldUp(get_inventory())
        with (
            override_settings(PLACE_AT_ONCE=False),
            pytest.MonkeyPatch.context() as patch,
            ThreadPoolExecutor(1) as threads,
        ):
            patch.setattr(placing, "get_inventory", lambda: held_up)
            try:
                waiting = threads.submit(self._ask_in_a_thread, "POST", ORDERS, body, by="ann", key=key)
                while not held_up.held.wait(0.01):
                    assert not waiting.done(), waiting.result()
                self.model.held_for_nobody.append(foreseen)
                self._tell("ann's placement has its hold, and is held up")
                getattr(self, meanwhile)(data)
            finally:
                held_up.may_answer.set()
            answer = waiting.result(GIVE_UP_SECONDS)
        swept = foreseen not in self.model.held_for_nobody
        if not swept:
            self.model.held_for_nobody.remove(foreseen)
            (expected,) = self.model.place([body], self.actors["ann"])
        elif self.model.knows_reference(body):
            expected = Refused("duplicate_reference")
        else:
            expected = Refused("placement_too_slow")
        if isinstance(expected, Refused):
            self._compare_refusal(answer, expected)
            if key is not None:
                self.refused.append(partial(self._place, ORDERS, body, body, key=key))
        else:
            assert answer.status_code == 201
            self.witness.compare([expected])
            assert answer.json() == expected.order.document()
            self._remember(key, ORDERS, body, answer)
        _count(f"place, held up while others {meanwhile}: {_word(expected)}")

    # --- two at once ---

    def come_in_pairs(self, data: DataObject) -> None:
        """Two requests at the same moment, mostly of one order; what comes of them is that of one after the other.

        They are drawn before the first pair comes, and are the end of the history: who was first is chance, and
        what is drawn must not depend on that.
        """
        pairs = []
        for _ in range(PAIRS):
            first = data.draw(drawn_requests.requests(self.model, NEEDS_NO_HOLD, self.actors))
            second = data.draw(drawn_requests.requests(self.model, NEEDS_NO_HOLD, self.actors, near=first.order))
            pairs.append((first, second))
        self.has_ended = True
        for pair in pairs:
            answers = self._at_once([partial(self._ask, request) for request in pair])
            self._settle_all()
            told = self._explained(pair, answers)
            if told is None:
                told = self._explained(pair[::-1], answers[::-1])
            assert told is not None, f"Neither of {pair} was first, by their answers {list(map(_code_of, answers))}."
            self.witness.compare(told)
            _count(f"{pair[0].operation} and {pair[1].operation} at once: {' '.join(map(_code_of, answers))}")

    def _explained(self, requests: Sequence[Request], answers: Sequence[Any]) -> list[Told] | None:
        """What doing them in this order tells, if the model foresees just these answers and events; else None."""
        trial = copy.deepcopy(self.model)
        for request, answer in zip(requests, answers, strict=True):
            if _code_of(answer) == "order_busy":
                continue
            foreseen = _done_by(trial, self._translated(request, trial), self.actors)
            if _code_of(answer) != (foreseen.code if isinstance(foreseen, Refused) else ""):
                return None
            for told in [] if isinstance(foreseen, Refused) else foreseen:
                event = Event.objects.get(stream_id=told.order.id, sequence=told.document["version"])
                if (event.actor, event.data["order"]) != (told.by, without_personal_data(told.document)):
                    return None
        told_by_each = [
            _done_by(self.model, request, self.actors)
            for request, answer in zip(requests, answers, strict=True)
            if _code_of(answer) != "order_busy"
        ]
        return [told for each in told_by_each if not isinstance(each, Refused) for told in each]

    def _translated(self, request: Request, trial: ModelStorefront) -> Request:
        order = trial.orders[self.model.orders.index(request.order)]
        return Request(order, request.operation, request.by, request.body)

    def repeat_at_once(self, data: DataObject) -> None:
        """One request with its key, twice at the same moment: it is done once, and both get the same answer."""
        request = self._drawn(data)
        if request.operation in ("delete", "change_details", "amend", "restore"):  # without keys, or with holds
            return self._perform(request)
        by, key = self.actors[request.by], self._new_key()
        expected = _predicted(lambda: self.model.perform(request.order, request.operation, request.body, by))

        one, other = self._at_once([partial(self._ask, request, key=key)] * 2)

        self._settle_all()
        if isinstance(expected, Refused):
            assert [_code_of(one), _code_of(other)] == [expected.code] * 2
            self.witness.compare()
            return
        self.witness.compare(expected)
        assert (one.status_code, one.content) == (other.status_code, other.content)
        assert one.json() == request.order.document()
        if expected:
            replayed = [answer.headers.get("Idempotent-Replayed") for answer in (one, other)]
            assert sorted(replayed, key=bool) == [None, "true"]
            self._remember(key, f"{ORDERS}/{request.order.id}/{request.operation}", request.body, one)

    def _settle_all(self) -> None:
        """What is not told at once, because others hold the order's row, is told later."""
        while operations.settle_orders()[0]:
            pass
        for order in self.model.orders:
            self.model.settle(order)

    def _at_once(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        begin = Barrier(len(calls))

        def run(call: Callable[[], Any]) -> Any:
            try:
                begin.wait(GIVE_UP_SECONDS)
                return call()
            finally:
                connection.close()

        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(run, calls))

    def _ask_in_a_thread(self, *words: Any, **options: Any) -> Any:
        try:
            return self._send(*words, **options)
        finally:
            connection.close()

    def _compare_at_the_end(self) -> None:
        self.sweep()
        super()._compare_at_the_end()


def _sweep_all_holds() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        (now,) = cursor.fetchone()
    assert isinstance(now, datetime)
    released = operations.sweep_holds(after=now - timedelta(days=1), before=now).released
    return released


def _done_by(model: ModelStorefront, request: Request, actors: Mapping[str, str]) -> list[Told] | Refused:
    return _predicted(lambda: model.perform(request.order, request.operation, request.body, actors[request.by]))


def _code_of(answer: Any) -> str:
    return str(answer.json()["code"]) if answer.status_code >= 400 else ""


# --- an InventoryService over HTTP ---


class Unhurried(FaultyApplication):
    """Knows when all it was asked for is done, also what was asked for by somebody who has gone."""

    def __init__(self) -> None:
        super().__init__(InventoryApplication())
        self._under_way = 0
        self._counting = Lock()

    def _befall(self, fault: Fault, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        with self._counting:
            self._under_way += 1
        try:
            return super()._befall(fault, environ, start_response)
        finally:
            with self._counting:
                self._under_way -= 1

    def wait_until_all_is_done(self) -> None:
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while self._under_way:
            assert time.monotonic() < deadline
            time.sleep(0.002)


class HistoriesOverHttp(TroubledHistories):
    """In a bad hour of the inventory an answer may be that nobody knows; afterwards all is as before, or done."""

    faults: ClassVar[Unhurried]
    hours: ClassVar[Iterator[int]] = count(61)
    steps = {**TroubledHistories.steps, "operate_in_a_bad_hour": 12, "place_in_a_bad_hour": 6}

    def operate_in_a_bad_hour(self, data: DataObject) -> None:
        request = self._drawn(data)
        with self._bad_hour(data):
            answer = self._ask(request)
        told: list[Told] = []
        if _code_of(answer) not in NOBODY_KNOWS:
            by = self.actors[request.by]
            expected = _predicted(lambda: self.model.perform(request.order, request.operation, request.body, by))
            assert _code_of(answer) == (expected.code if isinstance(expected, Refused) else "")
            told = [] if isinstance(expected, Refused) else expected
        self._compare_afterwards(told)
        _count(f"{request.operation} in a bad hour: {_code_of(answer) or 'done'}")

    def place_in_a_bad_hour(self, data: DataObject) -> None:
        if len(self.model.orders) >= MOST_ORDERS:
            return self.operate_in_a_bad_hour(data)
        body, key = data.draw(drawn_requests.new_orders(self.model, self.priced)), self._new_key()
        with self._bad_hour(data):
            answer = self._send("POST", ORDERS, body, by="ann", key=key)
        if _code_of(answer) in NOBODY_KNOWS:
            self._compare_afterwards([])
            self._place(ORDERS, body, body, key=key)
            return
        (expected,) = self.model.place([body], self.actors["ann"])
        assert _code_of(answer) == (expected.code if isinstance(expected, Refused) else "")
        self._compare_afterwards([] if isinstance(expected, Refused) else [expected])
        if not isinstance(expected, Refused):
            self._remember(key, ORDERS, body, answer)
        _count(f"place in a bad hour: {_word(expected)}")

    @contextmanager
    def _bad_hour(self, data: DataObject) -> Iterator[None]:
        """With a client of its own: the next hour is not to remember that this one was bad."""
        faults = data.draw(_some_faults)
        self._tell(f"in the next hour: {', '.join(faults)}")
        self.faults.add(*(Fault(FaultKind(kind), seconds=0) for kind in faults))
        with override_settings(INVENTORY_TIMEOUT_SECONDS=float(next(self.hours))):
            try:
                yield
            finally:
                self.faults.clear()
                self.faults.wait_until_all_is_done()
                get_inventory().close()  # type: ignore[attr-defined]

    def _compare_afterwards(self, told: Sequence[Told]) -> None:
        """Once what nobody knew has been settled and swept."""
        self._settle_all()
        self.model.held_for_nobody.clear()
        _sweep_all_holds()
        self.witness.compare(told)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(RUNS))
@pytest.mark.parametrize("stock_or_money", [HistoriesOfStock, HistoriesOfMoney])
def test_every_troubled_history_leaves_all_as_the_model_says(
    stock_or_money: type[Histories], number: int, database: None, quiet: None
):
    troubled = type(f"Troubled{stock_or_money.__name__}", (TroubledHistories, stock_or_money), {})

    run_histories(troubled, number, examples=FEWER_EXAMPLES, steps=FEWER_STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(RUNS))
def test_every_history_over_http_leaves_all_as_the_model_says(number: int, database: None, settings: Any, quiet: None):
    faults = Unhurried()
    histories = type("HistoriesOfStockOverHttp", (HistoriesOverHttp, HistoriesOfStock), {"faults": faults})
    with FaultyServer(faults) as server:
        settings.INVENTORY_URL = server.url
        settings.INVENTORY_TIMEOUT_SECONDS = 60.0
        try:
            run_histories(histories, number, examples=FEWER_EXAMPLES, steps=FEWER_STEPS)
        finally:
            get_inventory().close()  # type: ignore[attr-defined]
