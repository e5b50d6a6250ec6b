"""Orders in CSV (RFC 4180): a row for each item, the order's own columns repeated in each of its rows."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, BinaryIO, Final

import msgspec
import orjson

from orders.importing.files import Line, lines_of
from orders.importing.lines import MAX_LINE_BYTES, Entry, History, ImportedOrder, entry_of, refused
from orders.requests.placing import Address, Contact, NewItem
from orders.rules.limits import MAX_ITEMS

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
    *(f"{name}.{field}" for name, shape in _OBJECTS.items() for field in shape.__struct_fields__),
)
REQUIRED_COLUMNS: Final = (
    "storefront", "external_reference", "customer_id", "placed_at", "product_id", "quantity"
)  # fmt: skip
_METADATA: Final = "metadata."
_INTEGER_COLUMNS: Final = frozenset(
    {"quantity", *(name for name in (*ITEM_COLUMNS, *_ORDER_FIELDS) if name.endswith("amount"))}
)
_TRUTH: Final = {"true": True, "false": False}
_INTEGER: Final = re.compile(r"-?\d{1,18}")
_PAYMENT: Final = re.compile(r"(?P<method>.+) (?P<amount>\d{1,16})(?:/(?P<installments>\d{1,4}))?")

# An open quotation mark swallows what follows; so much of it is looked at before its row is refused.
_MAX_ROW_LINES: Final = 200
_MAX_ITEMS: Final = MAX_ITEMS + 1  # one more than an order may have: the check of the order says so


class UnreadableHeader(ValueError):
    """The first row does not name columns that make orders."""


@dataclass(frozen=True, slots=True)
class _Row:
    """`cells` is None when the row cannot be read; then `problem` tells why."""

    line: int
    cells: dict[str, str] | None
    problem: str = ""


class _Rows:
    """The rows below the header. One that cannot be read ends at its first line; the next begins a new row."""

    def __init__(self, stream: BinaryIO) -> None:
        self._lines = lines_of(stream)
        self._again: deque[Line] = deque()
        self._delimiter = ","
        header = self._next_line()
        if header is None or header.text is None:
            raise UnreadableHeader("The file is empty or its first line is too long; expected the names of columns.")
        self._delimiter = max(",;\t", key=header.text.decode("latin-1").count)
        self._again.append(header)
        try:
            self._columns = self._cells_of([self._next_line() or header])
        except (csv.Error, UnicodeDecodeError) as error:
            raise UnreadableHeader(f"The header cannot be read: {error}. Expected CSV in UTF-8.") from error
        _check_columns(self._columns)

    def __iter__(self) -> Iterator[_Row]:
        while (first := self._next_line()) is not None:
            if first.text is None:
                yield _Row(first.number, None, f"The line has more than {MAX_LINE_BYTES} bytes.")
                continue
            used = [first]
            try:
                cells = self._cells_of(used)
            except (csv.Error, UnicodeDecodeError) as error:
                problem = f"The row cannot be read: {error}."
            else:
                if not any(cells):
                    continue
                if len(cells) == len(self._columns):
                    yield _Row(first.number, dict(zip(self._columns, cells, strict=True)))
                    continue
                problem = f"The row has {len(cells)} cells; the header has {len(self._columns)}."
            self._again.extendleft(reversed(used[1:]))
            yield _Row(first.number, None, problem)

    def _cells_of(self, used: list[Line]) -> list[str]:
        """The cells of the row that begins with the given line; lines it goes on to are added to `used`."""
        reader = csv.reader(self._texts(used), delimiter=self._delimiter, strict=True)
        return [cell.strip() for cell in next(reader, [])]

    def _texts(self, used: list[Line]) -> Iterator[str]:
        size = 0
        while True:
            text = used[-1].text or b""
            size += len(text)
            yield text.decode()
            if len(used) == _MAX_ROW_LINES or size > MAX_LINE_BYTES:
                return
            line = self._next_line()
            if line is None:
                return
            if line.text is None:
                self._again.appendleft(line)
                return
            used.append(line)

    def _next_line(self) -> Line | None:
        return self._again.popleft() if self._again else next(self._lines, None)


class _Group:
    """The adjacent rows of one order."""

    def __init__(self, row: _Row, cells: dict[str, str], *, beside: int | None) -> None:
        self.line = row.line
        self.key = _key(cells)
        self._order = {column: cell for column, cell in cells.items() if column not in ITEM_COLUMNS}
        self._items = [_item(cells)]
        self._contradiction = ""
        self.beside = beside

    def add(self, row: _Row, cells: dict[str, str]) -> None:
        if len(self._items) < _MAX_ITEMS:
            self._items.append(_item(cells))
        for column, cell in self._order.items():
            if cells[column] != cell and not self._contradiction:
                self._contradiction = (
                    f"{column} is {cell[:100]!r} at first and {cells[column][:100]!r} in line {row.line}; "
                    "rows of one order must tell the same of it."
                )

    def entry(self, *, now: datetime) -> Entry:
        return replace(self._read(now=now), run=self.key)

    def _read(self, *, now: datetime) -> Entry:
        reference = self.key[1][:100] or None
        if self.beside is not None:
            reason = f"The row in line {self.beside}, beside this order, cannot be read and may belong to it."
            return refused(self.line, "beside_unreadable_row", reason, external_reference=reference)
        if self._contradiction:
            return refused(self.line, "contradicting_rows", self._contradiction, external_reference=reference)
        return entry_of(self.line, orjson.dumps(_order(self._order, self._items)), now=now)


def csv_entries(stream: BinaryIO, *, now: datetime) -> Iterator[Entry]:
    """An order for each run of rows with the same storefront and external_reference.

    A row that cannot be read is an entry of its own; it spoils the orders before and after it, because it
    may be an item of either. Raises UnreadableHeader.
    """
    group: _Group | None = None
    unreadable: int | None = None
    for row in _Rows(stream):
        if row.cells is None:
            unreadable = row.line
            if group is not None:
                group.beside = unreadable
                yield group.entry(now=now)
                group = None
            yield refused(row.line, "unreadable_row", row.problem)
        elif group is not None and group.key == _key(row.cells):
            group.add(row, row.cells)
        else:
            if group is not None:
                yield group.entry(now=now)
            group = _Group(row, row.cells, beside=unreadable)
            unreadable = None
    if group is not None:
        yield group.entry(now=now)


def _check_columns(columns: list[str]) -> None:
    known = {*ITEM_COLUMNS, *ORDER_COLUMNS}
    unknown = [name for name in columns if name not in known and not (name.startswith(_METADATA) and name != _METADATA)]
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


def _key(cells: Mapping[str, str]) -> tuple[str, str]:
    return cells["storefront"], cells["external_reference"]


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
            order.setdefault(name, {})[field] = cell
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
