"""`manage.py customer`: export all there is about a customer, or erase it."""

from __future__ import annotations

from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders.management.operator import operating_user
from orders.management.storefront_option import storefront_named
from orders.operations.call import Call, Rehearsal
from orders.operations.erasing import Erasure, erase_customer
from orders.reading.customers import exported, orders_of_customer
from orders.rules.callers import Caller


class Command(BaseCommand):
    help = (
        "Export all there is about a customer of a storefront, one order a line (NDJSON), or erase what tells of them: "
        "amounts, items and events stay. Orders under way, and those that a hold on `erase` keeps, are refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions: Any = parser.add_subparsers(dest="action", required=True)
        export = actions.add_parser("export", help="write it to the standard output")
        erase = actions.add_parser("erase", help="remove it, for good")
        for action in (export, erase):
            action.add_argument("storefront", help="code of the storefront")
            action.add_argument("customer_id", help="the customer as the storefront knows them")
        erase.add_argument("--reason", default="", metavar="TEXT", help="told with the events of the erasure")
        erase.add_argument("--dry-run", action="store_true", help="tell what would be erased, and do nothing")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _export(self, *, storefront: str, customer_id: str, **options: Any) -> None:
        count = 0
        for order in orders_of_customer(storefront_named(storefront), customer_id).iterator(chunk_size=100):
            self.stdout.write(orjson.dumps(exported(order)).decode())
            count += 1
        self.stderr.write(f"Exported {count} orders of {customer_id}.")

    def _erase(self, *, storefront: str, customer_id: str, reason: str, dry_run: bool, **options: Any) -> None:
        caller = Caller(f"system:customer (by {operating_user()})")
        call = Call(caller, reason=reason, rehearsal=Rehearsal() if dry_run else None)
        erased = refused = 0
        more = True
        while more:
            erasure = erase_customer(storefront_named(storefront), customer_id, call=call)
            self._tell(erasure, "Would erase" if dry_run else "Erased")
            erased, refused = erased + len(erasure.erased), len(erasure.refused)
            # What is refused is met again, and so is what was only tried.
            more = erasure.remaining and bool(erasure.erased) and not dry_run
        if refused:
            raise CommandError(f"{refused} orders of {customer_id} were refused, {erased} were not. See above for why.")
        if not erased:
            raise CommandError(f"There is no order of {customer_id!r} in {storefront}.")

    def _tell(self, erasure: Erasure, done: str) -> None:
        for order in erasure.erased:
            self.stdout.write(f"{done} {order.number}.")
        for order, refusal in erasure.refused:
            self.stdout.write(f"{order.number} is refused: {refusal}")
