"""Shipped units on their way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.model.credits import credit_units
from tests.chaos.model.order import ModelOrder
from tests.chaos.model.parts import NEW, Asked, Return
from tests.chaos.model.rules import Refused
from tests.chaos.model.telling import Instructions

if TYPE_CHECKING:
    from tests.chaos.model.storefront import ModelStorefront


def request_return(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    units = order.chosen_units(asked.get("items"), order.units_to_return())
    lines = [
        {"item_id": item_id, "quantity": quantity, "received": 0, "condition": None, "restocked": False}
        for item_id, quantity in units.items()
    ]
    order.returns.append(Return(asked["cause"], lines))
    return []


def approve_return(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    return _decide(order, asked, "approved")


def reject_return(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    return _decide(order, asked, "rejected")


def receive_return(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    """What was announced and did not come is with the customer still. What is restocked can be sold again."""
    announced = _meant(order, asked, "approved")
    lines = {line["item_id"]: line for line in announced.items}
    everything = [{"item_id": item_id, "quantity": line["quantity"]} for item_id, line in lines.items()]
    received = asked.get("items") or everything
    if len({units["item_id"] for units in received}) < len(received):
        raise Refused("validation_error")
    order.chosen_units(received, {item_id: line["quantity"] for item_id, line in lines.items()})
    if any(units.get("restock") and _condition(units, announced) != "new" for units in received):
        raise Refused("validation_error")
    items = {item.id: item for item in order.items}
    ended = {item.id: item.canceled + item.returned for item in order.items}
    for units in received:
        item, line, quantity = items[units["item_id"]], lines[units["item_id"]], units["quantity"]
        condition = _condition(units, announced)
        restock = units.get("restock", condition == "new")
        line.update(received=quantity, condition=condition, restocked=restock)
        item.returned += quantity
        if restock:
            item.restocked += quantity
            order.awaits_inventory = True
    announced.state, announced.received_at = "received", NEW
    units_back = {units["item_id"]: units["quantity"] for units in received}
    credit_units(order, "returned", units_back, ended, amount=asked.get("amount"), return_id=announced.id)
    rest = [line for line in announced.items if line["quantity"] > line["received"]]
    if asked.get("rest_follows") and rest:
        empty = {"received": 0, "condition": None, "restocked": False}
        items_left = [line | empty | {"quantity": line["quantity"] - line["received"]} for line in rest]
        waiting = Return(announced.cause, items_left, "approved", requested_at=announced.requested_at)
        waiting.decided_at = announced.decided_at
        order.returns.append(waiting)
    return []


def _condition(units: Asked, announced: Return) -> str:
    usual = {"damaged": "damaged", "not_as_described": "opened", "other": "opened"}.get(announced.cause, "new")
    return str(units.get("condition", usual))


def close_return(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    announced = _meant(order, asked, "approved")
    announced.state, announced.decided_at = "closed", NEW
    return []


def _decide(order: ModelOrder, asked: Asked, state: str) -> Instructions:
    announced = _meant(order, asked, "requested")
    announced.state, announced.decided_at = state, NEW
    return []


def _meant(order: ModelOrder, asked: Asked, state: str) -> Return:
    candidates = [announced for announced in order.returns if announced.state == state]
    announced = order.meant(order.returns, asked.get("return_id"), candidates)
    if announced.state != state:
        raise Refused("wrong_state")
    return announced
