"""`manage.py sweep`: the upkeep that makes promises hold after crashes and outages."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connection

from events.feed.numbering import number_what_waits
from events.inbox.forgetting import forget_settled
from events.stopping import stop_on_signals
from events.webhooks import pruning as webhook_pruning
from inventory_client.current import get_inventory
from inventory_client.errors import InventoryError
from inventory_client.outages import outage_of
from orders import operations
from orders.admin.operations.staff_operation import staff_sentence
from orders.management.numbers import MOST_DAYS, number

# How soon a bulk run is begun with.
_LOOK_FOR_RUNS_SECONDS: Final = 1.0
# How many of these looks a connection serves: after a fail-over a new one leads to the primary.
_LOOKS_OF_A_CONNECTION: Final = 10
_FAILED: Final = "kinds of upkeep failed (see the log)"

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Release holds that never got an order, repeat what the inventory could not be told, cancel pending orders "
        "whose hold has run out, complete orders delivered long enough ago, erase the customers of orders that "
        "ended long enough ago, end claims of orders that are done, forget old idempotent answers, incoming events, "
        "rejected requests, webhook deliveries, bulk runs, unsent forms and ended sessions, give events their "
        "positions in the feed, sum up what was sold on each day; between the passes work off bulk runs of the back "
        "office. Runs until stopped; any number may run at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one pass, then end")
        parser.add_argument(
            "--every", type=number(0.1, 86_400), default=10.0, metavar="SECONDS", help="pause between passes"
        )
        parser.add_argument(
            "--lookback-days",
            type=number(0, MOST_DAYS),
            default=7.0,
            help="how far back the first pass looks for holds",
        )

    def handle(self, *args: Any, once: bool, every: float, lookback_days: float, **options: Any) -> None:
        stop = threading.Event() if once else stop_on_signals()
        looked_until: datetime | None = None
        while True:
            try:
                since = looked_until or _database_now() - timedelta(days=lookback_days)
                looked_until, report = sweep(since, stop=stop)
            except (Error, InventoryError):
                if once:
                    raise
                logger.exception("sweep failed; it is tried again")
            else:
                if once or any(report.values()):
                    self.stdout.write(", ".join(f"{count} {what}" for what, count in report.items()) + ".")
                if once and (failed := report.get(_FAILED)):
                    raise CommandError(f"{failed} kinds of upkeep failed; the log says why. The others were done.")
            # Nobody may cut it while it would idle, and after a fail-over a new one leads to the primary.
            connection.close()
            if once:
                self._finish_runs()
                return
            _work_at_runs(stop, every)
            if stop.is_set():
                return

    def _finish_runs(self) -> None:
        orders = 0
        while count := operations.work_at_runs(sentence=staff_sentence):
            orders += count
        if orders:
            self.stdout.write(f"Worked off {orders} orders of bulk runs.")


def _work_at_runs(stop: threading.Event, seconds: float) -> None:
    """The pause between two passes: what bulk runs want is done in it, a piece at a time."""
    ends_at = time.monotonic() + seconds
    looks = 0
    while not stop.is_set() and (left := ends_at - time.monotonic()) > 0:
        try:
            count = operations.work_at_runs(sentence=staff_sentence)
        except Error:
            logger.exception("bulk runs are not worked at; it is tried again")
            count = 0
            connection.close()
        if not count:
            looks += 1
            if looks % _LOOKS_OF_A_CONNECTION == 0:
                connection.close()
            stop.wait(min(left, _LOOK_FOR_RUNS_SECONDS))
    connection.close()


def _database_now() -> datetime:
    """Holds carry the database's time; this host's clock may be off."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        row: tuple[datetime] = cursor.fetchone()
    return row[0]


def sweep(looked_until: datetime, *, stop: threading.Event | None = None) -> tuple[datetime, dict[str, int]]:
    """One pass over everything; returns up to when holds were looked at, and what was done.

    Each kind of upkeep fails alone: it is logged and counted, and the others go on. Once `stop` is set, none is begun
    any more. Raises the database's error when the database itself is out of order.
    """
    now = _database_now()
    long_ago = now - timedelta(days=settings.IDEMPOTENCY_KEY_DAYS)
    report: dict[str, int] = {}

    def holds() -> None:
        nonlocal looked_until
        swept = operations.sweep_holds(after=looked_until, before=now - timedelta(seconds=settings.HOLD_GRACE_SECONDS))
        looked_until = swept.looked_until
        report["holds without an order released"] = swept.released
        if swept.failed:
            report["holds could not be released (see the log)"] = swept.failed

    def inventory() -> None:
        report["orders settled with the inventory"], report["still to settle"] = operations.settle_orders()

    def expiry() -> None:
        report["pending orders expired"] = operations.expire_orders(now=now)

    def completion() -> None:
        report["delivered orders completed"] = operations.complete_orders(now=now)

    def retention() -> None:
        report["orders had their customer erased by age"] = operations.erase_by_age(now=now)

    def requests() -> None:
        report["requests had their customer erased by age"] = operations.erase_requests_by_age(now=now)

    def claims() -> None:
        if ended := operations.end_done_claims():
            report["claims ended"] = ended
        operations.forget_who_looked()

    def answers() -> None:
        report["idempotent answers forgotten"] = operations.forget_answers(before=long_ago)

    def incoming() -> None:
        forgotten = forget_settled(before=now - timedelta(days=settings.INBOX_DAYS))
        report["incoming events forgotten"] = forgotten

    def rejections() -> None:
        before = now - timedelta(days=settings.REJECTED_DAYS)
        report["rejected requests forgotten"] = operations.forget_rejected(before=before)

    def runs() -> None:
        before = now - timedelta(days=settings.BULK_RUN_DAYS)
        report["bulk runs forgotten"] = operations.forget_runs(before=before)

    def forms() -> None:
        """With sessions that have ended."""
        if forgotten := operations.forget_forms():
            report["unsent forms forgotten"] = forgotten

    def tombstones() -> None:
        get_inventory().forget_holds(before=min(long_ago, looked_until - timedelta(days=2)))

    def webhooks() -> None:
        before = now - timedelta(days=settings.WEBHOOK_LOG_DAYS)
        report["webhook deliveries forgotten"] = webhook_pruning.prune(before=before)

    def feed() -> None:
        number_what_waits()

    def days() -> None:
        """After the feed: what it has numbered is summed up."""
        summed = operations.sum_up_days()
        if summed.days:
            report["days of the past counted"] = summed.days

    failed = 0
    changing = (holds, inventory, expiry, completion, retention, requests, claims)
    forgetting = (answers, incoming, rejections, runs, forms, tombstones, webhooks)
    for step in (*changing, *forgetting, feed, days):
        if stop is not None and stop.is_set():
            break
        try:
            step()
        except Exception as error:
            if outage_of(error):
                raise
            logger.exception("upkeep failed; it is tried again", extra={"upkeep": step.__name__})
            failed += 1
    return looked_until, report | ({_FAILED: failed} if failed else {})
