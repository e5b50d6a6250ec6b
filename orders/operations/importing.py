"""Importing orders that were placed elsewhere: as history, or placed anew.

Both know an order again by its storefront and external_reference, so the same orders can be sent again
after any crash, and by two imports at once: each exists once.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum
from typing import Final

import msgspec
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from orders.announcing.changes import Origin
from orders.importing.history import HistoricOrder
from orders.importing.lines import ImportedOrder
from orders.models import Storefront
from orders.operations.broken_rules import broken_rule
from orders.operations.call import Call
from orders.operations.idempotency import Idempotency, Replay, StoredAnswer
from orders.operations.performing import perform
from orders.operations.placing import Outcome, place_orders
from orders.operations.writing import NewRows, announce_new, write_new
from orders.rules import errors
from orders.rules.lifecycle import Operation
from orders.rules.statuses import OrderStatus

# By the index order_reference_once, whatever is asked for: one statement, planned once.
_EXISTING_SQL: Final = """
select storefront_id, external_reference
from unnest(%s::bigint[], %s::text[]) as wanted (storefront_id, external_reference)
join orders_order using (storefront_id, external_reference)
where orders_order.external_reference is not null
"""
# Another import of the same orders holds them until its batch is whole, which is longer than a request may wait.
_PATIENCE_SQL: Final = "select set_config('lock_timeout', '60s', true), set_config('statement_timeout', '120s', true)"
_MAX_PLACED_AT_ONCE: Final = 100
_TRIES: Final = 10
# SQLSTATEs of two transactions in each other's way: the same work succeeds when it is done again.
_IN_THE_WAY: Final = frozenset({"40001", "40P01", "55P03"})


class ImportResult(Enum):
    PLACED = "placed"
    SKIPPED = "skipped"  # it was there already


ImportOutcome = ImportResult | errors.OrderError
_Reference = tuple[int, str]


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


def place_imported_orders(orders: Sequence[ImportedOrder], *, call: Call) -> list[ImportOutcome]:
    """Place the orders now, each with its stock held. An outcome for each, in their order.

    Storefronts that are missing are created. An import that was killed after holding stock joins its
    holds when the same orders come again in the same company.
    """
    storefronts = storefronts_of(orders)
    outcomes: dict[int, ImportOutcome] = {}
    by_storefront: dict[str, list[int]] = defaultdict(list)
    for position, order in enumerate(orders):
        by_storefront[order.storefront].append(position)
    for code, positions in by_storefront.items():
        for start in range(0, len(positions), _MAX_PLACED_AT_ONCE):
            part = positions[start : start + _MAX_PLACED_AT_ONCE]
            found = _place([orders[position] for position in part], storefronts[code], call.origin)
            outcomes |= zip(part, found, strict=True)
    return [outcomes[position] for position in range(len(orders))]


def storefronts_of(orders: Iterable[ImportedOrder]) -> dict[str, Storefront]:
    """The orders' storefronts by code. A missing one is made, with the currency of its first order."""
    currencies: dict[str, str] = {}
    for order in orders:
        currencies.setdefault(order.storefront, order.currency or "")
    storefronts = Storefront.objects.in_bulk(list(currencies), field_name="code")
    for code in currencies.keys() - storefronts.keys():
        storefronts[code], _ = Storefront.objects.get_or_create(
            code=code,
            defaults={
                "name": code.replace("-", " ").title(),
                "number_prefix": Storefront.number_prefix_for(code),
                "currency": currencies[code],
            },
        )
    return storefronts


def _existing(references: Iterable[_Reference]) -> set[_Reference]:
    """Those that some order has, also a deleted one."""
    wanted = list(references)
    with connection.cursor() as cursor:
        cursor.execute(
            _EXISTING_SQL, [[storefront for storefront, _ in wanted], [reference for _, reference in wanted]]
        )
        return set(cursor.fetchall())


# --- history -----------------------------------------------------------------------------------------


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
    taken = _existing(references.values())
    missing: dict[_Reference, int] = {}
    for position, reference in references.items():
        if reference in taken:
            outcomes[position] = ImportResult.SKIPPED
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
        match broken_rule(error):
            case "order_reference_once" | "order_number_once":  # the next try has new numbers
                raise _LookAgain from error
        detail = f"The database refuses the order: {str(error).splitlines()[0]}."
        return errors.InvalidRequest([errors.FieldError("", "refused_by_database", detail)])
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


# --- placement ---------------------------------------------------------------------------------------


def _place(orders: Sequence[ImportedOrder], storefront: Storefront, origin: Origin) -> list[ImportOutcome]:
    """Place what is not there yet; the orders are of one storefront."""
    outcomes: dict[int, ImportOutcome] = {}
    for _ in range(_TRIES):
        taken = _existing((storefront.pk, order.external_reference) for order in orders)
        for position, order in enumerate(orders):
            if (storefront.pk, order.external_reference) in taken:
                outcomes.setdefault(position, ImportResult.SKIPPED)
        missing = [position for position in range(len(orders)) if position not in outcomes]
        if not missing:
            break
        try:
            found = _placed_now([orders[position] for position in missing], storefront, origin)
        except Replay:  # another import has placed them meanwhile: look which
            continue
        except errors.OrderError as refusal:
            found = [refusal] * len(missing)
        outcomes |= zip(missing, map(_result_of, found), strict=True)
        break
    for position in range(len(orders)):
        outcomes.setdefault(position, errors.OrderBusy())
    return [outcomes[position] for position in range(len(orders))]


def _placed_now(orders: Sequence[ImportedOrder], storefront: Storefront, origin: Origin) -> list[Outcome]:
    """The key is made of the orders themselves, so a repeat after a crash joins the stock it has held."""
    digest = hashlib.sha256(msgspec.json.encode(orders)).hexdigest()
    outcomes: list[Outcome] = []

    def render(found: Sequence[Outcome]) -> StoredAnswer:
        outcomes[:] = found
        return StoredAnswer(200, b"{}")

    place_orders(
        orders,
        storefront=storefront,
        origin=origin,
        render=render,
        idempotency=Idempotency(f"import:{digest}", digest),
    )
    return outcomes


def _result_of(outcome: Outcome) -> ImportOutcome:
    match outcome:
        case errors.DuplicateReference():
            return ImportResult.SKIPPED
        case errors.OrderError():
            return outcome
        case _:
            return ImportResult.PLACED
