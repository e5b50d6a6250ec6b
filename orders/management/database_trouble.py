"""What is said of a database that cannot do what a command asks, and what to do."""

from __future__ import annotations

from typing import Final

import psycopg
from django.db import DatabaseError, InterfaceError

from inventory_client.outages import Outage, is_busy, outage_of, sqlstate_of

_WHAT_AND_ADVICE: Final = {
    Outage.UNREACHABLE: (
        "The database cannot be reached",
        "Start it, or correct DATABASE_URL, and run the same command again.",
    ),
    Outage.READ_ONLY: (
        "The database takes no changes",
        "It is a standby, or somebody has made it read-only: run the same command where changes are taken.",
    ),
    Outage.FULL: (
        "The database has no room left",
        "Give it disk space or memory, and run the same command again.",
    ),
}
_BUSY: Final = (
    "The database is busy",
    "Others are changing the same data, or it takes longer than STATEMENT_TIMEOUT_MS allows: run the same command "
    "again in a moment.",
)
_NOT_MIGRATED: Final = (
    "The database lacks tables, columns or functions of this version",
    "Run `manage.py migrate`, and the same command again.",
)
_OTHER: Final = (
    "The database refused a statement",
    "Run the same command with --traceback to see which, and report that.",
)
# SQLSTATEs (PostgreSQL's manual, appendix A): no such table, column, function or schema.
_MISSING_STATES: Final = frozenset({"42P01", "42703", "42883", "3F000"})


def trouble_in_words(error: DatabaseError | InterfaceError | psycopg.Error) -> str:
    """What happened, in the database's own words too, and what to do."""
    what, advice = _what_and_advice(error)
    # The server's first line; the others quote the statement, and sometimes a row.
    said = _primary_message(error) or " ".join(str(error).split())
    return f"{what}: {said}{'' if said.endswith(('.', '?')) else '.'} {advice}"


def _primary_message(error: BaseException) -> str | None:
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    return cause.diag.message_primary if isinstance(cause, psycopg.Error) else None


def _what_and_advice(error: Exception) -> tuple[str, str]:
    if outage := outage_of(error):
        return _WHAT_AND_ADVICE[outage]
    if is_busy(error):
        return _BUSY
    return _NOT_MIGRATED if sqlstate_of(error) in _MISSING_STATES else _OTHER
