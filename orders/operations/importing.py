"""Importing orders that were placed elsewhere, with all that has become of them since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from events import outbox
from events.outbox import NewEvent
from orders.importing.history import HistoricOrder, PastOperation
from orders.importing.lines import NOTHING_SOLD, ImportedOrder
from orders.models import Storefront
from orders.operations.call import Call
from orders.operations.changed_rows import write_new_orders
from orders.operations.import_attempts import PATIENCE_SQL, TRIES, LookAgain, refusal_of
from orders.operations.known_orders import ImportOutcome, ImportResult, Reference, existing, storefronts_of
from orders.operations.moving_forward import move_forward
from orders.operations.past_operations import live_through
from orders.operations.payments import known_payments, payment_key
from orders.operations.unwritten import PaymentKey, UnwrittenOrder
from orders.operations.writing import announce_new
from orders.requests.operations import RecordPayment
from orders.rules import errors
from orders.rules.statuses import OrderStatus

# Lines of orders in events: some megabytes.
_LINES_AT_ONCE: Final = 20_000


def import_orders(orders: Sequence[ImportedOrder], *, call: Call) -> list[ImportOutcome]:
    """Write the orders with all their history, in one transaction, or in some where they are long; no stock is touched.
    An outcome for each, in order.

    Orders that are here already live through what they have not yet, each by itself. Storefronts that are missing are
    created. An order that is refused at any operation of its life is not there at all, and does not end the others.
    Raises OperationalError when the database cannot be used; what it has committed by then stays.
    """
    storefronts = storefronts_of(orders, by=call.caller.actor)
    outcomes: dict[int, ImportOutcome] = {}
    here: dict[int, UUID] = {}
    for _ in range(TRIES):
        if len(outcomes) == len(orders):
            break
        try:
            missing = _still_missing(orders, storefronts, outcomes, here)
            for piece in _pieces(missing):
                _write_once(_lived(piece, outcomes, call), outcomes, call)
        except LookAgain:
            continue
    told = [(order_id, orders[position]) for position, order_id in here.items()]
    outcomes |= zip(here, move_forward(told, call=call), strict=True)
    return [outcomes.get(position, errors.OrderBusy()) for position in range(len(orders))]


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


def _pieces(missing: Mapping[int, HistoricOrder]) -> Iterator[dict[int, HistoricOrder]]:
    """What may be in memory, and go into a transaction, at once: each event of an order has all of its lines."""
    piece: dict[int, HistoricOrder] = {}
    lines = 0
    for position, order in missing.items():
        own = len(order.item_rows) * (1 + sum(1 for _ in order.operations()))
        if piece and lines + own > _LINES_AT_ONCE:
            yield piece
            piece, lines = {}, 0
        piece[position] = order
        lines += own
    if piece:
        yield piece


def _lived(
    missing: Mapping[int, HistoricOrder], outcomes: dict[int, ImportOutcome], call: Call
) -> dict[int, UnwrittenOrder]:
    """The orders after all that became of them, in memory. One that is refused at any of it goes into `outcomes`.

    Not one that has come to be here since it was missing: its own payments would be taken for another order's.
    """
    lives = {position: list(order.operations()) for position, order in missing.items()}
    known = dict(known_payments(_payment_keys(missing, lives)))
    lived: dict[int, UnwrittenOrder] = {}
    refused: dict[int, errors.OrderError] = {}
    for position, order in missing.items():
        unwritten = UnwrittenOrder(order.order_row, order.item_rows, order.storefront, known_payments=known)
        unwritten.remember(
            unwritten.document,
            announce_new(order.order_row, unwritten.document, storefront=order.storefront, origin=call.origin),
        )
        try:
            live_through(
                order.order_id,
                lives[position],
                status=OrderStatus.PENDING,
                call=replace(call, unwritten=unwritten),
            )
        except errors.OrderError as refusal:
            refused[position] = refusal
        else:
            lived[position] = unwritten
            known |= unwritten.payments()
    if refused:
        references = {position: missing[position].reference for position in refused}
        here = existing(references.values())
        outcomes |= {position: refusal for position, refusal in refused.items() if references[position] not in here}
    return lived


def _payment_keys(
    missing: Mapping[int, HistoricOrder], lives: Mapping[int, Sequence[PastOperation]]
) -> Iterator[PaymentKey]:
    for position, order in missing.items():
        for past in lives[position]:
            if isinstance(past.request, RecordPayment):
                yield payment_key(order.storefront.pk, past.request)


def _write_once(lived: Mapping[int, UnwrittenOrder], outcomes: dict[int, ImportOutcome], call: Call) -> None:
    """Write the orders. Of several, one that the database refuses is found by halving.

    Raises LookAgain.
    """
    if not lived:
        return
    refusal = refusal_of(partial(_write, list(lived.values()), call))
    if refusal is None:
        outcomes |= dict.fromkeys(lived, ImportResult.PLACED)
    elif len(lived) == 1:
        outcomes |= dict.fromkeys(lived, refusal)
    else:
        parts = list(lived.items())
        _write_once(dict(parts[: len(parts) // 2]), outcomes, call)
        _write_once(dict(parts[len(parts) // 2 :]), outcomes, call)


def _write(lived: Sequence[UnwrittenOrder], call: Call) -> None:
    """All of them with their parts and events, or nothing."""
    with transaction.atomic(durable=not call.joins_transaction):
        with connection.cursor() as cursor:
            cursor.execute(PATIENCE_SQL)
        write_new_orders([unwritten.order for unwritten in lived])
        for events in _slices(lived):
            outbox.append(events)


def _slices(lived: Sequence[UnwrittenOrder]) -> Iterator[list[NewEvent]]:
    """Their events, in order, such that what is sent at once stays small: an order can have a hundred long ones."""
    events: list[NewEvent] = []
    lines = 0
    for unwritten in lived:
        for event in unwritten.events:
            if events and lines + len(unwritten.order.lines) > _LINES_AT_ONCE:
                yield events
                events, lines = [], 0
            events.append(event)
            lines += len(unwritten.order.lines)
    if events:
        yield events
