import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inventory_client.stock import LevelBelowReserved, set_stock_levels
from inventory_client.wire import IDENTIFIER_IN_WORDS, ProductId, StockLevelBody

BATCH = 5000


class _Level(StockLevelBody, forbid_unknown_fields=False):
    product_id: ProductId


class Command(BaseCommand):
    help = "Set how many units of products are on hand in the embedded ledger; products that are new are added."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("levels", nargs="*", metavar="PRODUCT=UNITS")
        parser.add_argument(
            "--file",
            type=Path,
            help="Lines of this file: CSV with the header product_id,on_hand, or NDJSON with these fields.",
        )

    def handle(self, *args: object, levels: list[str], file: Path | None, **options: object) -> None:
        if not levels and file is None:
            raise CommandError("Nothing to set. Give PRODUCT=UNITS or --file.")
        count = 0
        for batch in _batches(_given(levels, file)):
            try:
                set_stock_levels(batch)
            except LevelBelowReserved as error:
                raise CommandError(f"{error} {count} levels were set before.") from error
            count += len(batch)
        self.stdout.write(f"Set the stock of {count} products.")


def _given(levels: Iterable[str], file: Path | None) -> Iterator[tuple[str, int]]:
    for text in levels:
        product_id, _, units = text.rpartition("=")
        yield _level(text, {"product_id": product_id, "on_hand": units})
    if file is None:
        return
    if not file.is_file():
        raise CommandError(f"There is no file {file}.")
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            yield from _rows_of_csv(lines) if file.suffix == ".csv" else _rows_of_ndjson(lines)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{file} cannot be read: {error}.") from error


def _rows_of_csv(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    for number, row in enumerate(csv.DictReader(lines), start=2):
        yield _level(f"Line {number}", row)


def _rows_of_ndjson(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(lines, start=1):
        try:
            row = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise CommandError(f"Line {number}: {error}.") from error
        yield _level(f"Line {number}", row)


def _level(where: str, row: object) -> tuple[str, int]:
    try:
        level = msgspec.convert(row, type=_Level, strict=False)
    except msgspec.ValidationError as error:
        if "matching regex" in str(error):
            raise CommandError(f"{where}: that is no product id. {IDENTIFIER_IN_WORDS}.") from error
        raise CommandError(f"{where}: {error}. Expected a product id and its units on hand.") from error
    return level.product_id, level.on_hand


def _batches(levels: Iterator[tuple[str, int]]) -> Iterator[dict[str, int]]:
    while batch := dict(islice(levels, BATCH)):
        yield batch
