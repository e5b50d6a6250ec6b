"""Importing orders that were placed elsewhere, with all that has become of them since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from orders.importing.history import HistoricOrder
from orders.importing.lines import NOTHING_SOLD, ImportedOrder
from orders.models import Storefront
from orders.operations.call import Call
from orders.operations.constraints import broken_constraint
from orders.operations.known_orders import ImportOutcome, ImportResult, Reference, existing, storefronts_of
from orders.operations.performing import perform
from orders.operations.writing import NewRows, announce_new, write_new
from orders.rules import errors
from orders.rules.lifecycle import Operation
from orders.rules.statuses import OrderStatus

# Another import of the same orders holds them until its batch is whole, which is longer than a request may wait.
_PATIENCE_SQL: Final = "select set_config('lock_timeout', '60s', true), set_config('statement_timeout', '120s', true)"
_TRIES: Final = 10
# SQLSTATEs of two transactions in each other's way: the same work succeeds when it is done again.
_IN_THE_WAY: Final = frozenset({"40001", "40P01", "55P03"})


class _LookAgain(Exception):
    """Another transaction has written one of these orders, or stood in the way: less may be missing now."""


def import_orders(orders: Sequence[ImportedOrder], *, call: Call) -> list[ImportOutcome]:
    """Write the orders with all their history, in one transaction; no stock is touched. An outcome for each, in order.

    Storefronts that are missing are created. An order that is refused at any operation of its life is not there
    at all, and does not end the others. Raises OperationalError when the database cannot be used; what it has
    committed by then stays.
    """
    storefronts = storefronts_of(orders)
    outcomes: dict[int, ImportOutcome] = {}
    for _ in range(_TRIES):
        if len(outcomes) == len(orders):
            break
        try:
            _write_once(_still_missing(orders, storefronts, outcomes), outcomes, call)
        except _LookAgain:
            continue
    for position in range(len(orders)):
        outcomes.setdefault(position, errors.OrderBusy())
    return [outcomes[position] for position in range(len(orders))]


def _still_missing(
    orders: Sequence[ImportedOrder], storefronts: dict[str, Storefront], outcomes: dict[int, ImportOutcome]
) -> dict[int, HistoricOrder]:
    """The first order of each reference that is not there; what is there goes into `outcomes`.

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
            outcomes[position] = ImportResult.SKIPPED
        elif not orders[position].items:
            outcomes[position] = NOTHING_SOLD
        else:
            missing.setdefault(reference, position)
    return {
        position: HistoricOrder(orders[position], storefronts[orders[position].storefront])
        for position in missing.values()
    }


def _write_once(missing: dict[int, HistoricOrder], outcomes: dict[int, ImportOutcome], call: Call) -> None:
    """Write the orders whole. Of several, one that is refused is found by halving.

    Raises _LookAgain.
    """
    if not missing:
        return
    refusal = _write_all_or_none(list(missing.values()), call)
    if refusal is None:
        outcomes |= dict.fromkeys(missing, ImportResult.PLACED)
    elif len(missing) == 1:
        outcomes |= dict.fromkeys(missing, refusal)
    else:
        parts = list(missing.items())
        _write_once(dict(parts[: len(parts) // 2]), outcomes, call)
        _write_once(dict(parts[len(parts) // 2 :]), outcomes, call)


def _write_all_or_none(historic: Sequence[HistoricOrder], call: Call) -> errors.OrderError | None:
    """Write the orders, or tell why one of them is refused. Raises _LookAgain."""
    try:
        _write_lives(historic, call)
    except errors.OrderBusy as error:
        raise _LookAgain from error
    except errors.OrderError as refusal:
        return refusal
    except (DataError, IntegrityError, OperationalError) as error:
        if getattr(error.__cause__, "sqlstate", None) in _IN_THE_WAY:
            raise _LookAgain from error
        if isinstance(error, OperationalError):
            raise
        match broken_constraint(error):
            case "order_reference_once" | "order_number_once":  # the next try has new numbers
                raise _LookAgain from error
        detail = f"The database refuses the order: {str(error).splitlines()[0]}."
        return errors.InvalidRequest.at("", "refused_by_database", detail)
    return None


def _write_lives(historic: Sequence[HistoricOrder], call: Call) -> None:
    """Write the orders as they were placed, then let each live through what came after: all of it, or nothing.

    All orders are written first, so that two imports of the same ones meet before the long work, not after it.
    """
    events = [
        event
        for order in historic
        for event in announce_new(order.order_row, order.as_document(), storefront=order.storefront, origin=call.origin)
    ]
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(_PATIENCE_SQL)
        orders = [order.order_row for order in historic]
        items = [row for order in historic for row in order.item_rows]
        write_new(NewRows(orders, items, events))
        for order in historic:
            _live(order, call)


def _live(order: HistoricOrder, call: Call) -> None:
    """An operation of the past is like any other, but for its time."""
    status: str = OrderStatus.PENDING
    for past in order.operations():
        if past.operation is Operation.CONFIRM and status != OrderStatus.PENDING:
            continue  # its storefront confirms by itself what is paid
        moment = replace(call, at=past.at, joins_transaction=True)
        status = perform(past.operation, order.order_id, past.request, call=moment)["status"]
