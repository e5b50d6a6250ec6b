"""`manage.py import_orders`: orders of another system, from a file of any size."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, InternalError, OperationalError, reset_queries
from django.utils import timezone

from orders import operations
from orders.importing.files import ndjson_entries
from orders.importing.lines import Entry, ImportedOrder
from orders.importing.repeats import repeated_in, without_repeated
from orders.importing.report import Progress, Report
from orders.importing.rows import UnreadableHeader, order_entries
from orders.importing.spreadsheets import Spreadsheet
from orders.operations import Call
from orders.rules.callers import system
from orders.rules.errors import OrderError

SOME_REFUSED: Final = 3
STOPPED: Final = 130
_CALL: Final = Call(system("import_orders"), reason="imported")
_MAX_BATCH: Final = 1000


class Command(BaseCommand):
    help = (
        "Import orders from a file of NDJSON or CSV (docs/importing.md) with their history; no stock is touched. "
        "Lines whose external_reference is there already are skipped, so it can be stopped and run again. Ends with 0 "
        "when every line was taken, 3 when some were refused, 1 when the import did not come to the end of the file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the file, or - for standard input")
        parser.add_argument(
            "--place",
            action="store_true",
            help="place each order now, holding its stock; placed_at, payments and history are not taken over",
        )
        parser.add_argument("--batch", type=int, default=100, metavar="ORDERS", help="orders in one transaction")
        parser.add_argument("--format", choices=["ndjson", "csv"], help="by default csv for *.csv, otherwise ndjson")
        parser.add_argument("--report", type=Path, metavar="FILE", help="write every refused line here, as NDJSON")
        parser.add_argument(
            "--progress", type=float, default=5.0, metavar="SECONDS", help="how often to tell progress; 0 for never"
        )

    def handle(
        self,
        *args: Any,
        file: str,
        place: bool,
        batch: int,
        format: str | None,  # noqa: A002 - the option's name
        report: Path | None,
        progress: float,
        **options: Any,
    ) -> None:
        if not 1 <= batch <= _MAX_BATCH:
            raise CommandError(f"--batch is {batch}; it must be 1 to {_MAX_BATCH}.")
        read = partial(order_entries, layout=Spreadsheet()) if (format or _format_of(file)) == "csv" else ndjson_entries
        with ExitStack() as opened, _ended_by_sigterm_like_by_ctrl_c():
            source = _open(file, opened)
            told = Report(refusals=_create(report, opened))
            shown = Progress(self.stderr, every_seconds=progress)
            try:
                stream = _to_be_read_twice(source, opened)
                now = timezone.now()
                repeated = repeated_in(read(stream, now=now))
                stream.seek(0)
                for entries in _batches(without_repeated(read(stream, now=now), repeated), batch):
                    _import(entries, told, place=place)
                    shown.tell(told)
                    reset_queries()  # with DEBUG the connection remembers every statement
            except UnreadableHeader as error:
                raise CommandError(str(error)) from error
            except (OperationalError, InterfaceError, InternalError) as error:  # the last: it is read-only
                raise CommandError(
                    f"The database cannot be used: {str(error).strip()} So far: {told.counts()}. Run the same "
                    "command again: what is there already is skipped."
                ) from error
            except KeyboardInterrupt:
                shown.end()
                raise CommandError(
                    f"Stopped. So far: {told.counts()}. Run the same command again to go on.", returncode=STOPPED
                ) from None
            shown.end()
        for sentence in told.sentences():
            self.stdout.write(sentence)
        if told.refused:
            raise CommandError(_advice(told, report), returncode=SOME_REFUSED)


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


def _import(entries: Iterable[Entry], report: Report, *, place: bool) -> None:
    entries = list(entries)
    orders = [entry.content for entry in entries if isinstance(entry.content, ImportedOrder)]
    write = operations.place_imported_orders if place else operations.import_orders
    outcomes = iter(write(orders, call=_CALL) if orders else [])
    for entry in entries:
        outcome = entry.content if isinstance(entry.content, OrderError) else next(outcomes)
        if isinstance(outcome, OrderError):
            report.count_refused(entry, outcome)
        elif outcome is operations.ImportResult.PLACED:
            report.count_placed()
        else:
            report.count_skipped()
    report.flush()


def _batches(entries: Iterator[Entry], size: int) -> Iterator[list[Entry]]:
    while batch := list(islice(entries, size)):
        yield batch


def _format_of(file: str) -> str:
    return "csv" if file.lower().endswith(".csv") else "ndjson"


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
