"""`manage.py import_orders`: orders of another system, from a file of any size."""

from __future__ import annotations

import gc
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, reset_queries
from django.utils import timezone

from orders import operations
from orders.importing.files import encoding_of, ndjson_entries
from orders.importing.lines import Entry, ImportedOrder, LeftOut
from orders.importing.profiles import PROFILES
from orders.importing.repeats import repeated_in, without_repeated
from orders.importing.report import Progress, Report
from orders.importing.rows import Layout, UnreadableHeader, order_entries
from orders.management.database_trouble import trouble_in_words
from orders.management.import_layouts import GENERIC, layout_of, refuse_unknown_encoding
from orders.management.numbers import number
from orders.operations import Call, ImportOutcome
from orders.rules.callers import system
from orders.rules.errors import OrderError

SOME_REFUSED: Final = 3
STOPPED: Final = 130
_CALL: Final = Call(system("import_orders"), reason="imported")
_MAX_BATCH: Final = 1000


class Write(Protocol):
    def __call__(self, orders: Sequence[ImportedOrder], *, call: Call) -> list[ImportOutcome]: ...


class Command(BaseCommand):
    help = (
        "Import orders from a file of NDJSON or CSV (docs/importing.md) with their history, or from an export of "
        "another system; no stock is touched. Orders that are there already live through what the file tells since, "
        "so it can be stopped and run again. Ends with 0 when every line was taken, 3 when some were refused, 1 when "
        "the import did not come to the end of the file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the file, or - for standard input")
        parser.add_argument(
            "--place",
            action="store_true",
            help="place each order now, holding its stock; placed_at, payments and history are not taken over",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="do it all and undo it: tells what would be done, writes nothing"
        )
        parser.add_argument("--batch", type=int, default=100, metavar="ORDERS", help="most orders in one transaction")
        parser.add_argument("--format", choices=["ndjson", "csv"], help="by default csv for *.csv, otherwise ndjson")
        parser.add_argument(
            "--profile",
            choices=[GENERIC, *PROFILES],
            default=GENERIC,
            help="whose export it is, as it comes; by default generic, the columns of docs/importing.md",
        )
        parser.add_argument("--storefront", metavar="CODE", help="whose orders these are; an export does not tell")
        parser.add_argument(
            "--time-zone",
            metavar="NAME",
            help=f"of times without an offset in an export, such as Europe/Berlin; by default {settings.TIME_ZONE}",
        )
        parser.add_argument(
            "--tax",
            choices=["included", "added"],
            help="are taxes in the prices of an export, or added to them? By default what makes its total",
        )
        parser.add_argument(
            "--encoding", metavar="NAME", help="of a file that is not NDJSON; by default UTF-8, for exports also cp1252"
        )
        parser.add_argument("--report", type=Path, metavar="FILE", help="write every refused line here, as NDJSON")
        parser.add_argument(
            "--progress",
            type=number(0, 86_400),
            default=5.0,
            metavar="SECONDS",
            help="how often to tell progress; 0 for never",
        )

    def handle(
        self,
        *args: Any,
        file: str,
        place: bool,
        dry_run: bool,
        batch: int,
        format: str | None,  # noqa: A002 - the option's name
        profile: str,
        storefront: str | None,
        time_zone: str | None,
        tax: str | None,
        encoding: str | None,
        report: Path | None,
        progress: float,
        **options: Any,
    ) -> None:
        if not 1 <= batch <= _MAX_BATCH:
            raise CommandError(f"--batch is {batch}; it must be 1 to {_MAX_BATCH}.", returncode=2)
        if place and dry_run:
            raise CommandError("--place asks the inventory for stock, which cannot be rehearsed: leave --dry-run out.")
        layout = layout_of(
            file, given_format=format, profile=profile, storefront=storefront, time_zone=time_zone, tax=tax
        )
        refuse_unknown_encoding(encoding, layout)
        write: Write = operations.rehearse_import if dry_run else operations.import_orders
        if place:
            write = operations.place_imported_orders
        with ExitStack() as opened, _ended_by_sigterm_like_by_ctrl_c(), _what_is_there_left_out_of_collections():
            source = _open(file, opened)
            told = Report(refusals=_create(report, opened))
            shown = Progress(self.stderr, every_seconds=progress)
            try:
                stream = _to_be_read_twice(source, opened)
                if encoding is None and profile != GENERIC:
                    encoding = encoding_of(stream)
                    if encoding != "utf-8":
                        self.stdout.write(f"The file is not UTF-8 and is read as {encoding}: --encoding names another.")
                now = timezone.now()
                repeated = repeated_in(_read(stream, layout, encoding, now))
                stream.seek(0)
                for entries in _batches(without_repeated(_read(stream, layout, encoding, now), repeated), batch):
                    _import(entries, told, write)
                    shown.tell(told)
                    reset_queries()  # with DEBUG the connection remembers every statement
            except UnreadableHeader as error:
                raise CommandError(str(error)) from error
            except (DatabaseError, InterfaceError) as error:
                raise CommandError(
                    f"{trouble_in_words(error)} So far: {told.counts()}. What is there already is skipped then."
                ) from error
            except KeyboardInterrupt:
                shown.end()
                raise CommandError(
                    f"Stopped. So far: {told.counts()}. Run the same command again to go on.", returncode=STOPPED
                ) from None
            shown.end()
        if dry_run:
            self.stdout.write("Nothing was written: this is what would have become of the file.")
        for sentence in told.sentences():
            self.stdout.write(sentence)
        if told.refused:
            raise CommandError(_advice(told, report), returncode=SOME_REFUSED)


