import csv
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inventory_client.stock import LevelBelowReserved, set_stock_levels
from inventory_client.wire import IDENTIFIER_IN_WORDS, IDENTIFIER_PATTERN

BATCH = 5000


class _Level(msgspec.Struct):
    product_id: str
    on_hand: int


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
    with file.open(newline="", encoding="utf-8") as lines:
        if file.suffix == ".csv":
            for number, row in enumerate(csv.DictReader(lines), start=2):
                yield _level(f"Line {number}", row)
        else:
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
        raise CommandError(f"{where}: {error}. Expected a product id and its units on hand.") from error
    if not level.product_id or level.on_hand < 0:
        raise CommandError(f"{where}: expected a product id and 0 or more units.")
    if not re.search(IDENTIFIER_PATTERN, level.product_id):
        raise CommandError(f"{where}: {level.product_id!r} is no product id. {IDENTIFIER_IN_WORDS}.")
    return level.product_id, level.on_hand


def _batches(levels: Iterator[tuple[str, int]]) -> Iterator[dict[str, int]]:
    while batch := dict(islice(levels, BATCH)):
        yield batch
