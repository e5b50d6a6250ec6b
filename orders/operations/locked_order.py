"""The one helper that opens a transaction and holds an order's row, and what ends every change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg
from django.db import IntegrityError, OperationalError, transaction

from events import outbox
from orders.announcing.changes import Change
from orders.announcing.payloads import ORDER_DELETED, ORDER_RESTORED, ORDER_UPDATED
from orders.announcing.signals import order_changed
from orders.models import IdempotentAnswer, Order, OrderItem
from orders.operations.call import Call, Document
from orders.operations.idempotency import StoredAnswer, answer_fields, raise_if_answered
from orders.operations.obstacles import obstacles
from orders.operations.settling import settle_order
from orders.reading.changes_between import changes_between
from orders.reading.documents import document_of
from orders.rules import errors
from orders.rules.callers import refusal_to
from orders.rules.lifecycle import Operation
from orders.rules.statuses import OrderStatus

_EVENT_TYPES = {Operation.DELETE: ORDER_DELETED, Operation.RESTORE: ORDER_RESTORED}
# What the obstacles look at and the operation then works with is read once.
_PARTS: Final[dict[Operation, str]] = {
    Operation.DELIVER: "shipments",
    Operation.APPROVE_REFUND: "refunds",
    Operation.REJECT_REFUND: "refunds",
    Operation.FAIL_REFUND: "refunds",
    Operation.REQUEST_RETURN: "returns__items",
    Operation.APPROVE_RETURN: "returns",
    Operation.REJECT_RETURN: "returns",
    Operation.RECEIVE_RETURN: "returns__items",
}


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
        """Write the counts of all items."""
        OrderItem.objects.bulk_update(self.order.lines, ["canceled", "shipped", "returned", "restocked"])

    def commit(self, *, instructions: Sequence[Mapping[str, Any]] = (), cause: str | None = None) -> Document:
        """Save the order as its next version, tell the receivers, write their events; return its document.

        `instructions` is what others are to do now, such as a refund to be paid out; it stands in the event,
        and so does `cause`, why units were canceled.
        After the commit the inventory is told at once, if it has to be; the sweeper repeats what fails.
        """
        order, call = self.order, self.call
        order.version += 1
        order.updated_at = max(call.now(), order.placed_at)
        order.save()
        document = document_of(order)
        before, after = changes_between(self.before, document)
        if self.operation in _EVENT_TYPES:
            deleted = order.deleted_at is not None
            before["deleted"], after["deleted"] = not deleted, deleted
        change = Change(
            type=_EVENT_TYPES.get(self.operation, ORDER_UPDATED),
            operation=self.operation,
            order_id=order.pk,
            storefront_id=order.storefront_id,
            storefront_code=order.storefront.code,
            version=order.version,
            occurred_at=order.updated_at,
            document=document,
            origin=call.origin,
            before=before,
            after=after,
            instructions=instructions,
            cause=cause,
        )
        order_changed.send(sender=Order, change=change)
        outbox.append(change.events)
        self._store_answer(document)
        if call.rehearsal is not None:
            call.rehearsal.before, call.rehearsal.after = self.before, document
            call.rehearsal.events = change.events
            call.rehearsal.stock = self._stock_difference(document)
        elif order.stock_action is not None:
            transaction.on_commit(lambda: settle_order(order.pk), robust=True)
        return document

    def _store_answer(self, document: Document) -> None:
        if self.call.idempotency is None:
            return
        answer = StoredAnswer(200, orjson.dumps(document))
        fields = answer_fields(self.order.storefront_id, self.call.idempotency, answer)
        try:
            IdempotentAnswer.objects.create(**fields)
        except IntegrityError as error:  # the same key, for another order, a moment ago
            raise errors.IdempotencyKeyReused from error

    def _stock_difference(self, after: Document) -> dict[str, int]:
        """By product: how many units more, or less, are reserved now."""
        if self.order.reservation_id is None:
            return {}
        # A pending order gives its stock back when it is deleted, and gets it again when it is restored.
        pending = self.before["status"] == OrderStatus.PENDING
        old = Counter[str]() if pending and self.operation is Operation.RESTORE else _reserved_units(self.before)
        new = Counter[str]() if pending and self.operation is Operation.DELETE else _reserved_units(after)
        new.subtract(old)
        return {product: units for product, units in sorted(new.items()) if units}


def _reserved_units(document: Document) -> Counter[str]:
    units: Counter[str] = Counter()
    for item in document["items"]:
        units[item["product_id"]] += item["quantity"] - item["canceled"] - item["restocked"]
    return units
