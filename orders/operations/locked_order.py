"""How an operation gets hold of its order: a transaction, the order's row, its version, and what stands in the way."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from django.db import OperationalError, connection, transaction

from orders.models import Order, Storefront
from orders.operations.call import Call, Document
from orders.operations.committing import commit
from orders.operations.idempotency import raise_if_answered
from orders.operations.obstacles import obstacles
from orders.operations.stored_rows import columns_sql, read_with_parts, row_as
from orders.rules import errors
from orders.rules.callers import refusal_to
from orders.rules.lifecycle import Operation

# What the obstacles look at and the operation then works with is read at once; the rest is loaded when it is asked for.
_PARTS: Final[dict[Operation, Sequence[str]]] = {
    Operation.AMEND: ("lines",),
    Operation.PACK: ("lines", "parcels"),
    Operation.SHIP: ("lines", "parcels"),
    Operation.TRACK: ("parcels",),
    Operation.DELIVER: ("parcels",),
    Operation.COMPLETE: ("parcels",),
    Operation.UNDO_SHIPMENT: ("lines", "parcels", "returns"),
    Operation.UNDO_DELIVERY: ("parcels",),
    Operation.UNDO_COMPLETION: ("parcels",),
    Operation.CANCEL: ("lines", "parcels"),
    Operation.EXPIRE: ("lines", "parcels"),
    Operation.REINSTATE: ("lines", "refunds", "credits"),
    Operation.RECORD_PAYMENT: ("payments", "refunds"),
    Operation.CORRECT_PAYMENT: ("payments", "refunds"),
    Operation.REQUEST_REFUND: ("payments", "refunds"),
    Operation.APPROVE_REFUND: ("payments", "refunds"),
    Operation.REJECT_REFUND: ("refunds",),
    Operation.FAIL_REFUND: ("refunds",),
    Operation.REQUEST_RETURN: ("lines", "returns"),
    Operation.APPROVE_RETURN: ("returns",),
    Operation.REJECT_RETURN: ("returns",),
    Operation.RECEIVE_RETURN: ("lines", "returns"),
    Operation.CLOSE_RETURN: ("returns",),
}

# The order and its storefront in one row. Written out because Django would compile it anew for each order.
_READ: Final = (
    f"select {columns_sql(Order)}, {columns_sql(Storefront)} "  # noqa: S608 - names of our models
    "from orders_order join orders_storefront on orders_storefront.id = orders_order.storefront_id "
    "where orders_order.id = %s and (%s or orders_order.deleted_at is null) "
    "and (%s::bigint[] is null or orders_order.storefront_id = any (%s::bigint[]))"
)
_LOCK: Final = f"{_READ} for update of orders_order"
_OWN: Final = len(Order._meta.concrete_fields)


@contextmanager
def locked_order(
    order_id: UUID, operation: Operation, call: Call, *, deleted: bool = False, checked: bool = True
) -> Iterator[LockedOrder]:
    """Open the transaction and hold the order's row until it ends; what stands in the way is raised at once.

    `deleted` lets deleted orders be found too. With `checked` False the operation itself calls `check`,
    once it knows that there is something to change.

    Raises NotPermitted, OrderNotFound, VersionMismatch, every obstacle, Replay when the call was
    answered before, and OrderBusy when others hold the row for longer than lock_timeout.
    """
    if refusal := refusal_to(call.caller, operation):
        raise refusal
    if call.unwritten is not None:
        order = call.unwritten.order
        locked = LockedOrder(order, operation, call, call.unwritten.document, (), order.has_ended)
        if checked:
            locked.check(operation)
        yield locked
        return
    # Inside a transaction of several operations a savepoint for each would only cost.
    with transaction.atomic(durable=not call.joins_transaction, savepoint=not call.joins_transaction):
        order, read = _lock(order_id, call, deleted=deleted)
        if call.idempotency is not None:
            raise_if_answered(order.storefront_id, call.idempotency)
        call.precondition.check(order)
        before = read_with_parts(order, _PARTS.get(operation, ()))
        locked = LockedOrder(order, operation, call, before, read, order.has_ended)
        if checked:
            locked.check(operation)
        yield locked
        if call.rehearsal is not None:
            transaction.set_rollback(True)


def order_with_items(order_id: UUID, call: Call) -> Order | None:
    """The order as it is before anything is locked, deleted or not; None where the caller has no such order."""
    row = _row(_READ, order_id, call, deleted=True)
    if row is None:
        return None
    order = _order_in(row)
    read_with_parts(order, ("lines",))
    return order


def _lock(order_id: UUID, call: Call, *, deleted: bool) -> tuple[Order, Sequence[Any]]:
    """The order, and its columns as they were read."""
    try:
        row = _row(_LOCK, order_id, call, deleted=deleted)
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise errors.OrderBusy(order_id) from error
        raise
    if row is None:
        if call.idempotency is not None:  # it may have been deleted since
            for storefront_id in call.caller.storefronts or ():
                raise_if_answered(storefront_id, call.idempotency)
        raise errors.OrderNotFound(order_id)
    return _order_in(row), row[:_OWN]


def _row(statement: str, order_id: UUID, call: Call, *, deleted: bool) -> Sequence[Any] | None:
    storefronts = None if call.caller.storefronts is None else list(call.caller.storefronts)
    with connection.cursor() as cursor:
        cursor.execute(statement, [order_id, deleted, storefronts, storefronts])
        row: Sequence[Any] | None = cursor.fetchone()
    return row


def _order_in(row: Sequence[Any]) -> Order:
    order: Order = row_as(Order, row[:_OWN])
    order.storefront = row_as(Storefront, row[_OWN:])
    return order


@dataclass(slots=True)
class LockedOrder:
    """An order whose row is held: change `order`, save its parts, then `commit`."""

    order: Order
    operation: Operation
    call: Call
    before: Document
    read: Sequence[Any]
    had_ended: bool

    def check(self, operation: Operation) -> None:
        """Raise the first thing that stands in the way."""
        for obstacle in obstacles(self.order, operation, self.call.caller):
            raise obstacle

    def unchanged(self) -> Document:
        """End without a change: no version, no event. Return the order's document."""
        if self.call.rehearsal is not None:
            self.call.rehearsal.before = self.call.rehearsal.after = self.before
        return self.before

    def commit(
        self,
        *,
        instructions: Sequence[Mapping[str, Any]] = (),
        cause: str | None = None,
        rewritten: Collection[str] = (),
    ) -> Document:
        """End with a change, see `committing.py`; return the order's document."""
        return commit(
            self.order,
            self.operation,
            self.call,
            self.before,
            self.read,
            had_ended=self.had_ended,
            instructions=instructions,
            cause=cause,
            rewritten=rewritten,
        )
