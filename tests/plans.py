"""How the database finds what a statement asks for, and how many pages it touches on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext


class Cost(NamedTuple):
    pages: int
    indexes: set[str]


def cost_of(ask: Callable[[], object], *, naming: str) -> Cost:
    """Of the first statement of the call that names the table."""
    with CaptureQueriesContext(connection) as captured:
        ask()
    return _cost(next(query["sql"] for query in captured.captured_queries if naming in query["sql"]))


def cost_of_each(ask: Callable[[], object], *, beginning: str) -> list[Cost]:
    """Of all statements of the call that begin with these words."""
    found: list[Cost] = []

    def execute(go_on: Any, sql: str, parameters: Any, *context: Any) -> Any:
        if " ".join(sql.split()).startswith(beginning):
            found.append(_cost(sql, parameters))
        return go_on(sql, parameters, *context)

    with connection.execute_wrapper(execute):
        ask()
    return found


def _cost(sql: str, parameters: Any = None) -> Cost:
    """It is executed, and undone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"explain (analyze, buffers, format json) {sql}", parameters)
        plan = cursor.fetchone()[0][0]["Plan"]
        transaction.set_rollback(True)
    return Cost(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], set(_indexes(plan)))


def statements_of(ask: Callable[[], object]) -> int:
    """How many the call sends. (Django's own log of them is emptied by whoever sends many.)"""
    count = 0

    def execute(go_on: Any, *statement: Any) -> Any:
        nonlocal count
        count += 1
        return go_on(*statement)

    with connection.execute_wrapper(execute):
        ask()
    return count


@contextmanager
def long_reader() -> Iterator[None]:
    """Somebody reads meanwhile, a backup say: nothing that is removed can be cleaned up."""
    parameters = connection.get_connection_params()
    wanted = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters}
    with psycopg.connect(**wanted) as session:
        session.execute("set transaction isolation level repeatable read")
        session.execute("select count(*) from orders_storefront")
        yield


def vacuum(*tables: str) -> None:
    """What was removed gives its space back, as autovacuum does it."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"vacuum (analyze) {table}")


def _indexes(node: dict[str, Any]) -> Iterator[str]:
    if "Index Name" in node:
        yield node["Index Name"]
    for child in node.get("Plans", []):
        yield from _indexes(child)
