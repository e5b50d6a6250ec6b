"""Statements of the inventory's own tables: each is a transaction of its own, and its failures are typed."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.db import DatabaseError, Error, InterfaceError, OperationalError, connection, transaction

from inventory_client.errors import InventoryBusy, InventoryUnavailable, OutcomeUnknown, StockMiscounted
from inventory_client.outages import Outage, outage_of

# Undone by the database because others held the rows for too long.
BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected)

# Of `Stock`. Units beyond what is on hand are refused before they are written, so less than none is what they refuse.
_COUNTED_UNITS = frozenset({"stock_reserved_within_on_hand", "stock_shipped_not_negative"})

ROWS_IN_A_PIECE = 1000
_FIRST_OF_ALL = datetime(1, 1, 1, tzinfo=UTC)


def rows(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The statement's rows, or its row count as the only row when it returns none.

    When the database cannot be used, raises InventoryUnavailable (certainly no effect), InventoryBusy (likewise:
    others hold the rows) or OutcomeUnknown; StockMiscounted where fewer than no units would be reserved, or shipped.
    A plain Django cursor does it: a prepared statement saved nothing that could be measured.
    """
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise InventoryUnavailable("The inventory's database cannot be reached.") from error
    # Only a test case's own transaction can be open here; a refusal must leave it usable.
    scope = transaction.atomic() if connection.in_atomic_block else nullcontext()
    try:
        with scope, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]
    except Error as error:
        if isinstance(error.__cause__, BUSY):
            raise InventoryBusy("The inventory is busy with the same stock.", retry_after=1.0) from error
        if isinstance(error, InterfaceError) or connection.connection is None or connection.connection.closed:
            raise OutcomeUnknown("The inventory's database ended the connection.") from error
        if isinstance(error.__cause__, psycopg.errors.CheckViolation):
            if error.__cause__.diag.constraint_name in _COUNTED_UNITS:
                raise StockMiscounted from error
            raise
        if (outage := outage_of(error)) in (Outage.READ_ONLY, Outage.FULL):
            raise InventoryUnavailable(f"The inventory's database {outage.value}.") from error
        raise


def delete_in_pieces(statement: str, *, before: datetime) -> int:
    """Repeat a statement that removes the oldest `limit` rows from `after` to `before`, until none is left.

    It answers how many it removed, and the time of the newest of them; this tells how many went in all. Each piece is
    a transaction of its own: what is done stays done. The next begins where the last one ended, so none of them reads
    the traces of those before: no piece takes longer than the first, however many there are.
    """
    removed, after = 0, _FIRST_OF_ALL
    while True:
        ((piece, newest),) = rows(statement, {"after": after, "before": before, "limit": ROWS_IN_A_PIECE})
        removed += int(piece)
        if piece < ROWS_IN_A_PIECE:
            return removed
        after = newest


def array_literal(values: Iterable[object]) -> str:
    """PostgreSQL's text form of a one-dimensional array, for a parameter that is cast.

    psycopg turns a list into the same with 10 µs of Python per list, which was a quarter of a hold's processor time.
    """
    elements = [str(value).replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(elements) + '"}' if elements else "{}"


def detail_of(error: DatabaseError, *, sqlstate: str) -> str | None:
    """The detail one of our functions raised the error with, if it is the one of this SQLSTATE."""
    cause = error.__cause__
    return cause.diag.message_detail if isinstance(cause, psycopg.Error) and cause.sqlstate == sqlstate else None
