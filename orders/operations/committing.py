"""What ends every change of an order: its next version, the event that tells it, the stored answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import orjson
from django.db import IntegrityError, transaction

from events import outbox
from orders.announcing.changes import Change
from orders.announcing.payloads import ORDER_DELETED, ORDER_RESTORED, ORDER_UPDATED
from orders.announcing.signals import order_changed
from orders.models import IdempotentAnswer, Order
from orders.operations.call import Call, Document
from orders.operations.changed_rows import note_stock_action, write_order
from orders.operations.idempotency import StoredAnswer, answer_fields
from orders.operations.settling import may_settle_within, settle_changed, settle_order, settle_within
from orders.reading.changes_between import changes_between
from orders.reading.documents import whole_document
from orders.rules import errors
from orders.rules.lifecycle import Operation
from orders.rules.limits import refuse_growth
from orders.rules.statuses import OrderStatus

_EVENT_TYPES: Final = {Operation.DELETE: ORDER_DELETED, Operation.RESTORE: ORDER_RESTORED}


def commit(
    order: Order,
    operation: Operation,
    call: Call,
    before: Document,
    read: Sequence[Any],
    *,
    had_ended: bool,
    instructions: Sequence[Mapping[str, Any]] = (),
    cause: str | None = None,
    rewritten: Collection[str] = (),
) -> Document:
    """Save the order as its next version, tell the receivers, write their events; return its document.

    `before` is its document as it was, `read` its columns, `had_ended` whether it had ended. `instructions` is what
    others are to do now, such as a refund to be paid out; it stands in the event, and so does `cause`, why units were
    canceled. `rewritten` fields are told as changed whether they differ or not. The inventory is told at once, if it
    has to be, with the change or after the commit; the sweeper repeats what fails. An order that is not written yet
    changes in memory. Raises LimitReached.
    """
    order.version += 1
    order.updated_at = max(call.now(), order.placed_at if call.at else order.updated_at)
    order.derive_end(had_ended=had_ended)
    if call.unwritten is not None:
        document = whole_document(order)
        change = _announce(order, operation, call, before, document, instructions, cause, rewritten)
        call.unwritten.remember(document, change.events)
        return document
    # Of several operations in one transaction the first ones would lock stock for as long as the others take.
    at_once = call.rehearsal is None and not call.joins_transaction
    within = order.stock_action if at_once and may_settle_within(order) else None
    if within is not None:
        order.stock_action = None
    document = write_order(order, read)
    change = _announce(order, operation, call, before, document, instructions, cause, rewritten)
    outbox.append(change.events)
    _store_answer(order, call, document)
    # Last: what others want of the stock waits for the commit alone.
    if within is not None and not settle_within(order, within):
        order.stock_action = within
        note_stock_action(order)
    if call.rehearsal is not None:
        call.rehearsal.before, call.rehearsal.after = before, document
        call.rehearsal.events = change.events
        call.rehearsal.stock = _stock_difference(order, operation, before, document)
    elif order.stock_action is not None:
        # Units that are not in memory may be others after the commit than they were under this revision.
        in_memory = at_once and (order.stock_action != "adjust" or order.parts.has("lines"))

        def settle() -> None:  # Django wants to tell the name of what fails, and a partial has none
            if in_memory:
                settle_changed(order)
            else:
                settle_order(order.pk)

        transaction.on_commit(settle, robust=True)
    return document


def _announce(
    order: Order,
    operation: Operation,
    call: Call,
    before: Document,
    document: Document,
    instructions: Sequence[Mapping[str, Any]],
    cause: str | None,
    rewritten: Collection[str],
) -> Change:
    """Tell the receivers; the change has the events they put into it. Raises LimitReached."""
    refuse_growth(before, document)
    old, new = changes_between(before, document)
    for name in rewritten:
        old[name], new[name] = before[name], document[name]
    if operation in _EVENT_TYPES:
        deleted = order.deleted_at is not None
        old["deleted"], new["deleted"] = not deleted, deleted
    change = Change(
        type=_EVENT_TYPES.get(operation, ORDER_UPDATED),
        operation=operation,
        order_id=order.pk,
        storefront_id=order.storefront_id,
        storefront_code=order.storefront.code,
        version=order.version,
        occurred_at=order.updated_at,
        document=document,
        origin=call.origin,
        before=old,
        after=new,
        instructions=instructions,
        cause=cause,
    )
    order_changed.send(sender=Order, change=change)
    return change


def _store_answer(order: Order, call: Call, document: Document) -> None:
    if call.idempotency is None:
        return
    answer = StoredAnswer(200, orjson.dumps(document))
    fields = answer_fields(order.storefront_id, call.idempotency, answer)
    try:
        IdempotentAnswer.objects.create(**fields)
    except IntegrityError as error:  # the same key, for another order, a moment ago
        raise errors.IdempotencyKeyReused from error


def _stock_difference(order: Order, operation: Operation, before: Document, after: Document) -> dict[str, int]:
    """By product: how many units more, or less, are reserved now."""
    if order.reservation_id is None:
        return {}
    # A pending order gives its stock back when it is deleted, and gets it again when it is restored.
    pending = before["status"] == OrderStatus.PENDING
    old = Counter[str]() if pending and operation is Operation.RESTORE else _reserved_units(before)
    new = Counter[str]() if pending and operation is Operation.DELETE else _reserved_units(after)
    new.subtract(old)
    return {product: units for product, units in sorted(new.items()) if units}


def _reserved_units(document: Document) -> Counter[str]:
    units: Counter[str] = Counter()
    for item in document["items"]:
        units[item["product_id"]] += item["quantity"] - item["canceled"] - item["restocked"]
    return units
