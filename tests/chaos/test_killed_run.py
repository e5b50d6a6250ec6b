"""A sweeper that dies by `kill -9` while it works at a bulk run: no order is done twice, and none is left out."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from django.conf import settings as project
from django.contrib.auth.models import User
from django.db.models.functions import Now

from events.models import Event
from orders import operations
from orders.models import BulkRun, BulkRunOrder, Order
from orders.operations import Call
from orders.operations.kill_points import RunPoint
from orders.requests.operations import Comment, Plain
from orders.rules.callers import staff_caller
from orders.rules.ids import new_id
from orders.rules.lifecycle import Operation
from tests.base import perform
from tests.chaos.live_server import environment
from tests.chaos.promises import broken_promises
from tests.processes import running


@pytest.fixture
def start(database: None) -> Callable[..., BulkRun]:
    person = User.objects.create_superuser("ann")

    def begin(operation: Operation, request: Any) -> BulkRun:
        run_id = new_id()
        versions: dict[UUID, int] = dict(Order.all_objects.values_list("pk", "version"))
        call = Call(staff_caller("staff:ann", storefronts=None, has_permission=person.has_perm))
        operations.start_run(run_id, operation, request, versions, call=call, person_id=person.pk)
        return BulkRun.objects.get(pk=run_id)

    return begin


def sweeper(variables: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "manage.py", "sweep", "--once"],
        cwd=project.BASE_DIR,
        env=variables,
        capture_output=True,
        timeout=120,
        check=False,
    )


def die(point: RunPoint, inventory: Any) -> None:
    ended = sweeper(environment(KILL_AT=point, INVENTORY_URL=inventory.url if inventory else ""))
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def as_if_a_minute_had_passed() -> None:
    BulkRunOrder.objects.exclude(not_before=None).update(not_before=Now() - timedelta(seconds=1))


def of_ann() -> int:
    return Event.objects.filter(actor="staff:ann").count()


@pytest.mark.parametrize("point", get_args(RunPoint))
def test_goes_on_where_it_was_and_does_none_twice(point, start, place_order, inventory, sweep):
    """Comments, because nothing would refuse a second one."""
    for _ in range(3):
        place_order(cup=1)
    run = start(Operation.COMMENT, Comment(text="Ring first."))

    die(point, inventory)
    written, told = BulkRunOrder.objects.exclude(outcome=None).count(), of_ann()
    die(point, inventory) if point != "run_piece_done" else None
    sweep()

    run.refresh_from_db()
    assert written == told == (3 if point == "run_piece_done" else 0)
    assert (run.state, run.done, run.refused) == ("finished", 3, 0)
    assert list(Order.objects.values_list("version", flat=True)) == [2, 2, 2]
    assert of_ann() == 3
    assert broken_promises() == {}


@pytest.mark.parametrize("point", get_args(RunPoint))
def test_stock_that_is_asked_for_first_is_held_once(point, start, place_order, inventory, sweep):
    for _ in range(2):
        perform("delete", place_order(cup=1)["id"])
    sweep()
    run = start(Operation.RESTORE, Plain())

    die(point, inventory)
    sweep()
    as_if_a_minute_had_passed()
    sweep()

    run.refresh_from_db()
    assert (run.state, run.done, run.refused) == ("finished", 2, 0)
    assert list(Order.objects.values_list("version", flat=True)) == [3, 3]
    assert of_ann() == 2
    assert broken_promises() == {}


def test_a_sweeper_begins_with_a_run_between_its_passes_and_ends_when_it_is_told_to(start, place_order, inventory):
    for _ in range(3):
        place_order(cup=1)
    command = [sys.executable, "manage.py", "sweep", "--every", "3600"]
    variables = environment(INVENTORY_URL=inventory.url if inventory else "")
    with running(command, cwd=project.BASE_DIR, env=variables, stdout=subprocess.DEVNULL) as process:
        run = start(Operation.COMMENT, Comment(text="Ring first."))
        while BulkRun.objects.running().exists() and process.poll() is None:
            time.sleep(0.1)
        process.terminate()
        ended = process.wait(timeout=60)

    run.refresh_from_db()
    assert (run.state, run.done, ended) == ("finished", 3, 0)


def test_several_sweepers_share_a_run_and_double_nothing(start, place_order, sweep):
    for _ in range(40):
        place_order(cup=1)
    run = start(Operation.COMMENT, Comment(text="Ring first."))

    with ThreadPoolExecutor(3) as pool:
        ended = list(pool.map(sweeper, [environment()] * 3))
    sweep()

    run.refresh_from_db()
    assert [process.returncode for process in ended] == [0, 0, 0], [process.stderr for process in ended]
    assert (run.state, run.done) == ("finished", 40)
    assert of_ann() == 40
    assert broken_promises() == {}