def _read(stream: BinaryIO, layout: Layout | None, encoding: str | None, now: datetime) -> Iterator[Entry]:
    """The orders of the file; it is NDJSON without a layout."""
    if layout is None:
        return ndjson_entries(stream, now=now)
    return order_entries(stream, layout, now=now, encoding=encoding)


@contextmanager
def _what_is_there_left_out_of_collections() -> Iterator[None]:
    """Looking through all that Django has loaded for garbage, again and again, took a tenth of an import."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _ended_by_sigterm_like_by_ctrl_c() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _import(entries: Iterable[Entry], report: Report, write: Write) -> None:
    entries = list(entries)
    orders = [entry.content for entry in entries if isinstance(entry.content, ImportedOrder)]
    outcomes = iter(write(orders, call=_CALL) if orders else [])
    for entry in entries:
        match next(outcomes) if isinstance(entry.content, ImportedOrder) else entry.content:
            case OrderError() as refusal:
                report.count_refused(entry, refusal)
            case LeftOut() as left_out:
                report.count_left_out(entry, left_out)
            case operations.ImportResult.PLACED:
                report.count_placed()
            case operations.ImportResult.MOVED:
                report.count_moved()
            case _:
                report.count_skipped()
    report.flush()


def _batches(entries: Iterator[Entry], size: int) -> Iterator[list[Entry]]:
    while batch := list(islice(entries, size)):
        yield batch


def _open(file: str, opened: ExitStack) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    try:
        return opened.enter_context(Path(file).open("rb"))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error


def _to_be_read_twice(stream: BinaryIO, opened: ExitStack) -> BinaryIO:
    """What cannot be wound back, like a pipe, is kept in a temporary file."""
    if stream.seekable():
        return stream
    kept = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    shutil.copyfileobj(stream, kept)
    kept.seek(0)
    return kept


def _create(report: Path | None, opened: ExitStack) -> BinaryIO | None:
    if report is None:
        return None
    try:
        return opened.enter_context(report.open("wb"))
    except OSError as error:
        raise CommandError(f"The report {report} cannot be written: {error.strerror}.") from error


def _advice(report: Report, file: Path | None) -> str:
    where = f"All of them stand in {file}." if file else "--report FILE writes all of them to a file."
    return f"{report.refused:,} of {report.lines:,} lines were refused. {where} Correct them and run it again."
