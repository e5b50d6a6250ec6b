"""Orders that are here already, and of which an import tells more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from django.db import connection, transaction

from orders.importing.catching_up import ahead
from orders.importing.history import PastOperation
from orders.importing.lines import ImportedOrder
from orders.models import Order
from orders.operations.call import Call, Precondition
from orders.operations.import_attempts import PATIENCE_SQL, TRIES, LookAgain, refusal_of
from orders.operations.known_orders import ImportOutcome, ImportResult
from orders.operations.past_operations import live_through
from orders.rules import clock, errors


def move_forward(told: Sequence[tuple[UUID, ImportedOrder]], *, call: Call) -> list[ImportOutcome]:
    """Let each order, by its id, live through what the file tells and it has not: each in a transaction of its own.

    An order that is refused at one operation stays as it was. A deleted one is skipped. Raises OperationalError when
    the database cannot be used.
    """
    orders = Order.objects.select_related("storefront").prefetch_related("items", "payments", "shipments")
    here = orders.in_bulk([order_id for order_id, _ in told])
    return [_move(here.get(order_id), imported, call) for order_id, imported in told]


def _move(here: Order | None, told: ImportedOrder, call: Call) -> ImportOutcome:
    """`here` is the order as it was read a moment ago; it is read anew when it was changed since."""
    for _ in range(TRIES):
        if here is None:
            return ImportResult.SKIPPED
        try:
            still = ahead(told, here, now=clock.now())
        except errors.OrderError as refusal:
            return refusal
        if not still.operations:
            return still.remark or ImportResult.SKIPPED
        try:
            return refusal_of(partial(_perform, here, still.operations, call)) or ImportResult.MOVED
        except LookAgain:
            here = Order.objects.select_related("storefront").filter(pk=here.pk).first()
    return errors.OrderBusy()


def _perform(here: Order, operations: Sequence[PastOperation], call: Call) -> None:
    """All of them, or none; none either when the order is not as it was read any more."""
    call = replace(call, precondition=Precondition(here.version))
    with transaction.atomic(durable=not call.joins_transaction):
        with connection.cursor() as cursor:
            cursor.execute(PATIENCE_SQL)
        live_through(here.pk, operations, status=here.status, call=call)
