"""Shipped units on their way back."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from msgspec import UNSET

from orders.models import Order, Return, ReturnItem
from orders.operations.call import Call, Document
from orders.operations.crediting import credit_units
from orders.operations.locked_order import locked_order
from orders.operations.obstacles import units_to_return
from orders.operations.units import chosen_units, part_meant
from orders.requests.operations import DecideReturn, ReceivedUnits, ReceiveReturn, RequestReturn
from orders.rules import errors
from orders.rules.lifecycle import Operation
from orders.rules.statuses import CONDITION_AFTER, Condition, CreditCause, ReturnCause, ReturnState


def request_return(order_id: UUID, request: RequestReturn, *, call: Call) -> Document:
    """Announce that shipped units come back. Raises QuantityExceeded: never more than was shipped."""
    with locked_order(order_id, Operation.REQUEST_RETURN, call) as locked:
        order = locked.order
        units = chosen_units(order, request.items, available=units_to_return(order), verb="returned")
        announced = Return(order=order, storefront_id=order.storefront_id, cause=request.cause, requested_at=call.now())
        _announce(order, announced, units)
        return locked.commit()


def approve_return(order_id: UUID, request: DecideReturn, *, call: Call) -> Document:
    """The units may be sent back."""
    return _decide(order_id, Operation.APPROVE_RETURN, request, ReturnState.APPROVED, call)


def reject_return(order_id: UUID, request: DecideReturn, *, call: Call) -> Document:
    """The units stay with the customer; they can be announced anew."""
    return _decide(order_id, Operation.REJECT_RETURN, request, ReturnState.REJECTED, call)


def close_return(order_id: UUID, request: DecideReturn, *, call: Call) -> Document:
    """An approved return that never arrived: its units are with the customer, and can be announced again."""
    with locked_order(order_id, Operation.CLOSE_RETURN, call) as locked:
        announced = part_meant("return", locked.order.parts.returns, request.return_id, state=ReturnState.APPROVED)
        announced.state, announced.decided_at = ReturnState.CLOSED, call.now()
        locked.order.parts.change(announced, "state", "decided_at")
        return locked.commit()


def _decide(order_id: UUID, operation: Operation, request: DecideReturn, state: ReturnState, call: Call) -> Document:
    with locked_order(order_id, operation, call) as locked:
        announced = part_meant("return", locked.order.parts.returns, request.return_id, state=ReturnState.REQUESTED)
        announced.state, announced.decided_at = state, call.now()
        locked.order.parts.change(announced, "state", "decided_at")
        return locked.commit()


def receive_return(order_id: UUID, request: ReceiveReturn, *, call: Call) -> Document:
    """What has come back of an approved return. Units to be restocked can be sold again.

    They are owed no more, with their share of the total or another amount. What was announced and did not come is
    with the customer still. Raises QuantityExceeded, AmountExceeded or InvalidRequest.
    """
    with locked_order(order_id, Operation.RECEIVE_RETURN, call) as locked:
        order = locked.order
        announced = part_meant("return", order.parts.returns, request.return_id, state=ReturnState.APPROVED)
        lines = {line.item_id: line for line in announced.contents}
        received = request.items or [
            ReceivedUnits(item_id=line.item_id, quantity=line.quantity) for line in lines.values()
        ]
        if len({units.item_id for units in received}) < len(received):
            raise errors.InvalidRequest.at("/items", "not_unique", "An item stands here twice; name each once")
        announced_units = {item_id: line.quantity for item_id, line in lines.items()}
        chosen_units(order, received, available=announced_units, verb="received")
        before = order.ended_units()
        for index, units in enumerate(received):
            line = lines[units.item_id]
            line.received, line.condition = units.quantity, _condition(units, announced)
            line.restocked = _goes_back(units, line.condition, order, index=index)
            order.parts.change(line, "received", "condition", "restocked")
        announced.state, announced.received_at = ReturnState.RECEIVED, call.now()
        order.parts.change(announced, "state", "received_at")
        units_back = {units.item_id: units.quantity for units in received}
        restocked = {item_id: units for item_id, units in units_back.items() if lines[item_id].restocked}
        order.take_back(units_back, restocked=restocked)
        credit_units(
            order,
            call,
            CreditCause.RETURNED,
            units_back,
            before=before,
            amount=request.amount,
            part_of=announced,
        )
        if any(line.restocked for line in lines.values()):
            order.stock_changed()
        if request.rest_follows:
            _announce_rest(order, announced)
        return locked.commit()


def _condition(units: ReceivedUnits, announced: Return) -> Condition:
    if units.condition is not UNSET:
        return Condition(units.condition)
    return CONDITION_AFTER[ReturnCause(announced.cause)]


def _goes_back(units: ReceivedUnits, condition: Condition, order: Order, *, index: int) -> bool:
    """Raises InvalidRequest for units that are not as new, NoStockHeld for those that never left the shelf here."""
    if units.restock is UNSET:
        return condition == Condition.NEW and order.reservation_id is not None
    if units.restock and condition != Condition.NEW:
        detail = f"Only units that are as new go back on the shelf; these are {condition}"
        raise errors.InvalidRequest.beside_order(f"/items/{index}/restock", "not_allowed", detail)
    if units.restock and order.reservation_id is None:
        raise errors.NoStockHeld()
    return units.restock


def _announce(order: Order, announced: Return, units: Mapping[UUID, int]) -> None:
    announced.contents = [
        ReturnItem(part_of=announced, item_id=item_id, storefront_id=order.storefront_id, quantity=quantity)
        for item_id, quantity in units.items()
    ]
    order.parts.returns.append(announced)
    order.parts.add(announced, *announced.contents)


def _announce_rest(order: Order, announced: Return) -> None:
    """What has not come yet is a return of its own, approved like the one it was part of."""
    missing = {
        line.item_id: line.quantity - line.received for line in announced.contents if line.quantity > line.received
    }
    if not missing:
        return
    rest = Return(
        order=order,
        storefront_id=announced.storefront_id,
        state=ReturnState.APPROVED,
        cause=announced.cause,
        requested_at=announced.requested_at,
        decided_at=announced.decided_at,
    )
    _announce(order, rest, missing)
