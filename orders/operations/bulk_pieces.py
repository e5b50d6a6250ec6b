"""Working off bulk runs, a piece at a time: each order is done or refused on its own, once.

An order's change and what is written of it here are one transaction: whatever dies leaves both or neither, and two
that work at the same run pass over the order that the other one is at. What asks the inventory before it may open a
transaction is done under an idempotency key instead: whoever comes after one that died is told what was done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from inventory_client.outages import is_busy, outage_of
from orders.models import BulkRun, BulkRunOrder, Order
from orders.models.bulk_runs import RunOutcome, RunState
from orders.operations.bulk_runs import forget_typed, stop_run
from orders.operations.call import Call, Document, Precondition
from orders.operations.idempotency import Idempotency, Replay, fingerprint_of
from orders.operations.kill_points import kill_point
from orders.operations.performing import PERFORMERS, perform, perform_within
from orders.rules.callers import Caller, refusal_to, staff_caller
from orders.rules.erased import ERASED, ERASED_WORDS
from orders.rules.errors import OrderBusy, OrderError, TemporarilyUnavailable
from orders.rules.lifecycle import Operation

logger = logging.getLogger(__name__)

Sentence = Callable[[OrderError, Order], str]

# A piece ends with whichever comes first; whoever works at runs has other things to do.
_PIECE_ORDERS: Final = 100
_PIECE_SECONDS: Final = 1.0
_TRIES: Final = 5  # of an order that others hold
_TRIED_AGAIN: Final = timedelta(seconds=5)
# Longer than an operation takes, whatever the inventory does: one that died is waited for so long.
_TAKEN: Final = timedelta(seconds=60)
# They hold stock before they open their transaction.
_ASKING_FIRST: Final = frozenset({Operation.RESTORE, Operation.REINSTATE})
_LOCK_RUN: Final = "select 1 from orders_bulkrun where id = %s for no key update"
# Counted anew each time: it is right whoever was at it, and whatever died.
_NOTE: Final = """
with counted as (
    select count(*) filter (where outcome = 'done') as done,
           count(*) filter (where outcome = 'unchanged') as unchanged,
           count(*) filter (where outcome = 'refused') as refused,
           count(*) filter (where outcome is null) as remaining
      from orders_bulkrunorder where run_id = %(run_id)s
)
update orders_bulkrun as run
   set done = counted.done, unchanged = counted.unchanged, refused = counted.refused, worked_at = clock_timestamp(),
       state = case when run.state = 'running' and remaining = 0 then 'finished' else run.state end,
       ended_at = case when run.state = 'running' and remaining = 0 then clock_timestamp() else run.ended_at end
  from counted where run.id = %(run_id)s
