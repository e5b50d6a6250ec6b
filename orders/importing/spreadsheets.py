"""Orders in the columns of docs/importing.md: a row for each item, the order's own repeated in each of its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from orders.importing.lines import History, ImportedOrder
from orders.importing.rows import Key, Row, UnreadableHeader
from orders.requests.placing import Address, Contact, NewItem
from orders.rules.errors import InvalidRequest

# The order has fields of these names too, or could be thought to have them.
_NAMED_BY_ITEM: Final = frozenset({"amount", "discount_amount", "tax_amount"})
_FIELD_OF_ITEM: Final = {
    f"item.{field}" if field in _NAMED_BY_ITEM else field: field for field in NewItem.__struct_fields__
}
ITEM_COLUMNS: Final = tuple(_FIELD_OF_ITEM)
_OBJECTS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "contact": Contact,
    "shipping_address": Address,
    "billing_address": Address,
    "history": History,
}
_ORDER_FIELDS: Final = [
    name for name in ImportedOrder.__struct_fields__ if name not in {"items", "metadata", *_OBJECTS}
]
ORDER_COLUMNS: Final = (
    *_ORDER_FIELDS,
    *(
        f"{name}.{field}"
        for name, shape in _OBJECTS.items()
        for field in shape.__struct_fields__
        if field != "items"  # of the history: what came of each item
    ),
)
REQUIRED_COLUMNS: Final = (
    "storefront", "external_reference", "customer_id", "placed_at", "product_id", "quantity"
)  # fmt: skip
_METADATA: Final = "metadata."
_INTEGER_COLUMNS: Final = frozenset(
    {"quantity", *(name for name in (*ITEM_COLUMNS, *ORDER_COLUMNS) if name.endswith("amount"))}
)
_TRUTH: Final = {"true": True, "false": False}
_INTEGER: Final = re.compile(r"-?\d{1,18}")
_PAYMENT: Final = re.compile(r"(?P<method>.+) (?P<amount>\d{1,16})(?:/(?P<installments>\d{1,4}))?")


class Spreadsheet:
    """The layout of docs/importing.md."""

    quoted_tabs = True

    def check(self, columns: Sequence[str]) -> None:
        known = {*ITEM_COLUMNS, *ORDER_COLUMNS}
        unknown = [
            name for name in columns if name not in known and not (name.startswith(_METADATA) and name != _METADATA)
        ]
        missing = [name for name in REQUIRED_COLUMNS if name not in columns]
        twice = sorted({name for name in columns if columns.count(name) > 1})
        if unknown:
            raise UnreadableHeader(
                f"The header names unknown columns: {', '.join(map(repr, unknown))}. Known are: "
                f"{', '.join([*ORDER_COLUMNS, _METADATA + '…', *ITEM_COLUMNS])}."
            )
        if missing:
            raise UnreadableHeader(f"The header lacks: {', '.join(missing)}. Every order needs these columns.")
        if twice:
            raise UnreadableHeader(f"The header names twice: {', '.join(twice)}. Name each column once.")

    def key(self, row: Row, before: Key | None) -> Key:
        return row.cells["storefront"], row.cells["external_reference"]

    def order(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Raises InvalidRequest when the rows contradict each other."""
        told = {column: cell for column, cell in rows[0].cells.items() if column not in _FIELD_OF_ITEM}
        for row in rows[1:]:
            _refuse_other(told, row)
        return _order(told, [_item(row.cells) for row in rows])


def _refuse_other(told: Mapping[str, str], row: Row) -> None:
    for column, cell in told.items():
        if row.cells[column] != cell:
            detail = (
                f"{column} is {cell[:100]!r} at first and {row.cells[column][:100]!r} in line {row.line}; "
                "rows of one order must tell the same of it."
            )
            raise InvalidRequest.at("", "contradicting_rows", detail)


def _item(cells: Mapping[str, str]) -> dict[str, Any]:
    return {field: _value(name, cells[name]) for name, field in _FIELD_OF_ITEM.items() if cells.get(name)}


def _order(cells: Mapping[str, str], items: list[dict[str, Any]]) -> dict[str, Any]:
    """The order as a line of NDJSON would hold it. An empty cell is a field that is not there."""
    order: dict[str, Any] = {"items": items}
    for column, cell in cells.items():
        if not cell:
            continue
        name, _, field = column.partition(".")
        if field:
            order.setdefault(name, {})[field] = _value(column, cell)
        elif column == "payments":
            order[column] = _payments(cell)
        elif column == "tags":
            order[column] = [tag.strip() for tag in cell.split(";") if tag.strip()]
        else:
            order[column] = _value(column, cell)
    return order


def _value(column: str, cell: str) -> str | int:
    """What is no integer, or neither true nor false, stays text: the check of the order names it."""
    if column == "tax_included":
        return _TRUTH.get(cell.lower(), cell)
    return int(cell) if column in _INTEGER_COLUMNS and _INTEGER.fullmatch(cell) else cell


def _payments(cell: str) -> list[Any]:
    """`credit_card 13623/3; voucher 500`; a part that is none of this stays text for the check to name."""
    payments: list[Any] = []
    for part in cell.split(";"):
        if match := _PAYMENT.fullmatch(part.strip()):
            installments = match["installments"]
            payments.append(
                {"method": match["method"], "amount": int(match["amount"])}
                | ({"installments": int(installments)} if installments else {})
            )
        elif part.strip():
            payments.append(part.strip())
    return payments
