import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.operator import operator_of
from inventory_client.stock import MOST_CHANGED, LevelRefused, change_stock_levels, set_stock_levels
from inventory_client.wire import IDENTIFIER_IN_WORDS, ProductId, StockLevelBody

BATCH = 5000


class _Level(StockLevelBody, forbid_unknown_fields=False):
    product_id: ProductId

    expected: ClassVar[str] = "units on hand"

    @property
    def units(self) -> int:
        return self.on_hand


class _Change(msgspec.Struct):
    """Of a file, or an argument, with --change."""

    product_id: ProductId
    change: Annotated[int, msgspec.Meta(ge=-MOST_CHANGED, le=MOST_CHANGED)]

    expected: ClassVar[str] = "change"

    @property
    def units(self) -> int:
        return self.change


class Command(BaseCommand):
    help = (
        "Set how many units of products are on hand, on the shelf, in the embedded ledger; products that are new are "
        "added. With --change the numbers say how many more there are, or less: what orders take meanwhile is kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("levels", nargs="*", metavar="PRODUCT=UNITS")
        parser.add_argument(
            "--file",
            type=Path,
            help="Lines of this file: CSV with the header product_id,on_hand, or NDJSON with these fields; "
            "with --change it is change instead of on_hand.",
        )
        parser.add_argument(
            "--change",
            action="store_true",
            help="so many units more or less: cup=+3 plate=-2; the history tells why, so --reason is needed",
        )
        parser.add_argument("--reason", default="", metavar="WHY", help="what the history of the products says")

    def handle(
        self, *args: object, levels: list[str], file: Path | None, change: bool, reason: str, **options: object
    ) -> None:
        if not levels and file is None:
            raise CommandError("Nothing to set. Give PRODUCT=UNITS or --file.")
        reason = reason.strip()
        if change and not reason:
            raise CommandError("Say with --reason why there are more or less.", returncode=2)
        by = operator_of("set_stock")
        count = 0
        for batch in _batches(_given(levels, file, shape=_Change if change else _Level), summed=change):
            try:
                if change:
                    change_stock_levels(batch, reason=reason, by=by)
                else:
                    set_stock_levels(batch, by=by, reason=reason)
            except LevelRefused as error:
                raise CommandError(f"{error} {count} levels were set before.") from error
            count += len(batch)
        self.stdout.write(f"{'Changed' if change else 'Set'} the stock of {count} products.")


def _given(
    levels: Iterable[str], file: Path | None, *, shape: type[_Level] | type[_Change]
) -> Iterator[tuple[str, int]]:
    for text in levels:
        product_id, _, units = text.rpartition("=")
        units = units.removeprefix("+") if shape is _Change else units
        yield _read(text, {"product_id": product_id, "on_hand": units, "change": units}, shape)
    if file is None:
        return
    if not file.is_file():
        raise CommandError(f"There is no file {file}.")
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = _rows_of_csv(lines) if file.suffix == ".csv" else _rows_of_ndjson(lines)
            for where, row in rows:
                yield _read(where, row, shape)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{file} cannot be read: {error}.") from error


def _rows_of_csv(lines: Iterable[str]) -> Iterator[tuple[str, object]]:
    for number, row in enumerate(csv.DictReader(lines), start=2):
        yield f"Line {number}", row


def _rows_of_ndjson(lines: Iterable[str]) -> Iterator[tuple[str, object]]:
    for number, line in enumerate(lines, start=1):
        try:
            row = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise CommandError(f"Line {number}: {error}.") from error
        yield f"Line {number}", row


def _read(where: str, row: object, shape: type[_Level] | type[_Change]) -> tuple[str, int]:
    try:
        level = msgspec.convert(row, type=shape, strict=False)
    except msgspec.ValidationError as error:
        if "matching regex" in str(error):
            raise CommandError(f"{where}: that is no product id. {IDENTIFIER_IN_WORDS}.") from error
        raise CommandError(f"{where}: {error}. Expected a product id and its {shape.expected}.") from error
    return level.product_id, level.units


def _batches(given: Iterator[tuple[str, int]], *, summed: bool) -> Iterator[dict[str, int]]:
    """Of a product that stands twice the last level counts, or the sum of the changes."""
    while piece := list(islice(given, BATCH)):
        batch: dict[str, int] = {}
        for product_id, units in piece:
            batch[product_id] = units + (batch.get(product_id, 0) if summed else 0)
        yield batch
