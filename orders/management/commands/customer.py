"""`manage.py customer`: export all there is about a customer, erase it, and erase what is old enough."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.operator import operator_of
from orders.management.storefront_option import storefront_named
from orders.models import Order, Storefront
from orders.operations.call import Call, Rehearsal
from orders.operations.erasing import erase_customer
from orders.operations.retention import erase_requests_slice, erase_slice, standing_of, storefronts_with_retention
from orders.reading.customers import exported, letters_about, orders_of_customer, requests_about
from orders.rules import clock
from orders.rules.callers import Caller


class Command(BaseCommand):
    help = (
        "Export all there is about a customer of a storefront, one order a line (NDJSON), or erase what tells of them: "
        "amounts, items and events stay. Orders under way, and those that a hold on `erase` keeps, are refused. "
        "`retention` erases the customers of orders that ended as long ago as their storefront wants."
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
        retention = actions.add_parser("retention", help="erase what is old enough now, rather than with each sweep")
        retention.add_argument("storefront", nargs="?", help="code of the storefront (default: all)")
        retention.add_argument("--dry-run", action="store_true", help="count what would be erased, and do nothing")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _export(self, *, storefront: str, customer_id: str, **options: Any) -> None:
        found = storefront_named(storefront)
        count = letters = requests = 0
        for order in orders_of_customer(found, customer_id).iterator(chunk_size=100):
            self.stdout.write(orjson.dumps(exported(order)).decode())
            count += 1
        for request in requests_about(customer_id, found):
            self.stdout.write(orjson.dumps({"requested_order": request}).decode())
            requests += 1
        for event in letters_about(customer_id, found):
            self.stdout.write(orjson.dumps({"incoming_event": event}).decode())
            letters += 1
        besides = f", {requests} that were asked for and are not placed" if requests else ""
        besides += f", and {letters} events that came in and were not handled" if letters else ""
        self.stderr.write(f"Exported {count} orders of {customer_id}{besides}.")

    def _erase(self, *, storefront: str, customer_id: str, reason: str, dry_run: bool, **options: Any) -> None:
        call = Call(_operator(), reason=reason, rehearsal=Rehearsal() if dry_run else None)
        erased = 0
        more = True
        while more:
            erasure = erase_customer(storefront_named(storefront), customer_id, call=call)
            self._tell(erasure.erased, "Would erase" if dry_run else "Erased")
            erased += len(erasure.erased)
            # What was only tried is met again.
            more = erasure.remaining and bool(erasure.erased) and not dry_run
        if erasure.remaining and dry_run:
            self.stdout.write(f"There are more than these {erased}.")
        for order, refusal in erasure.refused:
            self.stdout.write(f"{order.number} is refused: {refusal}")
        if erasure.refused_untold:
            self.stdout.write(f"{erasure.refused_untold:,} more are refused.")
        if refused := erasure.refused_count:
            raise CommandError(
                f"Of the orders of {customer_id}, refused: {refused:,}, erased: {erased:,}. See above for why."
            )
        if not erased:
            raise CommandError(f"There is no order of {customer_id!r} in {storefront}.")

    def _tell(self, orders: list[Order], done: str) -> None:
        for order in orders:
            self.stdout.write(f"{done} {order.number}.")

    def _retention(self, *, storefront: str | None, dry_run: bool, **options: Any) -> None:
        storefronts = storefronts_with_retention() if storefront is None else [_with_retention(storefront)]
        if not storefronts:
            self.stdout.write("No storefront erases by age: none has a number of days under *Erase after days*.")
        now = clock.now()
        for found in storefronts:
            self.stdout.write(_standing_in_words(found, now))
            erased = 0
            while not dry_run and (count := erase_slice(found, now=now, caller=_operator())):
                erased += count
            requests = 0
            while not dry_run and (count := erase_requests_slice(found, now=now)):
                requests += count
            if not dry_run:
                besides = f" and of {requests:,} requests" if requests else ""
                self.stdout.write(f"{found}: erased the customers of {erased:,} orders{besides}.")


def _operator() -> Caller:
    return Caller(operator_of("customer"))


def _with_retention(code: str) -> Storefront:
    storefront = storefront_named(code)
    if storefront.erase_after_days is None:
        raise CommandError(
            f"{code} keeps customers for ever: its page in the back office has no number of days in Erase after days."
        )
    return storefront


def _standing_in_words(storefront: Storefront, now: datetime) -> str:
    due, held, still_open, requests = standing_of(storefront, now=now)
    kept = [f"{held:,} kept by a hold"] if held else []
    kept += [f"{still_open:,} with money to be given back or a return still open"] if still_open else []
    besides = f"; {' and '.join(kept)}" if kept else ""
    besides += f"; {requests:,} requests that came to nothing as long ago" if requests else ""
    return f"{storefront}: {due:,} orders that ended more than {storefront.erase_after_days:,} days ago{besides}."
