"""How an operation gets hold of its order: a transaction, the order's row, its version, and what stands in the way."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from django.db import OperationalError, transaction

from orders.models import Order
from orders.operations.call import Call, Document
from orders.operations.changed_rows import write_changed
from orders.operations.committing import commit
from orders.operations.idempotency import raise_if_answered
from orders.operations.obstacles import obstacles
from orders.reading.documents import document_of
from orders.rules import errors
from orders.rules.callers import refusal_to
from orders.rules.lifecycle import Operation

# What the obstacles look at and the operation then works with is read once.
_PARTS: Final[dict[Operation, str]] = {
    Operation.DELIVER: "shipments",
    Operation.UNDO_SHIPMENT: "shipments__items",
    Operation.UNDO_DELIVERY: "shipments",
    Operation.CORRECT_PAYMENT: "payments",
    Operation.APPROVE_REFUND: "refunds",
    Operation.REJECT_REFUND: "refunds",
    Operation.FAIL_REFUND: "refunds",
    Operation.REQUEST_RETURN: "returns__items",
    Operation.APPROVE_RETURN: "returns",
    Operation.REJECT_RETURN: "returns",
    Operation.RECEIVE_RETURN: "returns__items",
    Operation.CLOSE_RETURN: "returns",
}


_COUNTS: Final = ("canceled", "shipped", "returned", "restocked")


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
    # Inside a transaction of several operations a savepoint for each would only cost.
    with transaction.atomic(durable=not call.joins_transaction, savepoint=not call.joins_transaction):
        order = _lock(order_id, operation, call, deleted=deleted)
        if call.idempotency is not None:
            raise_if_answered(order.storefront_id, call.idempotency)
        call.precondition.check(order)
        locked = LockedOrder(order, operation, call, document_of(order))
        if checked:
            locked.check(operation)
        yield locked
        if call.rehearsal is not None:
            transaction.set_rollback(True)


def _lock(order_id: UUID, operation: Operation, call: Call, *, deleted: bool) -> Order:
    orders = Order.all_objects if deleted else Order.objects
    queryset = orders.select_for_update(of=("self",)).select_related("storefront")
    if operation in _PARTS:
        queryset = queryset.prefetch_related(_PARTS[operation])
    storefronts = call.caller.storefronts
    if storefronts is not None:
        queryset = queryset.filter(storefront_id__in=storefronts)
    try:
        order: Order = queryset.get(pk=order_id)
    except Order.DoesNotExist:
        if call.idempotency is not None:  # it may have been deleted since
            for storefront_id in storefronts or ():
                raise_if_answered(storefront_id, call.idempotency)
        raise errors.OrderNotFound(order_id) from None
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise errors.OrderBusy(order_id) from error
        raise
    return order


@dataclass(slots=True)
class LockedOrder:
    """An order whose row is held: change `order`, save its parts, then `commit`."""

    order: Order
    operation: Operation
    call: Call
    before: Document

    def check(self, operation: Operation) -> None:
        """Raise the first thing that stands in the way."""
        for obstacle in obstacles(self.order, operation, self.call.caller):
            raise obstacle

    def unchanged(self) -> Document:
        """End without a change: no version, no event. Return the order's document."""
        if self.call.rehearsal is not None:
            self.call.rehearsal.before = self.call.rehearsal.after = self.before
        return self.before

    def save_lines(self) -> None:
        """Write the counts of the items of which any has changed."""
        before = {item["id"]: item for item in self.before["items"]}
        write_changed(
            [
                item
                for item in self.order.lines
                if any(getattr(item, count) != before[str(item.pk)][count] for count in _COUNTS)
            ],
            _COUNTS,
        )

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
            instructions=instructions,
            cause=cause,
            rewritten=rewritten,
        )
