"""All rows of an order as the database has them, and copies of whole orders: but for ids and numbers they are equal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection

from orders.rules.ids import new_id, new_number

Row = dict[str, Any]
Rows = dict[str, list[Row]]

_SHIPMENTS: Final = "(select id from orders_shipment where order_id = asked.order_id)"
_RETURNS: Final = "(select id from orders_return where order_id = asked.order_id)"
# What belongs to an order: table, which of its rows, in which order.
_TABLES: Final = {
    "orders_order": ("id = asked.order_id", "id"),
    "orders_orderitem": ("order_id = asked.order_id", "position"),
    "orders_shipment": ("order_id = asked.order_id", "id"),
    "orders_shipmentitem": (f"shipment_id in {_SHIPMENTS}", "id"),
    "orders_credit": ("order_id = asked.order_id", "id"),
    "orders_refund": ("order_id = asked.order_id", "id"),
    "orders_paymentrecord": ("order_id = asked.order_id", "id"),
    "orders_return": ("order_id = asked.order_id", "id"),
    "orders_returnitem": (f"return_id in {_RETURNS}", "id"),
    "events_event": ("stream_id = asked.order_id", "sequence"),
    "events_outbox": ("stream_id = asked.order_id", "id"),
    "inventory_reservation": ("id = (select reservation_id from orders_order where id = asked.order_id)", "id"),
}
_COUNTED: Final = frozenset({"orders_shipmentitem", "orders_returnitem", "events_outbox"})  # the database makes the ids
_ROW: Final = {table: "to_jsonb(found) - 'id'" if table in _COUNTED else "found" for table in _TABLES}
_READ: Final = (
    "select json_build_object({})::text from unnest(%(order_ids)s::uuid[]) with ordinality asked (order_id, place) "
    "order by place"
).format(
    ", ".join(
        f"'{table}', (select coalesce(json_agg({_ROW[table]} order by {order}), '[]') "
        f"from {table} found where {condition})"
        for table, (condition, order) in _TABLES.items()
    )
)
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ADD_RESERVED: Final = """
update inventory_stock stock
   set on_hand = on_hand - lines.gone, reserved = reserved + lines.units, shipped = shipped + lines.gone
  from (select product_id, sum(quantity - coalesce(gone, 0)) as units, coalesce(sum(gone), 0) as gone
          from json_populate_recordset(null::inventory_reservation, %(reservations)s) reservation,
               unnest(reservation.product_ids, reservation.quantities, reservation.shipped)
               line (product_id, quantity, gone)
         where reservation.state <> 'released' group by product_id) lines
 where stock.product_id = lines.product_id
"""


def rows_of(order_id: UUID) -> Rows:
    """By table, all rows of the order: its parts, its events and what is queued of them, its reservation."""
    (rows,) = rows_of_each([order_id])
    return rows


def rows_of_each(order_ids: Sequence[UUID]) -> list[Rows]:
    """The rows of several orders, each as `rows_of` gives them."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"order_ids": list(order_ids)})
        return [orjson.loads(text) for (text,) in cursor.fetchall()]


def copies_of(rows: Rows, count: int) -> list[Rows]:
    """Write that many copies of an order at once, with their stock; return their rows in the order of their ids."""
    text = orjson.dumps(rows).decode()
    ids = sorted({identifier for table in _TABLES if table not in _COUNTED for identifier in _ids(rows[table])})
    number: str = rows["orders_order"][0]["number"]
    copies: list[Rows] = []
    for _ in range(count):
        new_ids = {old: str(new_id()) for old in ids}  # ascending as well: order within a copy is kept
        copy = _with_ids(text, new_ids).replace(number, new_number(number.partition("-")[0]))
        copies.append(orjson.loads(copy))
    _write(copies)
    return copies


def _with_ids(text: str, new_ids: Mapping[str, str]) -> str:
    return _UUID.sub(lambda found: new_ids.get(found[0], found[0]), text)


def _ids(rows: Iterable[Row]) -> Iterable[str]:
    for row in rows:
        yield row["id"]
        yield from (hold["id"] for hold in row.get("holds", ()))


def _write(copies: list[Rows]) -> None:
    inserts, parameters = [], {}
    for table in _TABLES:
        rows = [row for copy in copies for row in copy[table]]
        if rows:
            columns = ", ".join(rows[0])
            inserts.append(
                f"{table}_written as (insert into {table} ({columns}) select {columns} "
                f"from json_populate_recordset(null::{table}, %({table})s))"
            )
            parameters[table] = orjson.dumps(rows).decode()
    parameters["reservations"] = parameters.get("inventory_reservation", "[]")
    with connection.cursor() as cursor:
        cursor.execute(f"with {', '.join(inserts)} {_ADD_RESERVED}", parameters)
