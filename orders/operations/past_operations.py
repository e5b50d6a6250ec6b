"""Operations of the past: like any other, but for their time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from orders.importing.history import PastOperation
from orders.operations.call import ANY_VERSION, Call
from orders.operations.performing import perform
from orders.rules.lifecycle import Operation
from orders.rules.statuses import OrderStatus


def live_through(order_id: UUID, operations: Iterable[PastOperation], *, status: str, call: Call) -> None:
    """Do them to the order, which has this status, in the caller's transaction, or in memory before it is written.

    The call's precondition is about the first. Raises what the operations raise.
    """
    for past in operations:
        if past.operation is Operation.CONFIRM and status != OrderStatus.PENDING:
            continue  # its storefront confirms by itself what is paid
        moment = replace(call, at=past.at, joins_transaction=True)
        status = perform(past.operation, order_id, past.request, call=moment)["status"]
        if call.precondition is not ANY_VERSION:
            call = replace(call, precondition=ANY_VERSION)
