"""Runs of one operation over many orders: starting, stopping and forgetting them. `bulk_pieces.py` works them off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models.functions import Now
from msgspec import Struct

from orders.models import BulkRun, BulkRunOrder
from orders.models.bulk_runs import RunState
from orders.operations.call import Call
from orders.rules.callers import refusal_to
from orders.rules.lifecycle import Operation
from orders.rules.limits import MAX_ORDERS_IN_RUN, MAX_RUNS_OF_PERSON

_FORGOTTEN_AT_ONCE: Final = 20  # runs, each with its orders
# Of the arguments these are chosen, not typed, and tell of nobody.
_KEPT: Final = ["blocks", "cause", "kind", "minutes"]
# In the order in which they are worked off.
_ADD_ORDERS: Final = """
with added as (
    insert into orders_bulkrunorder (run_id, order_id, storefront_id, version)
    select %(run_id)s, known.id, known.storefront_id, asked.version
      from unnest(%(ids)s::uuid[], %(versions)s::integer[]) as asked (id, version)
      join orders_order as known on known.id = asked.id
     where %(storefronts)s::bigint[] is null or known.storefront_id = any (%(storefronts)s::bigint[])
     order by known.id
    returning storefront_id
)
update orders_bulkrun
   set total = (select count(*) from added),
       storefronts = array(select distinct storefront_id from added order by storefront_id)
 where id = %(run_id)s
returning total
"""
# What was typed is in the orders' timelines now.
_FORGET_TYPED: Final = """
update orders_bulkrun
   set reason = '',
       arguments = (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(arguments) where key = any (%s))
 where id = %s and state <> 'running'
"""


class RunRefused(Exception):
    """Why a run is not started, as a sentence."""


class Started(NamedTuple):
    """How many orders a run has; whether it was started by this call."""

    total: int
    is_new: bool


def start_run(
    run_id: UUID,
    operation: Operation,
    request: Struct,
    versions: Mapping[UUID, int],
    *,
    call: Call,
    person_id: int,
) -> Started:
    """Fix which orders, at which versions, and let the sweeper do it.

    Orders that the caller does not see are left out; 0 where none is left, and nothing is started. A run that the
    person has started before, to do the same, stays as it is. Raises NotPermitted, and RunRefused where the id is of
    any other run or too many of the person's are under way.
    """
    if refusal := refusal_to(call.caller, operation):
        raise refusal
    chosen = dict(list(versions.items())[:MAX_ORDERS_IN_RUN])
    storefronts, arguments = call.caller.storefronts, _arguments(request)
    with transaction.atomic(durable=True):
        # One at a time of each person: otherwise those that are started at once would not be counted.
        User.objects.select_for_update(no_key=True).get(pk=person_id)
        run, is_new = BulkRun.objects.get_or_create(
            pk=run_id,
            defaults={
                "person_id": person_id,
                "actor": call.caller.actor,
                "operation": operation.value,
                "arguments": arguments,
                "reason": call.reason,
                "request_id": call.request_id,
                "trace": call.trace,
                "storefronts": [],
                "total": 0,
            },
        )
        if not is_new:
            if not _is_the_same(run, person_id, operation, arguments, call.reason):
                raise RunRefused("Another run has been started under the id of this page: choose the orders again.")
            return Started(run.total, is_new=False)
        if BulkRun.objects.running().filter(person_id=person_id).count() > MAX_RUNS_OF_PERSON:
            raise RunRefused(
                f"{MAX_RUNS_OF_PERSON} of your runs are under way, and no more may be: wait for one, or stop it."
            )
        with connection.cursor() as cursor:
            values: dict[str, Any] = {
                "run_id": run_id,
                "ids": list(chosen),
                "versions": list(chosen.values()),
                "storefronts": None if storefronts is None else sorted(storefronts),
            }
            cursor.execute(_ADD_ORDERS, values)
            total = int(cursor.fetchone()[0])
        if not total:
            transaction.set_rollback(True)
    return Started(total, is_new=True)


def _is_the_same(run: BulkRun, person_id: int, operation: Operation, arguments: dict[str, Any], reason: str) -> bool:
    """Whether the run is what is asked for now. One that has ended knows no more what was typed."""
    if not run.is_running:
        arguments, reason = {name: value for name, value in arguments.items() if name in _KEPT}, ""
    asked = (person_id, operation.value, arguments, reason)
    return (run.person_id, run.operation, run.arguments, run.reason) == asked


def _arguments(request: Struct) -> dict[str, Any]:
    """As they are stored, without the reason, which is the call's."""
    arguments: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(request))
    return {name: value for name, value in arguments.items() if name != "reason"}


def stop_run(run_id: UUID, *, because: str) -> bool:
    """End it before its last order; False when it has ended already. The order under way is still done."""
    running = BulkRun.objects.running().filter(pk=run_id)
    with transaction.atomic():
        stopped = running.update(state=RunState.STOPPED, ended_at=Now(), ended_because=because)
        forget_typed(run_id)
    return bool(stopped)


def forget_typed(run_id: UUID) -> None:
    """Of a run that has ended."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_TYPED, [_KEPT, run_id])


def forget_runs(*, before: datetime) -> int:
    """Remove the runs that ended before then, with what became of their orders; return how many."""
    forgotten = 0
    old = BulkRun.objects.filter(ended_at__lt=before).order_by("ended_at")
    while ids := list(old.values_list("pk", flat=True)[:_FORGOTTEN_AT_ONCE]):
        for run_id in ids:
            with transaction.atomic():
                BulkRunOrder.objects.filter(run_id=run_id).delete()
                forgotten += BulkRun.objects.filter(pk=run_id).delete()[0]
    return forgotten
