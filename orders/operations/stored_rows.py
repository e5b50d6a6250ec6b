"""An order's document and its parts, read by one statement whose text is made once.

Django would compile a statement for each kind of part, each time: more than what reading all of them costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import DateTimeField, Field, Model, UUIDField

from orders.models import Credit, Order, OrderItem, PaymentRecord, Refund, Return, ReturnItem, Shipment, ShipmentItem
from orders.reading.documents import DOCUMENT_SQL


class _Kind(NamedTuple):
    """One kind of part; `contents` are the rows that belong to each of them, by the column that says so."""

    model: type[Model]
    ordered_by: str = "id"
    contents: type[Model] | None = None
    contents_of: str = ""


# By the names of `orders.models.Parts`.
_KINDS: Final = {
    "lines": _Kind(OrderItem, "position"),
    "parcels": _Kind(Shipment, contents=ShipmentItem, contents_of="shipment_id"),
    "payments": _Kind(PaymentRecord),
    "refunds": _Kind(Refund),
    "returns": _Kind(Return, contents=ReturnItem, contents_of="return_id"),
    "credits": _Kind(Credit),
}


def columns_sql(model: type[Model]) -> str:
    """Its columns for a select list, as `row_as` takes them."""
    table = model._meta.db_table
    return ", ".join(f"{table}.{column.column}" for column in model._meta.concrete_fields)


def row_as(model: type[Model], values: Sequence[Any]) -> Any:
    """The row as an instance of its model."""
    own = list(values)
    for position, convert in _from_database(model):
        own[position] = convert(own[position])
    return model.from_db(connection.alias, _attributes(model), own)


def read_with_parts(order: Order, names: Sequence[str]) -> dict[str, Any]:
    """The order's document; the parts that are named are loaded with it."""
    with connection.cursor() as cursor:
        cursor.execute(_document_sql(tuple(names)), [order.pk])
        document, *parts = cursor.fetchone()
    for name, text in zip(names, parts, strict=True):
        setattr(order.parts, name, list(_parts(order, _KINDS[name], orjson.loads(text) if text else ())))
    found: dict[str, Any] = orjson.loads(document)
    return found


def _parts(order: Order, kind: _Kind, rows: Iterable[dict[str, Any]]) -> Iterable[Model]:
    for row in rows:
        part = _json_as(kind.model, row)
        part.order = order
        if kind.contents is not None:
            part.contents = [_json_as(kind.contents, line) for line in row["contents"] or ()]
        yield part


@lru_cache
def _document_sql(names: tuple[str, ...]) -> str:
    parts = "".join(f", ({_part_sql(_KINDS[name])})::text" for name in names)
    return f"select ({DOCUMENT_SQL})::text{parts} from orders_order where orders_order.id = %s"  # noqa: S608 - our names


def _part_sql(kind: _Kind) -> str:
    table = kind.model._meta.db_table
    contents = ""
    if kind.contents is not None:
        lines = kind.contents._meta.db_table
        contents = (
            f", (select json_agg(line) from (select {columns_sql(kind.contents)} from {lines} "  # noqa: S608 - our names
            f"where {lines}.{kind.contents_of} = {table}.id order by {lines}.id) line) as contents"
        )
    return (
        f"select json_agg(part) from (select {columns_sql(kind.model)}{contents} from {table} "  # noqa: S608 - our names
        f"where {table}.order_id = orders_order.id order by {table}.{kind.ordered_by}) part"
    )


# --- from rows to instances --------------------------------------------------------------------------


@lru_cache
def _attributes(model: type[Model]) -> list[str]:
    return [column.attname for column in model._meta.concrete_fields]


@lru_cache
def _from_database(model: type[Model]) -> list[tuple[int, Callable[[Any], Any]]]:
    """What the database gives as text."""
    return [
        (position, _converter(column))
        for position, column in enumerate(model._meta.concrete_fields)
        if hasattr(column, "from_db_value")
    ]


def _converter(column: Any) -> Callable[[Any], Any]:
    return lambda value: column.from_db_value(value, None, connection)


@lru_cache
def _from_json(model: type[Model]) -> list[tuple[str, Callable[[str], Any] | None]]:
    return [(str(column.column), _of_text(column)) for column in model._meta.concrete_fields]


def _of_text(column: Field[Any, Any]) -> Callable[[str], Any] | None:
    """What JSON has no type for."""
    target = getattr(column, "target_field", column)
    if isinstance(target, UUIDField):
        return UUID
    return datetime.fromisoformat if isinstance(target, DateTimeField) else None


def _json_as(model: type[Model], row: dict[str, Any]) -> Any:
    values = [
        convert(row[name]) if convert is not None and row[name] is not None else row[name]
        for name, convert in _from_json(model)
    ]
    return model.from_db(connection.alias, _attributes(model), values)
