"""`manage.py reconcile_stock`: does the inventory hold what our orders promise, and nothing else?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from inventory_client.errors import InventoryError
from inventory_client.recounting import Miscount
from orders.management.database_trouble import trouble_in_words
from orders.management.numbers import MOST_DAYS, number
from orders.management.storefront_option import add_storefront_option, storefront_of
from orders.operations.comparing_stock import Difference, Stand, Untold, stock_differences
from orders.operations.recounting_stock import MiscountKind, pages_of_miscounts, repair_counts
from orders.operations.repairing_stock import Repair, RepairResult, repair_stock

_DIFFERENCES_LEFT: Final = 1
_NOT_COMPARED: Final = 2


class Command(BaseCommand):
    help = (
        "Compare every order with the inventory's reservation for it, and every reservation with its order; count the "
        "embedded ledger's reserved units anew (not with --storefront or --since: they are everybody's). Without "
        "--repair nothing is changed. Ends with 0 when all is equal (or repaired), 1 when differences are left, 2 when "
        "the inventory or the database cannot be asked. Safe to run at any time: what changes meanwhile is read again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--repair",
            action="store_true",
            help="put right what differs; reservations without an order are released, so the inventory must keep "
            "only this service's",
        )
        parser.add_argument("--json", action="store_true", help="a JSON object a line, the last one sums up")
        add_storefront_option(parser)
        parser.add_argument(
            "--since",
            type=number(0, MOST_DAYS),
            metavar="DAYS",
            help="only orders placed, and reservations changed, so many days ago or later",
        )

    def handle(
        self,
        *args: Any,
        repair: bool,
        json: bool,
        storefront: str | None,
        since: float | None,
        **options: Any,
    ) -> None:
        counts = Counter(differences=0, repaired=0, still_to_tell=0)
        try:
            owner = storefront_of(storefront, returncode=_NOT_COMPARED)
            if owner is None and since is None:  # first, because stock that is counted wrong refuses or oversells
                self._recount(counts, repair=repair, json=json)
            for found in stock_differences(
                since=None if since is None else timezone.now() - timedelta(days=since),
                storefront_id=owner.pk if owner else None,
            ):
                if isinstance(found, Untold):
                    counts["still_to_tell"] += 1
                    self.stdout.write(_untold_as_json(found) if json else _untold_as_text(found))
                    continue
                counts["differences"] += 1
                done = repair_stock(found) if repair else None
                counts["repaired"] += done is not None and done.result is RepairResult.REPAIRED
                self.stdout.write(_as_json(found, done) if json else _as_text(found, done))
        except InventoryError as error:
            raise CommandError(
                f"The inventory cannot be asked: {error} So far: {_sentence(counts)}", returncode=_NOT_COMPARED
            ) from error
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(
                f"{trouble_in_words(error)} So far: {_sentence(counts)}", returncode=_NOT_COMPARED
            ) from error
        self.stdout.write(orjson.dumps({"summary": counts}).decode() if json else _sentence(counts))
        if left := counts["differences"] - counts["repaired"]:
            advice = "What stands above has to be decided." if repair else "--repair does what is said above."
            raise CommandError(f"{left:,} differences are left. {advice}", returncode=_DIFFERENCES_LEFT)

    def _recount(self, counts: Counter[str], *, repair: bool, json: bool) -> None:
        for page in pages_of_miscounts():
            repairs: Sequence[Repair | None] = repair_counts(page) if repair else [None] * len(page)
            for found, done in zip(page, repairs, strict=True):
                counts["differences"] += 1
                counts["repaired"] += done is not None and done.result is RepairResult.REPAIRED
                self.stdout.write(_miscount_as_json(found, done) if json else _miscount_as_text(found, done))


def _miscount_as_text(found: Miscount, repair: Repair | None) -> str:
    kind = MiscountKind.of(found)
    told = f"--repair would {kind.remedy}." if repair is None else repair.told
    return f"{kind}: product {found.product_id}: expected {found.expected()}, found {found.found()}. {told}"


def _miscount_as_json(found: Miscount, repair: Repair | None) -> str:
    kind = MiscountKind.of(found)
    line = {
        "difference": kind,
        "product_id": found.product_id,
        "order_id": None,
        "number": None,
        "reservation_id": None,
        "expected": {"reserved": found.held, "shipped": found.gone},
        "found": {"reserved": found.reserved, "shipped": found.shipped},
        "remedy": kind.remedy,
        "repair": _repair_as_json(repair),
    }
    return orjson.dumps(line).decode()


def _as_text(found: Difference, repair: Repair | None) -> str:
    whose = f"order {found.number}" if found.number else "no order"
    told = f"--repair would {found.remedy}." if repair is None else repair.told
    return (
        f"{found.kind}: {whose}, reservation {found.reservation_id}: expected {found.expected}, found {found.found}. "
        f"{told}"
    )


def _as_json(found: Difference, repair: Repair | None) -> str:
    line = {
        "difference": found.kind,
        "order_id": found.order_id,
        "number": found.number,
        "reservation_id": found.reservation_id,
        "expected": _stand_as_json(found.expected),
        "found": _stand_as_json(found.found),
        "remedy": found.remedy,
        "repair": _repair_as_json(repair),
    }
    return orjson.dumps(line).decode()


def _repair_as_json(repair: Repair | None) -> dict[str, str] | None:
    return None if repair is None else {"result": repair.result, "detail": repair.told}


def _stand_as_json(stand: Stand) -> dict[str, Any]:
    shipped = None if stand.shipped is None else dict(stand.shipped)
    return {"state": stand.state or "unknown", "lines": dict(stand.lines), "shipped": shipped}


def _untold_as_text(found: Untold) -> str:
    return (
        f"still to tell: order {found.number}, reservation {found.reservation_id}: {found.action}. "
        "The sweeper tells the inventory."
    )


def _untold_as_json(found: Untold) -> str:
    line = {
        "still_to_tell": found.action,
        "order_id": found.order_id,
        "number": found.number,
        "reservation_id": found.reservation_id,
    }
    return orjson.dumps(line).decode()


def _sentence(counts: Counter[str]) -> str:
    return (
        f"{counts['differences']:,} differences, {counts['repaired']:,} of them repaired; "
        f"{counts['still_to_tell']:,} orders still to be told to the inventory."
    )
