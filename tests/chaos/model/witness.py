"""Looks into the tables after every step: they have gained what the model says, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db import connection

from tests.chaos.model.order import PERSONAL, applied, without_personal_data
from tests.chaos.model.parts import Document
from tests.chaos.model.storefront import ModelStorefront
from tests.chaos.model.telling import Told

_WHAT_IS_THERE: Final = """
select coalesce((select json_agg(json_build_object('order_id', stream_id, 'id', id, 'version', sequence, 'type', type,
                                                   'actor', actor, 'reason', coalesce(beside.reason, ''),
                                                   'data', data) order by sequence, id)
                   from events_event left join events_personal beside using (stream_id, sequence) where id > %s), '[]'),
       (select json_object_agg(product_id, json_build_array(on_hand, reserved, shipped)) from inventory_stock),
       (select json_object_agg(id, json_build_array(version, deleted_at is not null, stock_action is not null))
          from orders_order)
"""
_BEFORE_ALL_EVENTS: Final = "00000000-0000-0000-0000-000000000000"


class Witness:
    """`log` has the events of each order, oldest first; `left` its document without personal data as it was left."""

    def __init__(self, model: ModelStorefront) -> None:
        self._model = model
        self._last_event = _BEFORE_ALL_EVENTS
        self.log: dict[str, list[Document]] = {}
        self.left: dict[str, Document] = {}

    def compare(self, told: Sequence[Told] = ()) -> None:
        """The log has gained exactly these events; stock, versions and what awaits the inventory are the model's."""
        with connection.cursor() as cursor:
            cursor.execute(_WHAT_IS_THERE, [self._last_event])
            events, stock, orders = cursor.fetchone()
        self._last_event = max([event["id"] for event in events], default=self._last_event)
        found = [(_taken(events, each), each) for each in told]
        assert events == []
        for event, each in found:
            version = each.document["version"]
            assert (event["type"], event["version"], event["actor"]) == (each.type, version, each.by)
            assert event["data"]["order"] == without_personal_data(each.document)
        # Of several events of one order the last one tells what it is now.
        for event, each in {id(each.order): (event, each) for event, each in found}.values():
            each.order.learn(event["data"]["order"])
        for event, each in found:
            self.compare_data(event["data"], each)
            self.log.setdefault(each.order.id, []).append(event)
            self.left[each.order.id] = event["data"]["order"]
        assert stock == self._model.on_shelf()
        assert orders == {
            order.id: [order.version, order.deleted, order.awaits_inventory] for order in self._model.orders
        }

    def compare_data(self, data: Document, told: Told) -> None:
        """What was done, what others are to do now, and which changes lead from the order before to the one after."""
        assert data["order"] == without_personal_data(told.document)
        assert (data["operation"], data["version"]) == (told.operation, told.document["version"])
        assert data["instructions"] == [instruction.shown() for instruction in told.instructions]
        if told.operation == "place":
            assert data["changes"] == {}
            return
        before = self.left[told.order.id]
        changed = {name for name, value in data["order"].items() if before[name] != value} - {"version", "updated_at"}
        changed |= {name for name in PERSONAL if told.before[name] != told.document[name]}
        if told.operation in ("delete", "restore"):
            changed.add("deleted")
        assert data["changes"].keys() == changed
        unstamped = {"version": 0, "updated_at": ""}
        assert applied(before, data["changes"]) | unstamped == data["order"] | unstamped


def _taken(events: list[Document], told: Told) -> Document:
    """Take the oldest event of the order out of those found."""
    for event in events:
        if told.order.id == event["order_id"]:
            events.remove(event)
            return event
    raise AssertionError(f"No event tells of {told.operation}.")
