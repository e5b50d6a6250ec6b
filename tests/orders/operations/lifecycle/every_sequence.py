"""Walks through every state that a world's operations can bring an order to, step by step, with real operations.

An order's *state* is everything the database has of it but ids, numbers, versions and moments. From each state
every operation is asked for once with each choice of arguments; what it leads to, if nothing like it was met
before, is a state to go on from. Two orders in one state are refused the same and become the same, so the
steps from all states that n operations reach are all sequences of n + 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson
from msgspec import Struct

from orders.models import Order
from orders.operations import PERFORMERS, Call, Document, perform
from orders.operations.obstacles import obstacles
from orders.rules.callers import Caller
from orders.rules.errors import OrderError
from orders.rules.lifecycle import Operation
from tests.orders.operations.lifecycle.order_rows import Rows, copies_of, rows_of, rows_of_each
from tests.orders.operations.lifecycle.order_rules import (
    assert_nothing_changed,
    assert_order_is_right,
    assert_step_is_right,
)

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PLACE: Final = re.compile(r"(?:order|item|shipment|refund|return|hold) \d")
_PARTS: Final = {
    "order": "orders_order",
    "item": "orders_orderitem",
    "shipment": "orders_shipment",
    "credit": "orders_credit",
    "refund": "orders_refund",
    "payment": "orders_paymentrecord",
    "return": "orders_return",
    "reservation": "inventory_reservation",
}
# No operation reads the log, or a number; of revisions and versions each counts on from where it is.
_NOT_READ: Final = ("events_event", "events_outbox")
_COUNTS: Final = frozenset({"number", "version", "stock_revision", "revision", "position"})
# Of a deleted order these are found by.
_FOR_DELETED: Final = frozenset({Operation.RECORD_PAYMENT, Operation.RESTORE})
# Asked for what is so already these change nothing; the first three look for that before they look for obstacles.
_LOOK_FIRST: Final = frozenset({Operation.CHANGE_DETAILS, Operation.TRACK, Operation.RECORD_PAYMENT})
_MAY_BE_NO_CHANGE: Final = _LOOK_FIRST | {Operation.AMEND, Operation.EXTEND}


@dataclass(frozen=True)
class Choice:
    """One way to ask for an operation, as JSON asks for it: "item 0" stands for the id of the order's first item.

    `by` is who asks; `checks` the row of the table that counts, where it is another one than the operation's.
    """

    operation: Operation
    asked: dict[str, Any] = field(default_factory=dict)
    by: str = "staff:ann"
    checks: Operation | None = None

    def __str__(self) -> str:
        return f"{self.operation} {self.asked or ''}".rstrip()

    @property
    def checked(self) -> Operation:
        return self.checks or self.operation

    def request(self, rows: Rows) -> Struct | None:
        """As the operation takes it; None when the order has no such part."""
        places = {place: identifier for identifier, place in _places(rows).items()}
        text = orjson.dumps(self.asked).decode()
        if not all(place in places for place in _PLACE.findall(text)):
            return None
        text = _PLACE.sub(lambda found: places[found[0]], text)
        return msgspec.json.decode(text, type=PERFORMERS[self.operation].request)


def _places(rows: Rows) -> dict[str, str]:
    """By id, which part of the order it is: "item 0", "shipment 1" …"""
    places = {row["id"]: f"{name} {place}" for name, table in _PARTS.items() for place, row in enumerate(rows[table])}
    holds = rows["orders_order"][0]["holds"]
    return places | {hold["id"]: f"hold {place}" for place, hold in enumerate(holds)}


def state_of(rows: Rows) -> str:
    """Everything the database has of an order that an operation could read.

    Ids are replaced by their places and moments by whether there is one: operations compare ids for equality and order,
    and of moments only `reserved_until` with now.
    """
    read = {table: [_reduced(row) for row in found] for table, found in rows.items() if table not in _NOT_READ}
    places = _places(rows)
    text = orjson.dumps(read, option=orjson.OPT_SORT_KEYS).decode()
    return _UUID.sub(lambda found: places[found[0]], text)


def _reduced(row: dict[str, Any]) -> dict[str, Any]:
    reduced: dict[str, Any] = {}
    for name, value in row.items():
        if name in _COUNTS:
            continue
        if name == "reserved_until":
            reduced[name] = value and datetime.fromisoformat(value) > datetime.now(UTC)
        elif name == "holds":
            reduced[name] = [_reduced(hold) for hold in value]
        else:
            reduced[name] = value is not None if name.endswith("_at") else value
    return reduced


@dataclass
class Walk:
    """A world in which orders are asked for `choices`, and what has been done in it."""

    choices: Sequence[Choice]
    done: set[Operation] = field(default_factory=set)
    _refusals: set[tuple[object, ...]] = field(default_factory=set)

    def from_order(self, order_id: UUID, *, operations: int) -> None:
        """Take every sequence of that many operations. A failure tells which one led to it."""
        rows = rows_of(order_id)
        assert_order_is_right(rows)
        seen = {state_of(rows)}
        reached: list[tuple[Rows, list[str]]] = [(rows, [])]
        for _ in range(operations):
            further = []
            for rows, way in reached:
                for step, after in self._steps_from(rows, way):
                    if (state := state_of(after)) not in seen:
                        seen.add(state)
                        further.append((after, [*way, step]))
            reached = further

    def _steps_from(self, rows: Rows, way: list[str]) -> Iterator[tuple[str, Rows]]:
        """Take each choice with a copy of the order; yield those that have changed it, with its rows afterwards."""
        choices = [*self._choices(rows)]
        befores = copies_of(rows, len(choices))
        answers = [_answer(choice, before, way) for (choice, _), before in zip(choices, befores, strict=True)]
        afters = rows_of_each([_order_id(before) for before in befores])
        for (choice, in_the_way), before, answer, after in zip(choices, befores, answers, afters, strict=True):
            with _told_after([*way, str(choice)]):
                if _has_changed(choice, in_the_way, before, answer, after):
                    self.done.add(choice.operation)
                    yield str(choice), after

    def _choices(self, rows: Rows) -> Iterator[tuple[Choice, list[str]]]:
        """Each choice that names parts the order has, with the codes of what is said to stand in its way.

        Obstacles are raised before arguments are looked at, and by themselves, so a choice that has met the same ones
        in the same status is left out.
        """
        orders = Order.all_objects.select_related("storefront").prefetch_related(
            "items", "shipments", "refunds", "returns__items"
        )
        order = orders.get(pk=_order_id(rows))
        deleted = order.deleted_at is not None
        for choice in self.choices:
            if choice.request(rows) is None:
                continue
            if deleted and choice.operation not in _FOR_DELETED:
                codes = ["order_not_found"]
            else:
                codes = [error.code for error in obstacles(order, choice.checked, Caller(choice.by))]
            if codes and choice.operation not in _LOOK_FIRST:
                refusal = (choice.checked, order.status, order.fulfillment_status, deleted, *codes)
                if refusal in self._refusals:
                    continue
                self._refusals.add(refusal)
            yield choice, codes


def _answer(choice: Choice, before: Rows, way: list[str]) -> Document | OrderError:
    with _told_after([*way, str(choice)]):
        try:
            return perform(choice.operation, _order_id(before), choice.request(before), call=Call(Caller(choice.by)))
        except OrderError as refusal:
            return refusal


def _has_changed(
    choice: Choice, in_the_way: list[str], before: Rows, answer: Document | OrderError, after: Rows
) -> bool:
    """Check what was answered and what it did to the order; tell whether it did anything."""
    if isinstance(answer, OrderError):
        assert_nothing_changed(before, after)
        if in_the_way:
            assert answer.code == in_the_way[0]
        else:
            assert answer.obstacle not in ("status", "hold")
        return False
    if after["orders_order"][0]["version"] == before["orders_order"][0]["version"]:
        assert choice.operation in _MAY_BE_NO_CHANGE
        assert after == before
        return False
    assert in_the_way == []
    assert_step_is_right(choice.operation, choice.by, before, after, answer)
    assert_order_is_right(after)
    return True


def _order_id(rows: Rows) -> UUID:
    return UUID(rows["orders_order"][0]["id"])


@contextmanager
def _told_after(steps: list[str]) -> Iterator[None]:
    """Which steps have led to what fails."""
    try:
        yield
    except Exception as error:
        error.add_note(f"The sequence: {', '.join(steps)}")
        raise
