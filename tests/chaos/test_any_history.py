"""Any history of requests, compared step by step with a model of what orders, stock, money and events must then be."""

from __future__ import annotations

import copy
import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import orjson
import pytest
from django.test import Client, override_settings
from django.utils import timezone
from hypothesis import HealthCheck, Phase, currently_in_test_context, event, note, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from hypothesis.strategies import DataObject, SearchStrategy

from inventory_client.stock import set_stock_levels
from orders import operations
from orders.api.keys import make_key
from orders.models import Order, Storefront
from orders.reading.documents import instant
from orders.rules.scopes import Scope
from tests.chaos import drawn_requests
from tests.chaos.drawn_requests import Request
from tests.chaos.model.order import ModelOrder
from tests.chaos.model.parts import Document
from tests.chaos.model.rules import ALLOWED_IN, Refused
from tests.chaos.model.storefront import ModelStorefront, first_version_document
from tests.chaos.model.telling import Outcome, Told
from tests.chaos.model.witness import Witness
from tests.chaos.promises import broken_promises
from tests.conftest import _empty_tables

ORDERS: Final = "/api/v1/orders"
NOBODY_LISTENS: Final = "http://127.0.0.1:9"
# Outside git. A failure's message names the file.
STORIES: Final = Path(__file__).parents[2] / ".histories"
MOST_ORDERS: Final = 6
# After the tenth example of a run Hypothesis mostly varies those before, so there are many runs of ten.
RUNS: Final = 10
EXAMPLES: Final = 10

# How often each step is taken, and each operation where there is one to choose: lives are to get far.
STEPS: Final = {
    "operate": 22,
    "operate_with_a_key": 4,
    "operate_on_a_version": 3,
    "operate_during_an_outage": 4,
    "rehearse_then_operate": 3,
    "try_what_is_not_allowed": 6,
    "tell_several_orders": 2,
    "rehearse_for_several_orders": 1,
    "call_like_the_first_version": 2,
    "place": 2,
    "place_like_the_first_version": 1,
    "place_a_batch": 1,
    "place_during_an_outage": 1,
    "repeat_a_request": 3,
    "ask_again_for_what_was_refused": 1,
    "reuse_a_key": 1,
    "ask_without_the_right": 1,
    "read": 1,
    "ask_what_can_be_done": 2,
    "let_time_pass": 1,
    "complete_what_was_delivered": 1,
    "tell_the_inventory": 1,
}
ANYTHING: Final = {
    "receive_return": 6,
    "approve_return": 6,
    "reject_return": 2,
    "close_return": 1,
    "request_return": 3,
    "approve_refund": 12,
    "reject_refund": 3,
    "fail_refund": 3,
    "request_refund": 3,
    "correct_payment": 2,
    "complete": 1,
    "deliver": 3,
    "ship": 6,
    "undo_shipment": 1,
    "undo_delivery": 1,
    "undo_completion": 3,
    "reinstate": 3,
    "change_customer": 1,
    "confirm": 4,
    "restore": 5,
    "release_hold": 5,
    "record_payment": 5,
    "amend": 5,
    "cancel": 3,
    "pack": 2,
    "track": 1,
    "extend": 2,
    "change_details": 2,
    "comment": 1,
    "hold": 2,
    "delete": 2,
}
# What several orders can be told in the same words; and of that what does not depend on what the others are told.
IN_BULK: Final = {name: weight for name, weight in ANYTHING.items() if name not in ("amend", "pack", "receive_return")}

REHEARSED_IN_BULK: Final = {name: weight for name, weight in IN_BULK.items() if name != "record_payment"}

_coins = st.booleans()
_one_in_four = st.integers(0, 3).map(lambda number: number == 3)
_an_item = st.tuples(st.sampled_from(["bowl", "cup", "plate"]), st.integers(1, 2))
_some_items = st.lists(_an_item, min_size=1, max_size=2)
_actors = st.sampled_from(["ann", "bob"])