returning run.state
"""


class _NoLongerAllowed(Exception):
    """Whoever started the run could not start it now; says why."""


def work_at_runs(*, sentence: Sentence) -> int:
    """Do a piece of the run that has waited longest; return with how many orders it got on, 0 when none is due.

    Any number of processes may do this at once. `sentence` says a refusal as whoever started the run is told it.
    Raises the database's error when the database is out of order.
    """
    for run_id in BulkRun.objects.running().order_by("worked_at").values_list("pk", flat=True):
        left = BulkRunOrder.objects.left().filter(run_id=run_id)
        # One of which nothing is left has died before it could say so.
        if (left.filter(_due()).exists() or not left.exists()) and (looked_at := _do_piece(run_id, sentence)):
            return looked_at
    return 0


def _due() -> Q:
    return Q(not_before=None) | Q(not_before__lte=Now())


def _do_piece(run_id: UUID, sentence: Sentence) -> int:
    looked_at, ends_at = 0, time.monotonic() + _PIECE_SECONDS
    try:
        while looked_at < _PIECE_ORDERS and time.monotonic() < ends_at and _do_next(run_id, sentence):
            looked_at += 1
    except _NoLongerAllowed as why:
        stop_run(run_id, because=str(why))
    _note_progress(run_id)
    kill_point("run_piece_done")
    return looked_at


def _note_progress(run_id: UUID) -> None:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # First, and alone: what it counts afterwards is of after whoever held the row before.
        cursor.execute(_LOCK_RUN, [run_id])
        cursor.execute(_NOTE, {"run_id": run_id})
        state = cursor.fetchone()
        if state == (RunState.FINISHED,):
            forget_typed(run_id)
    if state == (RunState.FINISHED,):
        logger.info("Bulk run is finished", extra={"run_id": str(run_id)})


def _do_next(run_id: UUID, sentence: Sentence) -> bool:
    """Do the next order of the run; False when there is none that could be done now.

    Asked anew each time: whether the run still goes on, and what its person may do now.
    """
    with transaction.atomic(durable=True):
        run = BulkRun.objects.running().select_related("person").filter(pk=run_id).first()
        row = None if run is None else _next_row(run_id)
        if run is None or row is None:
            return False
        call = _call(run, row)
        operation = Operation(run.operation)
        if operation not in _ASKING_FIRST:
            kill_point("run_order_taken")
            return _settle(row, _outcome(row, operation, run, call, perform_within), sentence)
        BulkRunOrder.objects.filter(pk=row.pk).update(not_before=Now() + _TAKEN)
    kill_point("run_order_taken")
    key = Idempotency(f"bulk run {run_id} {row.order_id}", fingerprint_of("RUN", str(run_id), str(row.order_id)))
    outcome = _outcome(row, operation, run, replace(call, idempotency=key), perform)
    with transaction.atomic(durable=True):
        return _settle(row, outcome, sentence)


def _next_row(run_id: UUID) -> BulkRunOrder | None:
    return (
        BulkRunOrder.objects.left()
        .filter(_due(), run_id=run_id)
        .select_for_update(skip_locked=True)
        .order_by("order_id")
        .first()
    )


def _call(run: BulkRun, row: BulkRunOrder) -> Call:
    """As it would be theirs now. Raises _NoLongerAllowed."""
    return Call(
        _caller(run),
        reason=run.reason,
        request_id=run.request_id,
        trace=run.trace,
        precondition=Precondition(row.version),
    )


def _caller(run: BulkRun) -> Caller:
    name = run.actor.partition(":")[2]
    person = run.person if isinstance(run.person, User) else None
    if person is None or not (person.is_active and person.is_staff):
        raise _NoLongerAllowed(f"{name} cannot sign in any more.")
    caller = staff_caller(
        f"staff:{person.get_username()}",
        storefronts=frozenset(person.storefronts.values_list("pk", flat=True)) or None,
        has_permission=person.has_perm,
    )
    operation = Operation(run.operation)
    refusal = refusal_to(caller, operation)
    if refusal is not None or not person.has_perm("orders.view_order"):
        needed = refusal.extra["needs"] if refusal else "orders.view_order"
        words = operation.value.replace("_", " ")
        raise _NoLongerAllowed(f"{name} may not {words} orders any more: that needs the permission {needed}.")
    return caller


Outcome = Document | Replay | OrderError | Exception


def _outcome(row: BulkRunOrder, operation: Operation, run: BulkRun, call: Call, do: Callable[..., Document]) -> Outcome:
    """What becomes of it. Raises the database's error when the database itself is out of order."""
    try:
        request = msgspec.convert(run.arguments, PERFORMERS[operation].request)
        document = do(operation, row.order_id, request, call=call)
    except (OrderError, Replay) as outcome:
        return outcome
    except Exception as error:
        if outage_of(error):
            raise
        if is_busy(error):
            return OrderBusy(row.order_id)
        logger.exception("An order of a bulk run failed", extra={"run_id": str(run.pk), "order_id": str(row.order_id)})
        return error
    kill_point("run_order_changed")
    return document


def _settle(row: BulkRunOrder, outcome: Outcome, sentence: Sentence) -> bool:
    """Write down what became of it; False when the next one would most likely meet the same."""
    match outcome:
        case TemporarilyUnavailable():
            _put_off(row, timedelta(seconds=max(1.0, outcome.retry_after)))
            return False
        case OrderBusy() if row.attempts + 1 < _TRIES:
            _put_off(row, _TRIED_AGAIN, tries=1)
        case OrderBusy():  # held still, so it is not waited for once more; and that it is tells of nobody
            order = Order.all_objects.filter(pk=row.order_id).first()
            _write(row, RunOutcome.REFUSED, _words(outcome, order, sentence))
        case OrderError():
            # Held, so that an erasure comes before this, and is known here, or after it, and finds the words.
            order = Order.all_objects.filter(pk=row.order_id).select_for_update(no_key=True).first()
            _write(row, RunOutcome.REFUSED, _words(outcome, order, sentence))
        case Replay():
            _write(row, RunOutcome.DONE)
        case Exception():
            _write(row, RunOutcome.REFUSED, "A fault of this service kept it from being done; its log tells which.")
        case document:
            _write(row, RunOutcome.UNCHANGED if document["version"] == row.version else RunOutcome.DONE)
    kill_point("run_order_settled")
    return True


def _words(refusal: OrderError, order: Order | None, sentence: Sentence) -> str:
    if order is None:
        return refusal.detail
    return ERASED_WORDS if order.customer_id == ERASED else sentence(refusal, order)


def _put_off(row: BulkRunOrder, pause: timedelta, *, tries: int = 0) -> None:
    """The pause is the database's: processes' clocks differ."""
    again = BulkRunOrder.objects.left().filter(pk=row.pk)
    again.update(not_before=Now() + pause, attempts=row.attempts + tries)


def _write(row: BulkRunOrder, outcome: RunOutcome, words: str = "") -> None:
    BulkRunOrder.objects.left().filter(pk=row.pk).update(outcome=outcome, words=words.replace("\0", ""))
