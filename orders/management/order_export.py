"""`manage.py order export`: the list of orders as a file, narrowed as in the back office."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from time import monotonic
from typing import Any, BinaryIO, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from audit.models import Entry
from audit.operator import operator_of
from orders.admin.orders.export import FORMS, MOST_SHEET_ROWS, write_orders
from orders.admin.orders.narrowing import Filter, order_filters, read
from orders.admin.orders.pages import Listing
from orders.management.database_trouble import trouble_in_words
from orders.management.numbers import number
from orders.models import Order, Storefront
from orders.rules.sight import Sight

# What "mine" is nobody can tell of a command.
_PERSONAL: Final = {"claimed": {"mine"}, "refund": {"for_me"}}


class Command(BaseCommand):
    """Not a command of its own: `manage.py order export` runs it."""

    help = (
        "Write orders to a file, newest first: the same columns and filters as the export of the back office's list. "
        "CSV is written while it is read, in bounded memory; XLSX has at most the newest "
        f"{MOST_SHEET_ROWS:,} orders. What begins like a formula becomes text. Progress is told on standard error. Who "
        "exported what stands among the changes of the back office. Only its owner can read the file; it is there once "
        "it is complete, and until then an earlier one stays."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="where to write; - for standard output (CSV only)")
        parser.add_argument(
            "--filter",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            dest="filters",
            help="only such orders, as status=confirmed or placed_at_from=2026-11-01; several of one name are "
            "alternatives, of different names all count. --list-filters shows what there is",
        )
        parser.add_argument("--list-filters", action="store_true", help="show all filters and their values, and end")
        parser.add_argument(
            "--format", choices=FORMS, dest="form", help="default: what the file's name ends with, otherwise csv"
        )
        parser.add_argument(
            "--without-personal-data",
            action="store_true",
            help="leave out the columns that tell of a person, as for staff who may not see them",
        )
        parser.add_argument(
            "--progress",
            type=number(0, 86_400),
            default=5.0,
            metavar="SECONDS",
            help="how often progress is told (default: %(default)s; 0: not at all)",
        )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        # Without a file it can still tell of its filters.
        for action in parser._actions:
            if action.dest == "file":
                action.nargs, action.required = "?", False
        return parser

    def handle(
        self,
        *args: Any,
        file: str | None,
        filters: list[str],
        list_filters: bool,
        form: str | None,
        without_personal_data: bool,
        progress: float,
        **options: Any,
    ) -> None:
        try:
            known = order_filters(list(Storefront.objects.order_by("code")))
            if list_filters:
                self._list(known)
                return
            if file is None:
                raise CommandError("Name the file to write, or - for standard output.")
            written = form or (Path(file).suffix.removeprefix(".").lower() if file != "-" else "")
            written = written if written in FORMS else "csv"
            if file == "-" and written != "csv":
                raise CommandError(f"{written.upper()} is not written to standard output: name a file.")
            listing = self._listing(filters, known)
            self._record(written, filters, known)
            count = self._write(file, written, listing, without_personal_data=without_personal_data, every=progress)
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(trouble_in_words(error)) from error
        self.stderr.write(f"Exported {count:,} order{'' if count == 1 else 's'} as {written.upper()}.")

    def _listing(self, pairs: list[str], known: list[Filter]) -> Listing:
        parameters: dict[str, list[str]] = defaultdict(list)
        names = {each.name for each in known}
        for pair in pairs:
            name, equals, value = pair.partition("=")
            if not equals or not value.strip():
                raise CommandError(f"{pair!r} is no filter: it is NAME=VALUE, such as status=confirmed.")
            if name not in names:
                raise CommandError(f"There is no filter {name!r}. There are: {', '.join(sorted(names))}.")
            if value.strip() in _PERSONAL.get(name, ()):
                raise CommandError(f"{pair} is of whoever is signed in: a command is nobody.")
            parameters[name].append(value)
        narrowing = read(parameters, known)
        if narrowing.unusable:
            raise CommandError(" ".join(narrowing.unusable))
        return Listing(narrowing.asked, frozenset(Storefront.objects.values_list("pk", flat=True)))

    def _record(self, form: str, pairs: list[str], known: list[Filter]) -> None:
        """Before the first order is written. The log is kept for ever, so it tells of no person."""
        personal = {each.name for each in known if each.personal}
        told = [name if (name := pair.partition("=")[0]) in personal else pair for pair in pairs]
        changes = [
            {"field": "format", "before": None, "after": form},
            {"field": "filters", "before": None, "after": told or None},
        ]
        Entry(
            by=operator_of("order"),
            model=Order._meta.label_lower,
            object_id="",
            name="Orders",
            action="Exported",
            changes=changes,
        ).save(force_insert=True)

    def _write(self, file: str, form: str, listing: Listing, *, without_personal_data: bool, every: float) -> int:
        sight = Sight.ORDER if without_personal_data else Sight.CUSTOMER
        told = monotonic()

        def tell(count: int) -> None:
            nonlocal told
            if every and monotonic() - told >= every:
                told = monotonic()
                self.stderr.write(f"{count:,} orders written …")

        if file == "-":
            sys.stdout.flush()
            try:
                return write_orders(listing, sys.stdout.buffer, form, sight=sight, tell=tell)
            except BrokenPipeError as error:
                raise CommandError("Whoever read standard output has stopped: the export is not complete.") from error
        path = Path(file)
        try:
            if path.exists() and not path.is_file():  # a device or a pipe is written to, and nothing takes its place
                with path.open("wb") as stream:
                    return write_orders(listing, stream, form, sight=sight, tell=tell)
            return _replace(path.resolve(), lambda stream: write_orders(listing, stream, form, sight=sight, tell=tell))
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error}.") from error

    def _list(self, known: list[Filter]) -> None:
        for each in known:
            values = [choice.value for choice in each.choices if choice.value not in _PERSONAL.get(each.name, ())]
            takes = " | ".join(values) or ("a day, such as 2026-11-30" if each.is_day else "a text")
            self.stdout.write(f"{each.name.ljust(20)}{each.title}: {takes}")


def _replace(path: Path, write: Callable[[BinaryIO], int]) -> int:
    """Write a file beside it that takes its place once it is complete, and that nobody but its owner reads."""
    descriptor, name = mkstemp(dir=path.parent, prefix=".orders-")  # with mode 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            count = write(stream)
            stream.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:  # an interruption too
        with suppress(OSError):
            Path(name).unlink()
        raise
    return count