@dataclass(frozen=True)
class Answered:
    """A request with an Idempotency-Key, and the answer that its repeats must get."""

    path: str
    body: Document
    key: str
    status: int
    content: bytes


class Histories(RuleBasedStateMachine):
    """The life of one storefront. Each step sends requests; what comes of them is compared with the model."""

    on_hand: ClassVar[dict[str, int]]
    priced: ClassVar[SearchStrategy[bool]]
    policies: ClassVar[Sequence[str]]
    approval_limits: ClassVar[Sequence[int | None]]
    steps: ClassVar[Mapping[str, int]] = STEPS

    def __init__(self) -> None:
        super().__init__()
        _empty_tables()
        self.model = ModelStorefront("au", "AUD", on_hand=dict(self.on_hand), complete_after_days=3)
        self.witness = Witness(self.model)
        self.answered: list[Answered] = []
        self.refused: list[Callable[[], None]] = []  # asked for with a key, to be asked for once more
        self.keys = count()
        self.story: list[str] = []

    @initialize(data=st.data())
    def open_with_two_orders(self, data: DataObject) -> None:
        self.open(
            policy=data.draw(st.sampled_from(self.policies)),
            approval_limit=data.draw(st.sampled_from(self.approval_limits)),
        )
        for name, units in data.draw(st.tuples(_an_item, _an_item)):
            item = {"product_id": name, "quantity": units} | ({"unit_amount": 1299} if data.draw(self.priced) else {})
            body = {"customer_id": "cus123", "items": [item]}
            self._place(ORDERS, body, body, key=self._new_key())

    def open(self, *, policy: str, approval_limit: int | None) -> None:
        model = self.model
        model.confirmation_policy, model.refund_approval_above = policy, approval_limit
        storefront = Storefront.objects.create(
            code=model.code,
            name="Australia",
            number_prefix="AU",
            currency=model.currency,
            confirmation_policy=model.confirmation_policy,
            refund_approval_above=model.refund_approval_above,
            complete_after_days=model.complete_after_days,
        )
        other = Storefront.objects.create(code="nz", name="New Zealand", number_prefix="NZ")
        set_stock_levels(self.on_hand)
        self.clients: dict[str, Client] = {}
        self.actors: dict[str, str] = {}
        for name, of, scopes in (
            ("ann", storefront, list(Scope)),
            ("bob", storefront, list(Scope)),
            ("reader", storefront, [Scope.ORDERS_READ]),
            ("stranger", other, list(Scope)),
        ):
            key, secret = make_key(of, name=name, scopes=scopes)
            self.clients[name], self.actors[name] = Client(headers={"X-API-Key": secret}), f"key:{key.prefix}"

    @rule(data=st.data())
    def go_on(self, data: DataObject) -> None:
        """One rule for all steps: of several, Hypothesis leaves out half in many histories, and few would get far."""
        names = [name for name, weight in self.steps.items() for _ in range(weight)]
        self.take(data.draw(st.sampled_from(names)), data)

    def take(self, step: str, data: DataObject) -> None:
        getattr(self, step)(data)

    # --- placing ---

    def place(self, data: DataObject) -> None:
        if len(self.model.orders) >= MOST_ORDERS:
            return self.operate(data)
        body = data.draw(drawn_requests.new_orders(self.model, self.priced))
        self._place(ORDERS, body, body, key=self._maybe_a_key(data))

    def place_like_the_first_version(self, data: DataObject) -> None:
        if len(self.model.orders) >= MOST_ORDERS:
            return self.operate(data)
        items = data.draw(_some_items)
        body = {"customerId": "cus123", "items": [{"productId": name, "quantity": units} for name, units in items]}
        asked = {"customer_id": "cus123", "items": [{"product_id": name, "quantity": units} for name, units in items]}
        self._place("/order/create", body, asked, key=self._maybe_a_key(data))

    def place_a_batch(self, data: DataObject) -> None:
        if len(self.model.orders) >= MOST_ORDERS:
            return self.operate(data)
        new_orders = drawn_requests.new_orders(self.model, self.priced)
        body = {"orders": data.draw(st.lists(new_orders, min_size=2, max_size=3))}
        self._place_batch(body, key=self._maybe_a_key(data))

    def _place_batch(self, body: Document, *, key: str | None) -> None:
        expected = self.model.place(body["orders"], self.actors["ann"])

        answer = self._send("POST", f"{ORDERS}/batch", body, by="ann", key=key)

        assert answer.status_code == 200
        told = [each for each in expected if isinstance(each, Told)]
        self.witness.compare(told)
        for each, result in zip(expected, answer.json()["results"], strict=True):
            if isinstance(each, Refused):
                assert (result["status"], result["error"]["code"]) == (each.status, each.code)
            else:
                assert result == {"status": 201, "order": each.order.document()}
            _count(f"place in a batch: {_word(each)}")
        if told:
            self._remember(key, f"{ORDERS}/batch", body, answer)
        elif key is not None:
            self.refused.append(partial(self._place_batch, body, key=key))

    def _place(self, path: str, body: Document, asked: Document, *, key: str | None) -> None:
        (expected,) = self.model.place([asked], self.actors["ann"])

        answer = self._send("POST", path, body, by="ann", key=key)

        if isinstance(expected, Refused):
            self._compare_refusal(answer, expected)
            if key is not None:
                self.refused.append(partial(self._place, path, body, asked, key=key))
        else:
            assert answer.status_code == 201
            self.witness.compare([expected])
            order = expected.order
            assert answer.json() == (order.document() if path == ORDERS else _envelope(order, "Order created"))
            self._remember(key, path, body, answer)
        _count(f"place: {_word(expected)}")

    # --- one operation on one order ---

    def operate(self, data: DataObject) -> None:
        self._perform(self._drawn(data))

    def operate_with_a_key(self, data: DataObject) -> None:
        self._perform(self._drawn(data), key=self._new_key())

    def operate_on_a_version(self, data: DataObject) -> None:
        request = self._drawn(data)
        self._perform(request, version=request.order.version - data.draw(_coins))

    def operate_during_an_outage(self, data: DataObject) -> None:
        request = self._drawn(data)
        with self._outage():
            self._perform(request)

    def place_during_an_outage(self, data: DataObject) -> None:
        body = data.draw(drawn_requests.new_orders(self.model, self.priced))
        with self._outage():
            self._place(ORDERS, body, body, key=self._maybe_a_key(data))

    def rehearse_then_operate(self, data: DataObject) -> None:
        request = self._drawn(data)
        self._rehearse(request)
        self._perform(request)

    def try_what_is_not_allowed(self, data: DataObject) -> None:
        request = data.draw(drawn_requests.requests(self.model, ANYTHING, self.actors, fit=False))
        if data.draw(_coins):
            self._perform(request)
        else:
            self._rehearse(request)

    def _drawn(self, data: DataObject) -> Request:
        return data.draw(drawn_requests.requests(self.model, ANYTHING, self.actors))

    def _perform(self, request: Request, *, key: str | None = None, version: int | None = None) -> None:
        order, operation, body = request.order, request.operation, request.body
        by = self.actors[request.by]
        expected = _predicted(lambda: self.model.perform(order, operation, body, by, version=version))
        headers = {} if version is None else {"If-Match": f'"{version}"'}

        answer = self._ask(request, key=key, **headers)

        if isinstance(expected, Refused):
            self._compare_refusal(answer, expected)
            if key is not None:
                self.refused.append(partial(self._perform, request, key=key))
        else:
            self.witness.compare(expected)
            if expected:
                said = [body[name] for name in ("text", "reason") if body.get(name)]
                assert self.witness.log[order.id][-1]["reason"] == "\n".join(said)
            if operation == "delete":
                assert answer.status_code == 204
            else:
                assert (answer.status_code, answer.json()) == (200, order.document())
                assert answer.headers["ETag"] == f'"{order.version}"'
            if expected and operation not in ("delete", "change_details"):  # PATCH and DELETE know no keys
                self._remember(key, f"{ORDERS}/{order.id}/{operation}", body, answer)
        _count(f"{operation}: {_word(expected)}")

    def _rehearse(self, request: Request) -> None:
        """Nothing changes, and the answer is what doing it would bring."""
        by = self.actors[request.by]
        expected = _predicted(lambda: self.model.rehearse(request.order, request.operation, request.body, by))

        answer = self._ask(request, Prefer="dry-run")

        if isinstance(expected, Refused):
            self._compare_refusal(answer, expected)
        else:
            self.witness.compare()
            assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "dry-run")
            shown = answer.json()
            assert shown["order"] == expected.order.document()
            assert (shown["stock"], shown["money"]) == (expected.stock, expected.money)
            for each, told in zip(shown["events"], expected.told, strict=True):
                assert each["type"] == told.type
                self.witness.compare_data(each["data"], told)
        _count(f"rehearse {request.operation}: {_word(expected)}")

    def _ask(self, request: Request, **headers: Any) -> Any:
        path = f"{ORDERS}/{request.order.id}"
        if request.operation == "change_details":
            return self._send("PATCH", path, request.body, by=request.by, **headers)
        if request.operation == "delete":
            return self._send("DELETE", path, by=request.by, **headers)
        return self._send("POST", f"{path}/{request.operation}", request.body, by=request.by, **headers)

    # --- several orders, and the first version's own calls ---

    def tell_several_orders(self, data: DataObject) -> None:
        request, orders = self._drawn_for_several(data, IN_BULK)
        self._tell_several(request, orders, key=self._maybe_a_key(data), before={})

    def rehearse_for_several_orders(self, data: DataObject) -> None:
        """Each is told what would become of it alone."""
        request, orders = self._drawn_for_several(data, REHEARSED_IN_BULK)
        body, by = _bulk(request, orders), self.actors[request.by]
        expected = [
            _predicted(partial(self.model.rehearse, order, request.operation, request.body, by)) for order in orders
        ]

        answer = self._send("POST", f"{ORDERS}/bulk", body, by=request.by, Prefer="dry-run")

        assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "dry-run")
        self.witness.compare()
        for order, result, each in zip(orders, answer.json()["results"], expected, strict=True):
            assert result["id"] == order.id
            if isinstance(each, Refused):
                assert (result["status"], result["error"]["code"]) == (each.status, each.code)
            else:
                assert (result["status"], result["order"]) == (200, each.order.document())
                assert (result["stock"], result["money"]) == (each.stock, each.money)
            _count(f"rehearse {request.operation} in bulk: {_word(each)}")
        self._tell_several(request, orders, key=None, before={})

    def _drawn_for_several(self, data: DataObject, choices: Mapping[str, int]) -> tuple[Request, list[ModelOrder]]:
        request = data.draw(drawn_requests.requests(self.model, choices, self.actors))
        others = data.draw(st.lists(st.sampled_from(self.model.orders), min_size=1, max_size=2))
        return request, list({order.id: order for order in [*others, request.order]}.values())

    def _tell_several(
        self,
        request: Request,
        orders: Sequence[ModelOrder],
        *,
        key: str | None,
        before: Mapping[str, Document],
    ) -> None:
        """What was done under the key before is answered as then; all else is tried."""
        done = dict(before)
        body, by = _bulk(request, orders), self.actors[request.by]
        # In the order of their ids, as the service takes them.
        expected: dict[str, list[Told] | Refused] = {}
        for order in sorted(orders, key=lambda order: order.id):
            if order.id not in done:
                expected[order.id] = _predicted(partial(self.model.perform, order, request.operation, request.body, by))

        answer = self._send("POST", f"{ORDERS}/bulk", body, by=request.by, key=key)

        assert answer.status_code == 200
        self.witness.compare([told for each in expected.values() if not isinstance(each, Refused) for told in each])
        for order, result in zip(orders, answer.json()["results"], strict=True):
            each = expected.get(order.id, [])
            if isinstance(each, Refused):
                assert (result["status"], result["error"]["code"]) == (each.status, each.code)
            else:
                document = done.get(order.id) or order.document()
                assert result == {"id": order.id, "status": 200, "order": document}
            if each and not isinstance(each, Refused):
                done[order.id] = copy.deepcopy(order.document())
            _count(f"{request.operation} in bulk: {_word(each)}")
        if len(done) == len(orders):
            self._remember(key, f"{ORDERS}/bulk", body, answer)
        elif key is not None:
            self.refused.append(partial(self._tell_several, request, orders, key=key, before=done))

    def call_like_the_first_version(self, data: DataObject) -> None:
        order, deletes = data.draw(st.sampled_from(self.model.orders)), data.draw(_one_in_four)
        if deletes:
            expected = _predicted(lambda: self.model.perform(order, "delete", {}, self.actors["ann"]))
            answer = self._send("DELETE", f"/order/delete/{order.id}", by="ann")
        else:
            body = data.draw(drawn_requests.requests_of_first_version(order))
            expected = _predicted(lambda: self.model.first_version_update(order, body, self.actors["ann"]))
            answer = self._send("PUT", f"/order/update/{order.id}", body, by="ann")

        if isinstance(expected, Refused):
            self._compare_refusal(answer, expected)
            assert (answer.json()["success"], answer.json()["data"]) == (False, None)
        else:
            self.witness.compare(expected)
            told = {"data": None, "message": "Order marked for deletion", "success": True}
            assert answer.status_code == 200
            assert answer.json() == (told if deletes else _envelope(order, "Order updated"))
        _count(f"{'delete' if deletes else 'update'} like the first version: {_word(expected)}")

    # --- what must not make a difference ---

    def repeat_a_request(self, data: DataObject) -> None:
        if not self.answered:
            return self.operate_with_a_key(data)
        first, by = data.draw(st.sampled_from(self.answered)), data.draw(_actors)

        answer = self._send("POST", first.path, first.body, by=by, key=first.key)

        self.witness.compare()
        assert (answer.status_code, answer.content) == (first.status, first.content)
        assert answer.headers["Idempotent-Replayed"] == "true"
        _count("repeated")

    def ask_again_for_what_was_refused(self, data: DataObject) -> None:
        """A refusal is not kept: the same request with the same key is tried anew."""
        if not self.refused:
            return self.operate_with_a_key(data)
        self.refused.pop(data.draw(st.integers(0, len(self.refused) - 1)))()

    def reuse_a_key(self, data: DataObject) -> None:
        """For something else. (Several orders have a key each, made of the one that was sent.)"""
        answered = [each for each in self.answered if not each.path.endswith("/bulk")]
        if not answered:
            return self.operate_with_a_key(data)
        first, order = data.draw(st.sampled_from(answered)), data.draw(st.sampled_from(self.model.orders))
        body = {"kind": "void", "amount": 1, "psp_reference": first.key}

        answer = self._send("POST", f"{ORDERS}/{order.id}/record_payment", body, by="ann", key=first.key)

        self._compare_refusal(answer, Refused("idempotency_key_reused"))

    def ask_without_the_right(self, data: DataObject) -> None:
        who = data.draw(st.sampled_from(["reader", "stranger"]))
        request = replace(self._drawn(data), by=who)

        answer = self._ask(request)

        code = "missing_scope" if who == "reader" else "order_not_found"
        if answer.json()["code"] != "validation_error":  # what is not a request at all is told to anybody
            self._compare_refusal(answer, Refused(code))

    def read(self, data: DataObject) -> None:
        order, by = data.draw(st.sampled_from(self.model.orders)), data.draw(_actors)
        version = data.draw(st.integers(1, order.version))
        path = f"{ORDERS}/{order.id}"

        if order.deleted:
            for each in (path, f"{path}?version={version}", f"{path}/timeline"):
                self._compare_refusal(self._send("GET", each, by=by), Refused("order_not_found"))
            return
        assert self._send("GET", path, by=by).json() == order.document()
        log = self.witness.log[order.id]
        assert self._send("GET", f"{path}?version={version}", by=by).json() == log[version - 1]["data"]["order"]
        timeline = self._send("GET", f"{path}/timeline", by=by).json()["results"]
        assert [(entry["version"], entry["operation"], entry["actor"]) for entry in timeline] == [
            (each["version"], each["data"]["operation"], each["actor"]) for each in reversed(log)
        ]

    def ask_what_can_be_done(self, data: DataObject) -> None:
        order, by = data.draw(st.sampled_from(self.model.orders)), data.draw(_actors)

        answer = self._send("GET", f"{ORDERS}/{order.id}/actions", by=by)

        if order.deleted:
            self._compare_refusal(answer, Refused("order_not_found"))
            return
        assert {
            action["operation"]: (action["allowed"], [reason["code"] for reason in action["reasons"]])
            for action in answer.json()["actions"]
        } == {
            operation: (order.allows(operation, self.actors[by]), order.plain_reasons(operation, self.actors[by]))
            for operation in ALLOWED_IN
            if operation != "expire"
        }

    # --- what happens by itself ---

    def let_time_pass(self, data: DataObject) -> None:
        late = data.draw(st.lists(st.sampled_from(self.model.orders), unique_by=lambda order: order.id))
        past = timezone.now() - timedelta(hours=1)
        Order.all_objects.filter(pk__in=[order.id for order in late]).update(reserved_until=past)
        for order in late:
            order.reserved_until = instant(past) or ""
            self.witness.left[order.id] = self.witness.left[order.id] | {"reserved_until": order.reserved_until}
        now = timezone.now()
        told = self.model.expire(now)

        expired = operations.expire_orders(now=now)

        self.witness.compare(told)
        assert expired == len(told)
        _count(f"expire: {expired}")

    def complete_what_was_delivered(self, data: DataObject) -> None:
        now = timezone.now() + timedelta(days=data.draw(st.sampled_from([4, 0])))
        told = self.model.complete_delivered(now)

        completed = operations.complete_orders(now=now)

        self.witness.compare(told)
        assert completed == len(told)
        _count(f"complete by itself: {completed}")

    def tell_the_inventory(self, data: DataObject | None = None) -> None:
        waiting = [order for order in self.model.orders if order.awaits_inventory]
        for order in waiting:
            self.model.settle(order)

        settled = operations.settle_orders()

        self.witness.compare()
        assert settled == (len(waiting), 0)
        _count(f"settle: {len(waiting)}")

    # --- asking ---

    def _new_key(self) -> str:
        return f"key-{next(self.keys)}"

    def _maybe_a_key(self, data: DataObject) -> str | None:
        return self._new_key() if data.draw(_coins) else None

    def _remember(self, key: str | None, path: str, body: Document, answer: Any) -> None:
        if key is not None:
            self.answered.append(Answered(path, body, key, answer.status_code, answer.content))

    def _send(
        self, method: str, path: str, body: Document | None = None, *, by: str, key: str | None = None, **headers: str
    ) -> Any:
        if key is not None:
            headers["Idempotency-Key"] = key
        content = b"" if body is None else orjson.dumps(body)
        answer = self.clients[by].generic(method, path, content, content_type="application/json", headers=headers)
        self._tell(f"{by}: {method} {path} {content.decode()} {headers or ''} -> {answer.status_code} {_code(answer)}")
        return answer

    @contextmanager
    def _outage(self) -> Iterator[None]:
        self.model.inventory_is_up = False
        try:
            with override_settings(INVENTORY_URL=NOBODY_LISTENS):
                yield
        finally:
            self.model.inventory_is_up = True

    def _tell(self, step: str) -> None:
        self.story.append(step)
        if currently_in_test_context():
            note(f"    {step}")

    # --- comparing ---

    def _compare_refusal(self, answer: Any, refused: Refused) -> None:
        assert (answer.status_code, answer.json()["code"]) == (refused.status, refused.code)
        self.witness.compare()

    def teardown(self) -> None:
        """At the end of a history all is settled, every order reads as the model's, and no promise is broken."""
        if failed := sys.exc_info()[1]:
            self._keep_the_story(failed)
            return
        try:
            self._compare_at_the_end()
        except AssertionError as failure:
            self._keep_the_story(failure)
            raise

    def _compare_at_the_end(self) -> None:
        self.tell_the_inventory()
        for order in self.model.orders:
            answer = self._send("GET", f"{ORDERS}/{order.id}", by="ann")
            if order.deleted:
                assert answer.status_code == 404
            else:
                assert answer.json() == order.document()
        assert broken_promises() == {}

    def _keep_the_story(self, failure: BaseException) -> None:
        """Of many histories that fail in turn, while Hypothesis looks for a shorter one, the last is the shortest."""
        if not isinstance(failure, Exception) or isinstance(failure, HypothesisException):
            return  # Ctrl-C, or Hypothesis gives up an example
        STORIES.mkdir(exist_ok=True)
        file = STORIES / f"{type(self).__name__}.txt"
        file.write_text("\n".join([*self.story, "", *traceback.format_exception(failure)]))
        failure.add_note(f"What was asked, step by step, is kept in {file}")


