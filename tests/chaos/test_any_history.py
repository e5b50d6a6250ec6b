"""Any history of calls, against a small model of what orders and stock must then look like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from events.models import Event
from inventory_client.models import Stock
from inventory_client.stock import set_stock_levels
from orders import operations
from orders.changes import Origin
from orders.errors import NotDeleted, OrderNotFound, OutOfStock
from orders.models import Order, Storefront
from orders.statuses import RULES, OrderStatus
from tests.chaos.promises import broken_promises

ORDERS = "/api/v1/orders"
ON_HAND = {"cup": 12, "plate": 7}
STAFF = Origin("staff:anna")

quantities = st.dictionaries(st.sampled_from(sorted(ON_HAND)), st.integers(1, 4), min_size=1)


@dataclass
class Known:
    """What the model knows of an order."""

    units: dict[str, int]
    status: OrderStatus = OrderStatus.PENDING
    note: str = ""
    deleted: bool = False
    events: list[str] = field(default_factory=lambda: ["order.created"])

    @property
    def holds_stock(self) -> bool:
        return self.status != OrderStatus.CANCELED and not (self.status == OrderStatus.PENDING and self.deleted)


class Histories(RuleBasedStateMachine):
    """One history of a storefront of its own: the rules call the API and compare its answers with the model's."""

    client_of: Callable[[Storefront], Client]  # given by the test
    numbers: Iterator[int]

    placed = Bundle("placed")
    keyed = Bundle("keyed")

    def __init__(self) -> None:
        super().__init__()
        self.number = next(self.numbers)
        self.storefront = Storefront.objects.create(code=f"shop-{self.number}", name="Shop", number_prefix="SHOP")
        self.client = self.client_of(self.storefront)
        set_stock_levels({self._product(name): on_hand for name, on_hand in ON_HAND.items()})
        self.orders: dict[str, Known] = {}
        self.keys = count()

    # --- placing ---

    @rule(target=placed, units=quantities)
    def place(self, units: dict[str, int]) -> Any:
        answer = self._post(ORDERS, self._new_order(units))

        if not self._in_stock(units):
            assert (answer.status_code, answer.json()["code"]) == (409, "out_of_stock")
            return multiple()
        assert answer.status_code == 201
        return self._remember(answer.json()["id"], units)

    @rule(target=keyed, units=quantities)
    def place_with_a_key(self, units: dict[str, int]) -> Any:
        key = f"history-{next(self.keys)}"

        answer = self._post(ORDERS, self._new_order(units), key)

        if not self._in_stock(units):
            assert answer.status_code == 409
            return multiple()
        assert answer.status_code == 201
        self._remember(answer.json()["id"], units)
        return key, units, answer.content

    @rule(request=keyed)
    def repeat(self, request: tuple[str, dict[str, int], bytes]) -> None:
        key, units, first = request

        answer = self._post(ORDERS, self._new_order(units), key)

        assert (answer.status_code, answer.content) == (201, first)
        assert answer.headers["Idempotent-Replayed"] == "true"

    @rule(request=keyed)
    def reuse_a_key_for_something_else(self, request: tuple[str, dict[str, int], bytes]) -> None:
        key, units, _ = request

        answer = self._post(ORDERS, self._new_order({**units, "cup": units.get("cup", 0) + 1}), key)

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")

    @rule(target=placed, several=st.lists(quantities, min_size=2, max_size=3), with_key=st.booleans())
    def place_a_batch(self, several: list[dict[str, int]], with_key: bool) -> Any:
        key = f"history-{next(self.keys)}" if with_key else None
        batch = {"orders": [self._new_order(units) for units in several]}

        answer = self._post(f"{ORDERS}/batch", batch, key)

        assert answer.status_code == 200
        results = answer.json()["results"]
        placed, refused = [], []
        for units, result in zip(several, results, strict=True):
            if result["status"] == 201:
                placed.append(self._remember(result["order"]["id"], units))
            else:
                assert (result["status"], result["error"]["code"]) == (409, "out_of_stock")
                refused.append(units)
        assert not any(self._in_stock(units) for units in refused)
        if placed and key:
            assert self._post(f"{ORDERS}/batch", batch, key).content == answer.content
        return multiple(*placed)

    # --- changing ---

    @rule(order_id=placed, note=st.sampled_from(["", "ring twice", "leave at the door"]))
    def change(self, order_id: str, note: str) -> None:
        known = self.orders[order_id]

        answer = self.client.patch(f"{ORDERS}/{order_id}", {"note": note}, content_type="application/json")

        if known.deleted:
            assert answer.status_code == 404
            return
        assert answer.status_code == 200
        if note != known.note:
            known.note = note
            known.events.append("order.updated")
        assert answer.json()["version"] == len(known.events)

    @rule(order_id=placed, behind=st.integers(0, 2))
    def change_based_on_a_version(self, order_id: str, behind: int) -> None:
        known = self.orders[order_id]
        version = max(0, len(known.events) - behind)
        note = f"from {version}"

        answer = self.client.patch(
            f"{ORDERS}/{order_id}",
            {"note": note},
            content_type="application/json",
            headers={"If-Match": f'"{version}"'},
        )

        if known.deleted:
            assert answer.status_code == 404
        elif version != len(known.events):
            assert (answer.status_code, answer.json()["current_version"]) == (412, len(known.events))
        else:
            assert answer.status_code == 200
            if note != known.note:
                known.note = note
                known.events.append("order.updated")

    @rule(
        order_id=placed,
        wanted=st.sampled_from(
            [OrderStatus.CONFIRMED, OrderStatus.CANCELED, OrderStatus.SHIPPED, OrderStatus.COMPLETED]
        ),
    )
    def move(self, order_id: str, wanted: OrderStatus) -> None:
        known = self.orders[order_id]

        answer = self.client.put(f"/order/update/{order_id}", {"status": wanted.value}, content_type="application/json")

        if known.deleted:
            assert answer.status_code == 404
        elif wanted == known.status:
            assert answer.status_code == 200
        elif wanted == OrderStatus.SHIPPED and known.status == OrderStatus.PENDING:
            assert answer.status_code == 200
            known.status = wanted
            known.events += ["order.updated", "order.updated"]
        elif wanted in RULES[known.status].next_statuses:
            assert answer.status_code == 200
            known.status = wanted
            known.events.append("order.updated")
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")

    @rule(order_id=placed)
    def delete(self, order_id: str) -> None:
        known = self.orders[order_id]

        answer = self.client.delete(f"{ORDERS}/{order_id}")

        if known.deleted:
            assert answer.status_code == 404
        elif RULES[known.status].deletable:
            assert answer.status_code == 204
            known.deleted = True
            known.events.append("order.deleted")
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "not_deletable")

    @rule(order_id=placed)
    def restore(self, order_id: str) -> None:
        known = self.orders[order_id]
        needs_stock = known.deleted and known.status == OrderStatus.PENDING

        if not known.deleted:
            with pytest.raises((NotDeleted, OrderNotFound)):
                operations.restore_order(UUID(order_id), storefront_id=None, origin=STAFF)
        elif needs_stock and not self._in_stock(known.units):
            with pytest.raises(OutOfStock):
                operations.restore_order(UUID(order_id), storefront_id=None, origin=STAFF)
        else:
            operations.restore_order(UUID(order_id), storefront_id=None, origin=STAFF)
            known.deleted = False
            known.events.append("order.restored")

    # --- what must hold after every step ---

    @invariant()
    def the_tables_are_as_the_model_says(self) -> None:
        stock = Stock.objects.filter(pk__in=[self._product(name) for name in ON_HAND])
        assert {row.pk: (row.on_hand, row.reserved) for row in stock} == {
            self._product(name): (on_hand, self._reserved(name)) for name, on_hand in ON_HAND.items()
        }
        assert {
            str(order.pk): (order.status, order.note, order.deleted_at is not None, order.version)
            for order in Order.all_objects.of_storefront(self.storefront.pk)
        } == {
            order_id: (known.status.value, known.note, known.deleted, len(known.events))
            for order_id, known in self.orders.items()
        }
        told: dict[str, list[str]] = {}
        events = Event.objects.filter(storefront_id=self.storefront.pk).order_by("sequence")
        for stream_id, type_ in events.values_list("stream_id", "type"):
            told.setdefault(str(stream_id), []).append(type_)
        assert told == {order_id: known.events for order_id, known in self.orders.items()}

    def teardown(self) -> None:
        assert broken_promises() == {}

    # --- the model's arithmetic, and requests ---

    def _reserved(self, product_id: str) -> int:
        return sum(known.units.get(product_id, 0) for known in self.orders.values() if known.holds_stock)

    def _free(self, product_id: str) -> int:
        return ON_HAND[product_id] - self._reserved(product_id)

    def _in_stock(self, units: dict[str, int]) -> bool:
        return all(quantity <= self._free(product_id) for product_id, quantity in units.items())

    def _product(self, name: str) -> str:
        return f"{name}-{self.number}"

    def _new_order(self, units: dict[str, int]) -> dict[str, Any]:
        items = [{"product_id": self._product(name), "quantity": quantity} for name, quantity in units.items()]
        return {"customer_id": "cus123", "items": items}

    def _remember(self, order_id: str, units: dict[str, int]) -> str:
        self.orders[order_id] = Known(units)
        return order_id

    def _post(self, path: str, body: Any, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return self.client.post(path, body, content_type="application/json", headers=headers)


def test_every_history_leaves_orders_stock_and_events_as_the_model_says(client_of: Callable[..., Client]):
    class NumberedHistories(Histories):
        numbers = count(1)

    NumberedHistories.client_of = staticmethod(client_of)

    run_state_machine_as_test(
        NumberedHistories,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
