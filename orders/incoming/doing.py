"""How a handler reads its event and has an operation done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
from msgspec import Struct

from events.inbox.envelope import Incoming
from events.inbox.handlers import Refused
from orders import operations
from orders.operations import ANY_VERSION, Call, Precondition
from orders.requests.parsing import parse
from orders.rules import errors
from orders.rules.callers import system
from orders.rules.lifecycle import Operation

S = TypeVar("S", bound=Struct)

CONSUMER: Final = system("consume_events")
# What can be otherwise in a moment: the order is placed or imported meanwhile, or nobody else changes it any more.
PASSING: Final = (errors.OrderNotFound, errors.OrderBusy, errors.VersionMismatch, errors.TemporarilyUnavailable)


def told(event: Incoming, shape: type[S]) -> S:
    """The event's data, field by field. Raises Refused."""
    try:
        return parse(orjson.dumps(event.data), shape)
    except errors.OrderError as refusal:
        raise Refused(f"The data of the event is not as expected: {refusal}") from refusal


def call_for(event: Incoming, *, reason: str = "") -> Call:
    """Whose doing it is, and what it goes back to."""
    return Call(CONSUMER, reason=reason, request_id=event.id, trace=event.trace)


def do(
    operation: Operation,
    order_id: UUID,
    request: Any,
    *,
    event: Incoming,
    reason: str = "",
    precondition: Precondition = ANY_VERSION,
) -> None:
    """Do it in the event's transaction. Raises Refused for what would be refused again, and what is to be tried again
    as it is.
    """
    call = replace(call_for(event, reason=reason), precondition=precondition)
    try:
        operations.perform_within(operation, order_id, request, call=call)
    except PASSING:
        raise
    except errors.OrderError as refusal:
        raise Refused(str(refusal)) from refusal