T = TypeVar("T")


def _count(word: str) -> None:
    """For Hypothesis' statistics; a history that is told by hand has none."""
    if currently_in_test_context():
        event(word)


def _predicted(expected: Callable[[], T]) -> T | Refused:
    try:
        return expected()
    except Refused as refused:
        return refused


def _word(expected: object) -> str:
    """What is counted in Hypothesis' statistics."""
    if isinstance(expected, Refused):
        return expected.code
    if isinstance(expected, Outcome):
        expected = expected.told
    return "done" if expected else "no change"


def _bulk(request: Request, orders: Sequence[ModelOrder]) -> Document:
    return {"operation": request.operation, "ids": [order.id for order in orders], "arguments": request.body}


def _envelope(order: ModelOrder, message: str) -> Document:
    return {"data": first_version_document(order), "message": message, "success": True}


def _code(answer: Any) -> str:
    return str(answer.json().get("code", "")) if answer.status_code >= 400 else ""


class HistoriesOfStock(Histories):
    """Few units, seldom prices: what counts is who gets the last ones."""

    on_hand = {"bowl": 5, "cup": 9, "plate": 7}
    priced = st.integers(0, 2).map(lambda number: number == 2)
    policies = ["manual", "manual", "on_payment"]
    approval_limits = [0, 2000, None]


class HistoriesOfMoney(Histories):
    """Stock enough and always prices: what counts is who gets how much back."""

    on_hand = {"bowl": 30, "cup": 60, "plate": 60}
    priced = st.just(True)
    policies = ["on_payment", "on_authorization", "manual"]
    approval_limits = [0, 0, 2000]


@pytest.fixture
def quiet() -> Iterator[None]:
    """Log records of ten thousand requests are read by nobody, and cost."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(RUNS))
@pytest.mark.parametrize("histories", [HistoriesOfStock, HistoriesOfMoney])
def test_every_history_leaves_orders_stock_money_and_events_as_the_model_says(
    histories: type[Histories], number: int, database: None, quiet: None
):
    run_histories(histories, number)


def run_histories(histories: type[Histories], number: int, *, examples: int = EXAMPLES, steps: int = 50) -> None:
    # Of its own name, so that each run tries other histories also where the examples are always the same.
    numbered = type(f"{histories.__name__}{number}", (histories,), {})

    run_state_machine_as_test(
        numbered,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            database=None,
            deadline=None,
            print_blob=True,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
