"""`manage.py bulk_runs`: what the back office does in the background, how far it has come, and how to stop it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.operator import operator_of
from orders import operations
from orders.models import BulkRun
from orders.models.bulk_runs import BulkRunQuerySet, RunOutcome

_SHOWN: Final = 100


class Command(BaseCommand):
    help = (
        "Show the bulk runs of the back office, which `manage.py sweep` works off, tell what became of the orders of "
        "one, and stop it. Stopped is stopped: what is done stays done, and a new run takes what is left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions: Any = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help=f"the runs under way; with --all the newest {_SHOWN} of all")
        listing.add_argument("--all", action="store_true", help="also those that have ended")
        show = actions.add_parser("show", help="how far one has come, and each order that was refused")
        show.add_argument("run", metavar="ID", help="as `list` shows it")
        stop = actions.add_parser("stop", help="end one before its last order")
        stop.add_argument("run", metavar="ID", help="as `list` shows it")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _list(self, *, all: bool, **options: Any) -> None:  # noqa: A002 - the option's name
        runs: BulkRunQuerySet = BulkRun.objects.all() if all else BulkRun.objects.running()
        shown = list(runs.order_by("-started_at", "-id")[:_SHOWN])
        for run in shown:
            self.stdout.write(_line(run))
        if not shown:
            self.stdout.write("There is none." if all else "None is under way.")

    def _show(self, *, run: str, **options: Any) -> None:
        found = _run(run)
        self.stdout.write(_line(found))
        if found.ended_because:
            self.stdout.write(f"It ended early: {found.ended_because}")
        refused = found.orders.filter(outcome=RunOutcome.REFUSED).order_by("order_id")
        for row in refused.iterator(chunk_size=1000):
            self.stdout.write(f"{row.order_id}: {row.words}")

    def _stop(self, *, run: str, **options: Any) -> None:
        found = _run(run)
        if not operations.stop_run(found.pk, because=f"{operator_of('bulk_runs')} stopped it."):
            raise CommandError(f"It has ended already: it is {found.state}.")
        self.stdout.write(f"Stopped {found.pk}.")


def _run(name: str) -> BulkRun:
    try:
        return BulkRun.objects.get(pk=UUID(name))
    except (ValueError, BulkRun.DoesNotExist):
        raise CommandError(f"There is no bulk run {name}. `bulk_runs list --all` shows those there are.") from None


def _line(run: BulkRun) -> str:
    counts = (
        f"{run.settled:,} of {run.total:,} ({run.done:,} done, {run.unchanged:,} unchanged, {run.refused:,} refused)"
    )
    return f"{run.pk}  {run.started_at:%Y-%m-%d %H:%M} UTC  {run.operation}  {run.actor}  {run.state}  {counts}"
