"""`manage.py place_requested`: places what was asked for with `Prefer: respond-async` or by `order.requested`."""

from __future__ import annotations

import logging
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, connection
from prometheus_client import Counter

from audit.operator import operating_user
from events.pauses import Pauses
from events.stopping import stop_on_signals
from orders import operations
from orders.management.numbers import number
from orders.models import RequestedOrder
from orders.operations import Progress

_DATABASE_DOWN_SECONDS: Final = (0.1, 5.0)
# A process that answers no scrapes tells this through PROMETHEUS_MULTIPROC_DIR, if it has one.
_SETTLED: Final = Counter("orders_requested_settled", "Requested orders, by what became of them.", ["outcome"])

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Place the orders that were taken in to be placed later, in batches; those that are refused are rejected, and "
        "that is told. Runs until stopped; any number may run at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="end when none is due")
        parser.add_argument(
            "--every",
            type=number(0.05, 60),
            default=0.5,
            metavar="SECONDS",
            help="pause when none is due, or none could be settled",
        )
        parser.add_argument(
            "--retry-parked", action="store_true", help="first make those due again that failed too often"
        )

    def handle(self, *args: Any, once: bool, every: float, retry_parked: bool, **options: Any) -> None:
        if retry_parked:
            retried = operations.try_again(RequestedOrder.objects.all(), by=operating_user())
            self.stdout.write(f"{retried} parked requests are due again.")
        stop = stop_on_signals()
        total = Progress()
        database_down = Pauses(*_DATABASE_DOWN_SECONDS, jitter=True)
        while not stop.is_set():
            try:
                progress = operations.place_requested()
            except Error as error:
                if once:
                    raise
                if not database_down.under_way:
                    logger.warning("Placing has no database", extra={"error": str(error).strip()})
                connection.close()
                stop.wait(database_down.longer())
                continue
            if database_down.end():
                logger.info("Placing has the database again")
            _count(progress)
            total = Progress.sum([total, progress])
            if once and not progress.taken:
                break
            # Also when all that was taken waits, as in an outage: the next ones would only be put off, too.
            if not progress.settled:
                stop.wait(every)
        self.stdout.write(f"Placed {total.placed} orders, rejected {total.rejected}; put off {total.waiting} times.")


def _count(progress: Progress) -> None:
    for outcome, count in (("placed", progress.placed), ("rejected", progress.rejected)):
        if count:
            _SETTLED.labels(outcome).inc(count)
