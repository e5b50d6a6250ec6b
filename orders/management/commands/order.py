"""`manage.py order`: any operation on one order or many, from the command line."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError
from msgspec import Struct

from audit.operator import operating_user
from orders import operations
from orders.management import order_export
from orders.management.database_trouble import trouble_in_words
from orders.management.named_orders import NamedOrder, orders_named
from orders.management.storefront_option import add_storefront_option, storefront_of
from orders.models import Storefront
from orders.operations import PERFORMERS, Call, Document, PaymentKey, Precondition, Rehearsal, Replay
from orders.requests.operations import OrderDetails, checked_details
from orders.requests.parsing import parse
from orders.rules import errors
from orders.rules.callers import Caller, system
from orders.rules.errors import OrderError
from orders.rules.lifecycle import OPERATIONS, Operation, statuses_of

_EXPORT: Final = "export"
_NOTHING_DONE: Final = 1
_SOME_REFUSED: Final = 3
_MOST_AT_ONCE: Final = 1000
_MOST_REASON: Final = 400  # leaves room for who runs the command


class Command(BaseCommand):
    help = (
        "Do an operation to one order or many, as the API would: the same rules, locks and events. Orders are named by "
        "id or number; deleted ones too. Each is done or refused on its own. Ends with 0 when all were done, 3 when "
        "some were refused, 1 when none was done. The actor is system:order; whoever runs it stands in the reason. "
        "`order export FILE` writes orders to a file instead: see `order export --help`."
    )

    def run_from_argv(self, argv: list[str]) -> None:
        """`export` does nothing to the orders, and has options of its own."""
        if argv[2:3] == [_EXPORT]:
            order_export.Command().run_from_argv([argv[0], f"{argv[1]} {_EXPORT}", *argv[3:]])
        else:
            super().run_from_argv(argv)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # `--version` is the order's here; Django's own stays with `manage.py --version`.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "operation", nargs="?", metavar="OPERATION", help="one of those that --list shows; or export"
        )
        parser.add_argument("orders", nargs="*", metavar="ID_OR_NUMBER", help=f"up to {_MOST_AT_ONCE:,} orders")
        parser.add_argument("--list", action="store_true", help="show the operations there are")
        add_storefront_option(parser)
        parser.add_argument("--ids-from", metavar="FILE", help="more ids or numbers, one a line; - for standard input")
        parser.add_argument("--data", default="{}", metavar="JSON", help="what it takes, as the API takes it")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why; kept with the change")
        parser.add_argument(
            "--version", type=int, metavar="N", help="only if the order is at this version; for one order only"
        )
        parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
        parser.add_argument("--json", action="store_true", help="a JSON object a line, the last one sums up")

    def handle(
        self,
        *args: Any,
        operation: str | None,
        orders: list[str],
        list: bool,  # noqa: A002 - the option's name
        storefront: str | None,
        ids_from: str | None,
        data: str,
        reason: str,
        version: int | None,
        dry_run: bool,
        json: bool,
        **options: Any,
    ) -> None:
        if list:
            self._list()
            return
        wanted = _operation(operation)
        if not orders and ids_from is None:
            raise CommandError("No order is named. Give ids or numbers, or --ids-from FILE.")
        if len(orders) > _MOST_AT_ONCE:
            raise CommandError(f"{len(orders):,} orders are named; more than {_MOST_AT_ONCE:,} come by --ids-from.")
        if version is not None and (len(orders) != 1 or ids_from is not None):
            raise CommandError("--version is of one order: name exactly one.")
        request = _request(wanted, data)
        reason = reason or getattr(request, "reason", "")
        if len(reason) > _MOST_REASON:
            raise CommandError(f"The reason has {len(reason)} characters; it can have {_MOST_REASON}.")
        owner = storefront_of(storefront)
        task = _Task(
            operation=wanted,
            request=request,
            caller=replace(system("order"), storefronts=frozenset({owner.pk})) if owner else system("order"),
            storefronts=[owner] if owner else [*Storefront.objects.all()],
            reason=f"{reason} (by {operating_user()})".lstrip(),
            precondition=Precondition(version),
            rehearsed=dry_run,
        )
        counts = Counter(done=0, refused=0)
        names = chain(orders, () if ids_from is None else _lines(ids_from))
        try:
            for result in _results(task, names):
                counts["done" if isinstance(result, _Done) else "refused"] += 1
                self.stdout.write(orjson.dumps(result.as_json()).decode() if json else result.as_text())
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(f"{trouble_in_words(error)} So far: {_sentence(counts, dry_run)}") from error
        self.stdout.write(orjson.dumps({"summary": counts}).decode() if json else _sentence(counts, dry_run))
        if not counts["done"]:
            raise CommandError("Nothing was done.", returncode=_NOTHING_DONE)
        if counts["refused"]:
            raise CommandError(f"{counts['refused']:,} orders were refused.", returncode=_SOME_REFUSED)

    def _list(self) -> None:
        rows = [
            (operation.value, rules.meaning, ", ".join(statuses_of(operation)), rules.scope or "–")
            for operation, rules in OPERATIONS.items()
            if operation in PERFORMERS
        ]
        rows.insert(0, ("OPERATION", "WHAT IT DOES", "OF ORDERS THAT ARE", "SCOPE OF A KEY"))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


class _Task(NamedTuple):
    operation: Operation
    request: Struct
    caller: Caller
    storefronts: list[Storefront]
    reason: str
    precondition: Precondition
    rehearsed: bool

    def call(self) -> Call:
        return Call(
            self.caller,
            reason=self.reason,
            precondition=self.precondition,
            rehearsal=Rehearsal() if self.rehearsed else None,
        )


class _Done(NamedTuple):
    number: str
    order_id: UUID
    document: Document
    rehearsal: Rehearsal | None

    def as_text(self) -> str:
        if self.rehearsal is None:
            return f"{self.number}: done. It is {self.document['status']}, at version {self.document['version']}."
        if not self.rehearsal.events:
            return f"{self.number}: nothing would change."
        changed = sorted({name for event in self.rehearsal.events for name in event.data["changes"]})
        parts = [
            f"would be {self.document['status']}, at version {self.document['version']}",
            f"changed: {', '.join(changed)}",
            *(
                f"{what}: {_differences(gained)}"
                for what, gained in (("stock", self.rehearsal.stock), ("money", self.rehearsal.money))
                if gained
            ),
        ]
        return f"{self.number}: {'; '.join(parts)}."

    def as_json(self) -> dict[str, Any]:
        line = {"name": self.number, "order_id": self.order_id}
        if self.rehearsal is None:
            return line | {
                "result": "done",
                "status": self.document["status"],
                "version": self.document["version"],
            }
        return line | {"result": "rehearsed", **self.rehearsal.as_json()}


class _Refused(NamedTuple):
    """`order_id` is None when it is not clear which order is named."""

    name: str
    order_id: UUID | None
    code: str
    detail: str

    def as_text(self) -> str:
        return f"{self.name}: refused ({self.code}). {self.detail}"

    def as_json(self) -> dict[str, Any]:
        line = {"name": self.name, "order_id": self.order_id}
        return line | {"result": "refused", "code": self.code, "detail": self.detail}


def _operation(name: str | None) -> Operation:
    if name is None or name not in PERFORMERS:
        said = "No operation is given" if name is None else f"There is no operation {name!r}"
        raise CommandError(f"{said}. There are: {', '.join(PERFORMERS)}.")
    return Operation(name)


def _request(operation: Operation, data: str) -> Struct:
    """Raises CommandError that names the field."""
    try:
        request = parse(os.fsencode(data), PERFORMERS[operation].request)
        return checked_details(request) if isinstance(request, OrderDetails) else request
    except OrderError as error:
        raise CommandError(f"--data is not what {operation} takes: {error}") from error


def _lines(file: str) -> Iterator[str]:
    try:
        if file == "-":
            yield from _names_in(sys.stdin)
        else:
            with Path(file).open(encoding="utf-8") as stream:
                yield from _names_in(stream)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}.") from error


def _names_in(stream: Iterable[str]) -> Iterator[str]:
    return (line.strip() for line in stream if line.strip())


def _results(task: _Task, names: Iterator[str]) -> Iterator[_Done | _Refused]:
    """Do the task to each order once, however often it is named."""
    done: set[UUID] = set()
    payments: set[PaymentKey] = set()
    while batch := list(islice(names, _MOST_AT_ONCE)):
        orders: dict[UUID, NamedOrder] = {}
        for name, candidates in orders_named(batch, task.storefronts).items():
            if len(candidates) == 1:
                orders[candidates[0].order_id] = candidates[0]
            else:
                yield _unclear(name, candidates)
        calls = {order_id: task.call() for order_id in orders if order_id not in done}
        done.update(calls)
        for order_id, outcome in operations.perform_together(
            task.operation, [*calls.items()], task.request, payments=payments
        ):
            yield _result(orders[order_id], outcome, calls[order_id].rehearsal)


def _unclear(name: str, candidates: list[NamedOrder]) -> _Refused:
    if not candidates:
        return _Refused(name, None, "order_not_found", f"There is no order {name}.")
    codes = " and ".join(sorted(order.storefront for order in candidates))
    detail = f"The storefronts {codes} have an order of this number: choose by --storefront, or name its id."
    return _Refused(name, None, "ambiguous_number", detail)


def _result(
    order: NamedOrder, outcome: Document | Replay | OrderError, rehearsal: Rehearsal | None
) -> _Done | _Refused:
    match outcome:
        case errors.OrderNotFound() if order.deleted:
            detail = "The order is deleted. It can be restored, and payments of it can be recorded."
            return _Refused(order.number, order.order_id, outcome.code, detail)
        case OrderError():
            return _Refused(order.number, order.order_id, outcome.code, outcome.detail)
        case Replay():  # only calls with an Idempotency-Key are replayed
            raise outcome
        case document:
            return _Done(order.number, order.order_id, document, rehearsal)


def _differences(amounts: dict[str, int]) -> str:
    return ", ".join(f"{name} {amount:+,}" for name, amount in amounts.items())


def _sentence(counts: Counter[str], rehearsed: bool) -> str:
    return f"{counts['done']:,} {'would be done' if rehearsed else 'done'}, {counts['refused']:,} refused."
