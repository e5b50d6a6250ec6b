"""`manage.py doctor`: is the data sound, and does anything wait for somebody?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from orders import operations
from orders.doctor import CHECKS, Extent, Found, Report, Severity, days_summed_wrongly, examine
from orders.management.database_trouble import trouble_in_words
from orders.management.numbers import MOST_DAYS, number
from orders.management.storefront_option import add_storefront_option, storefront_of

_UNSOUND: Final = 1
_NOT_EXAMINED: Final = 2


class Command(BaseCommand):
    help = (
        "Check that ledgers, roll-ups, money and events of the orders agree, that the embedded ledger counts what its "
        "reservations hold (not with --storefront or --since: it is everybody's), that no row has strayed, and that "
        "nothing waits for too long. It only reads, except with --mend. Ends with 0 when the data is sound (warnings "
        "are told), with 1 when it is not, and with 2 when it could not be examined."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document with every check")
        add_storefront_option(parser)
        parser.add_argument(
            "--mend",
            action="store_true",
            help="examine nothing but the sums of what was sold on each day, and count those anew that are wrong",
        )
        parser.add_argument(
            "--since",
            type=number(0, MOST_DAYS),
            metavar="DAYS",
            help="only orders that were placed or changed, and what was recorded, so many days ago or later; what is "
            "stuck is found at any age",
        )
        parser.add_argument(
            "--patience",
            type=number(0, MOST_DAYS),
            default=14.0,
            metavar="DAYS",
            help="how long something may wait for a person (default: %(default)s)",
        )

    def handle(
        self,
        *args: Any,
        json: bool,
        mend: bool,
        storefront: str | None,
        since: float | None,
        patience: float,
        **options: Any,
    ) -> None:
        now = timezone.now()
        if mend:
            self._mend(storefront, now)
            return
        try:
            owner = storefront_of(storefront, returncode=_NOT_EXAMINED)
            report = examine(
                Extent(
                    storefront_id=owner.pk if owner else None,
                    since=None if since is None else now - timedelta(days=since),
                    patience=timedelta(days=patience),
                    now=now,
                )
            )
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(trouble_in_words(error), returncode=_NOT_EXAMINED) from error
        if json:
            self.stdout.write(orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2).decode())
        else:
            self._tell(report)
        if errors := report.of(Severity.ERROR):
            codes = ", ".join(found.code for found in errors)
            raise CommandError(f"The data is wrong: {codes}.", returncode=_UNSOUND)

    def _mend(self, storefront: str | None, now: datetime) -> None:
        owner = storefront_of(storefront, returncode=_NOT_EXAMINED)
        counted = 0
        try:
            for storefront_id, day, finding in days_summed_wrongly(Extent(owner.pk if owner else None, now=now)):
                counted += operations.count_days_anew(storefront_id, [day])
                self.stdout.write(f"Counted anew: {finding.detail}")
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(trouble_in_words(error), returncode=_NOT_EXAMINED) from error
        self.stdout.write(f"Counted {counted} day{'' if counted == 1 else 's'} anew.")

    def _tell(self, report: Report) -> None:
        errors, warnings = report.of(Severity.ERROR), report.of(Severity.WARNING)
        for found in errors:
            self._tell_found(found, self.style.ERROR)
        for found in warnings:
            self._tell_found(found, self.style.WARNING)
        self.stdout.write(
            f"{report.orders:,} orders examined by {len(CHECKS)} checks: "
            f"{len(errors)} found errors, {len(warnings)} found something to look at."
        )

    def _tell_found(self, found: Found, style: Any) -> None:
        self.stdout.write(
            f"{found.check.severity.upper()} {found.code} ({found.count:,}): {found.check.meaning}", style
        )
        for example in found.examples:
            where = example.number or example.order_id
            self.stdout.write(f"    {where}: {example.detail}" if where else f"    {example.detail}")
        if found.count > len(found.examples):
            self.stdout.write(f"    … and {found.count - len(found.examples):,} more")
        self.stdout.write(f"    → {found.check.advice}")
