"""Importing orders that were placed elsewhere, with all that has become of them since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from django.db import connection, transaction

from orders.importing.history import HistoricOrder
from orders.importing.lines import NOTHING_SOLD, ImportedOrder
from orders.models import Storefront
from orders.operations.call import Call
from orders.operations.import_attempts import PATIENCE_SQL, TRIES, LookAgain, refusal_of
from orders.operations.known_orders import ImportOutcome, ImportResult, Reference, existing, storefronts_of
from orders.operations.moving_forward import move_forward
from orders.operations.past_operations import live_through
from orders.operations.writing import NewRows, announce_new, write_new
from orders.rules import errors
from orders.rules.statuses import OrderStatus


def import_orders(orders: Sequence[ImportedOrder], *, call: Call) -> list[ImportOutcome]:
    """Write the orders with all their history, in one transaction; no stock is touched. An outcome for each, in order.

    Orders that are here already live through what they have not yet, each by itself. Storefronts that are missing are
    created. An order that is refused at any operation of its life is not there at all, and does not end the others.
    Raises OperationalError when the database cannot be used; what it has committed by then stays.
    """
    storefronts = storefronts_of(orders)
    outcomes: dict[int, ImportOutcome] = {}
    here: dict[int, UUID] = {}
    for _ in range(TRIES):
        if len(outcomes) == len(orders):
            break
        try:
            _write_once(_still_missing(orders, storefronts, outcomes, here), outcomes, call)
        except LookAgain:
            continue
    told = [(order_id, orders[position]) for position, order_id in here.items()]
    outcomes |= zip(here, move_forward(told, call=call), strict=True)
    for position in range(len(orders)):
        outcomes.setdefault(position, errors.OrderBusy())
    return [outcomes[position] for position in range(len(orders))]


def rehearse_import(orders: Sequence[ImportedOrder], *, call: Call) -> list[ImportOutcome]:
    """What `import_orders` would do: the real work, in one transaction that is rolled back.

    Until then it holds the rows of the orders that are here.
    """
    with transaction.atomic(durable=True):
        outcomes = import_orders(orders, call=replace(call, joins_transaction=True))
        transaction.set_rollback(True)
    return outcomes


def _still_missing(
    orders: Sequence[ImportedOrder],
    storefronts: dict[str, Storefront],
    outcomes: dict[int, ImportOutcome],
    here: dict[int, UUID],
) -> dict[int, HistoricOrder]:
    """The first order of each reference that is not there; what is there goes into `outcomes` and, with its id, `here`.

    A second order of one reference waits for what becomes of the first.
    """
    open_positions = [position for position in range(len(orders)) if position not in outcomes]
    references = {
        position: (storefronts[orders[position].storefront].pk, orders[position].external_reference)
        for position in open_positions
    }
    taken = existing(references.values())
    missing: dict[Reference, int] = {}
    for position, reference in references.items():
        if reference in taken:
            outcomes[position], here[position] = ImportResult.SKIPPED, taken[reference]
        elif not orders[position].items:
            outcomes[position] = NOTHING_SOLD
        else:
            missing.setdefault(reference, position)
    historic: dict[int, HistoricOrder] = {}
    for position in missing.values():
        try:
            historic[position] = HistoricOrder(orders[position], storefronts[orders[position].storefront])
        except errors.OrderError as refusal:  # of what depends on the storefront
            outcomes[position] = refusal
    return historic


def _write_once(missing: dict[int, HistoricOrder], outcomes: dict[int, ImportOutcome], call: Call) -> None:
    """Write the orders whole. Of several, one that is refused is found by halving.

    Raises LookAgain.
    """
    if not missing:
        return
    refusal = refusal_of(partial(_write_lives, list(missing.values()), call))
    if refusal is None:
        outcomes |= dict.fromkeys(missing, ImportResult.PLACED)
    elif len(missing) == 1:
        outcomes |= dict.fromkeys(missing, refusal)
    else:
        parts = list(missing.items())
        _write_once(dict(parts[: len(parts) // 2]), outcomes, call)
        _write_once(dict(parts[len(parts) // 2 :]), outcomes, call)


def _write_lives(historic: Sequence[HistoricOrder], call: Call) -> None:
    """Write the orders as they were placed, then let each live through what came after: all of it, or nothing.

    All orders are written first, so that two imports of the same ones meet before the long work, not after it.
    """
    events = [
        event
        for order in historic
        for event in announce_new(order.order_row, order.as_document(), storefront=order.storefront, origin=call.origin)
    ]
    with transaction.atomic(durable=not call.joins_transaction):
        with connection.cursor() as cursor:
            cursor.execute(PATIENCE_SQL)
        orders = [order.order_row for order in historic]
        items = [row for order in historic for row in order.item_rows]
        write_new(NewRows(orders, items, events))
        for order in historic:
            live_through(order.order_id, order.operations(), status=OrderStatus.PENDING, call=call)
