"""Writing an order and its parts: what differs, in one statement for the parts and one for the order.

Rows travel as JSON: one dump takes values of any type, and `json_populate_recordset` makes rows of it again. Saving
each model writes every column by a statement that Django compiles anew, which was two thirds of what a change costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import orjson
from django.db import connection
from django.db.models import Field, Model

from orders.models import Credit, Order, OrderItem, PaymentRecord, Refund, Return, ReturnItem, Shipment, ShipmentItem
from orders.models.parts import Parts
from orders.reading.documents import DOCUMENT_SQL

# What stands on others comes after them; it is removed before them.
_MODELS: Final = (OrderItem, Shipment, ShipmentItem, Return, ReturnItem, Refund, PaymentRecord, Credit)

_NOTE_SQL: Final = "update orders_order set stock_action = %s, stock_revision = %s where id = %s"

_Column: TypeAlias = "Field[Any, Any]"
# A statement's part: what is done ("insert", "update", "delete"), with which table, its columns.
_Step: TypeAlias = "tuple[str, type[Model], tuple[_Column, ...]]"


def write_order(order: Order, read: Sequence[Any]) -> dict[str, Any]:
    """Write the parts that have changed, then the columns that are not as they were `read`; return the new document.

    `read` are the values of all columns, in their order, as the database gave them. Raises what the database raises.
    """
    write_parts(order.parts)
    changed = _differing(order, read)
    with connection.cursor() as cursor:
        cursor.execute(_update_order_sql(changed), [_as_json([order], (_key(Order), *changed))])
        (text,) = cursor.fetchone()
    document: dict[str, Any] = orjson.loads(text)
    return document


def write_new_orders(orders: Sequence[Order]) -> None:
    """Write orders that are not there yet, as they are, with all parts that have been added: by one statement.

    Raises what the database raises.
    """
    steps: list[_Step] = [("insert", Order, _columns_of(Order))]
    rows = [_as_json(orders, _columns_of(Order))]
    added = [row for order in orders for row in order.parts.added]
    for model in _MODELS:
        if new := [row for row in added if type(row) is model]:
            columns = _columns_of(model, with_key=new[0].pk is not None)
            steps.append(("insert", model, columns))
            rows.append(_as_json(new, columns))
    _execute(steps, rows)


def write_parts(parts: Parts) -> None:
    """Write what has been added, changed and removed of an order's parts."""
    removed = parts.removed
    if removed:
        for model in reversed(_MODELS):
            if keys := [row.pk for row in removed if type(row) is model]:
                _execute([("delete", model, (_key(model),))], [orjson.dumps([{"id": key} for key in keys]).decode()])
    steps: list[_Step] = []
    rows: list[str] = []
    for model in _MODELS:
        if new := [row for row in parts.added if type(row) is model]:
            columns = _columns_of(model, with_key=new[0].pk is not None)
            steps.append(("insert", model, columns))
            rows.append(_as_json(new, columns))
        if changed := {row: names for row, names in parts.changed.items() if type(row) is model and row not in removed}:
            named = set().union(*changed.values())
            columns = (_key(model), *(column for column in _columns_of(model) if column.name in named))
            steps.append(("update", model, columns))
            rows.append(_as_json(changed, columns))
    if steps:
        _execute(steps, rows)
    for row in parts.added:
        row._state.adding = False
    parts.added, parts.changed, parts.removed = [], {}, []


def note_stock_action(order: Order) -> None:
    """What the inventory is to be told of the order, and nothing else of it."""
    with connection.cursor() as cursor:
        cursor.execute(_NOTE_SQL, [order.stock_action, order.stock_revision, order.pk])


def _execute(steps: Sequence[_Step], rows: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_steps_sql(tuple(steps)), rows)


def _differing(order: Order, read: Sequence[Any]) -> tuple[_Column, ...]:
    """JSON was read as text: a value may have been changed in place."""
    return tuple(
        column
        for column, was in zip(_columns_of(Order), read, strict=True)
        if (now := getattr(order, column.attname)) != was
        and not (isinstance(was, str) and not isinstance(now, str) and now is not None and now == orjson.loads(was))
    )


def _as_json(rows: Iterable[Model], columns: Sequence[_Column]) -> str:
    return orjson.dumps([{column.column: getattr(row, column.attname) for column in columns} for row in rows]).decode()


@lru_cache
def _key(model: type[Model]) -> _Column:
    key: _Column = model._meta.pk
    return key


@lru_cache
def _columns_of(model: type[Model], *, with_key: bool = True) -> tuple[_Column, ...]:
    """Keys that count up are given by the database."""
    return tuple(column for column in model._meta.concrete_fields if with_key or not column.primary_key)


@lru_cache
def _update_order_sql(columns: tuple[_Column, ...]) -> str:
    settings = ", ".join(f"{column.column} = changed.{column.column}" for column in columns)
    return (
        f"update orders_order set {settings} "  # noqa: S608 - names of our models
        "from json_populate_recordset(null::orders_order, %s::json) as changed where orders_order.id = changed.id "
        f"returning ({DOCUMENT_SQL})::text"
    )


@lru_cache
def _steps_sql(steps: tuple[_Step, ...]) -> str:
    """All steps at once: what one writes the others do not see, and keys between them are checked at the end."""
    written = ", ".join(f"step_{number} as ({_step_sql(*step)})" for number, step in enumerate(steps))
    return f"with {written} select"


def _step_sql(verb: str, model: type[Model], columns: tuple[_Column, ...]) -> str:
    table = model._meta.db_table
    names = [str(column.column) for column in columns]
    rows = f"json_populate_recordset(null::{table}, %s::json)"
    listed = ", ".join(names)
    match verb:
        case "insert":
            return f"insert into {table} ({listed}) select {listed} from {rows}"  # noqa: S608 - names of our models
        case "update":
            new = ", ".join(f"{name} = new.{name}" for name in names if name != "id")
            return f"update {table} as kept set {new} from {rows} as new where kept.id = new.id"  # noqa: S608 - names of our models
        case _:
            return f"delete from {table} where id in (select id from {rows})"  # noqa: S608 - names of our models
