"""Rows of cells (RFC 4180, or tabs), and the adjacent rows of each order put together.

What the columns mean is the layout's to say: `spreadsheets.py` has ours, `profiles/` those of other systems.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, BinaryIO, Final, Protocol

import orjson

from orders.importing.files import Line, lines_of
from orders.importing.lines import MAX_LINE_BYTES, Entry, LeftOut, entry_of, refused
from orders.rules.errors import OrderError
from orders.rules.limits import MAX_ITEMS

# An open quotation mark swallows what follows; so much of it is looked at before its row is refused.
_MAX_ROW_LINES: Final = 200
_MAX_ROWS: Final = MAX_ITEMS + 1  # one more than an order may have items: the check of the order says so

Key = tuple[str, str]  # storefront and reference


class UnreadableHeader(ValueError):
    """The first row does not name columns that make orders."""


@dataclass(frozen=True, slots=True)
class Row:
    """`line` is where it begins; cells by column, without spaces around them."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    line: int
    problem: str


class Layout(Protocol):
    """How rows tell orders. Without `quoted_tabs` a quotation mark between tabs is one, and quotes nothing."""

    quoted_tabs: bool

    def check(self, columns: Sequence[str]) -> None:
        """Raises UnreadableHeader for columns that make no orders."""

    def key(self, row: Row, before: Key | None) -> Key:
        """Whose row it is; `before` is whose the row above is."""

    def order(self, rows: Sequence[Row]) -> dict[str, Any] | LeftOut:
        """The order of these rows as a line of NDJSON would hold it. Raises OrderError."""


def order_entries(stream: BinaryIO, layout: Layout, *, now: datetime, encoding: str | None = None) -> Iterator[Entry]:
    """An order for each run of rows with the same key. Text is UTF-8 unless another encoding is named.

    A row that cannot be read is an entry of its own; it spoils the orders before and after it, because it
    may be an item of either. Raises UnreadableHeader.
    """
    group: _Group | None = None
    unreadable: int | None = None
    before: Key | None = None
    for row in _Rows(stream, layout, encoding or "utf-8"):
        if isinstance(row, UnreadableRow):
            unreadable = row.line
            if group is not None:
                group.beside = unreadable
                yield group.entry(layout, now=now)
                group = before = None
            yield refused(row.line, "unreadable_row", row.problem)
            continue
        key = layout.key(row, before)
        if group is not None and key == before:
            group.add(row)
        else:
            if group is not None:
                yield group.entry(layout, now=now)
            group = _Group(row, key, beside=unreadable)
            unreadable = None
        before = key
    if group is not None:
        yield group.entry(layout, now=now)


class _Rows:
    """The rows below the header. One that cannot be read ends at its first line; the next begins a new row."""

    def __init__(self, stream: BinaryIO, layout: Layout, encoding: str) -> None:
        self._lines = lines_of(stream)
        self._again: deque[Line] = deque()
        self._encoding = encoding
        header = self._next_line()
        if header is None or header.text is None:
            raise UnreadableHeader("The file is empty or its first line is too long; expected the names of columns.")
        self._delimiter = max(",;\t", key=header.text.decode("latin-1").count)
        self._quoted = self._delimiter != "\t" or layout.quoted_tabs
        self._again.append(header)
        try:
            self._columns = self._cells_of([self._next_line() or header])
        except (csv.Error, UnicodeDecodeError) as error:
            detail = f"The header cannot be read: {error}. Expected CSV in {encoding.upper()}."
            raise UnreadableHeader(detail) from error
        layout.check(self._columns)

    def __iter__(self) -> Iterator[Row | UnreadableRow]:
        while (first := self._next_line()) is not None:
            if first.text is None:
                yield UnreadableRow(first.number, f"The line has more than {MAX_LINE_BYTES} bytes.")
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
                    yield Row(first.number, dict(zip(self._columns, cells, strict=True)))
                    continue
                problem = f"The row has {len(cells)} cells; the header has {len(self._columns)}."
            self._again.extendleft(reversed(used[1:]))
            yield UnreadableRow(first.number, problem)

    def _cells_of(self, used: list[Line]) -> list[str]:
        """The cells of the row that begins with the given line; lines it goes on to are added to `used`."""
        quoting: Final = csv.QUOTE_MINIMAL if self._quoted else csv.QUOTE_NONE
        reader = csv.reader(self._texts(used), delimiter=self._delimiter, quoting=quoting, strict=True)
        return [cell.strip() for cell in next(reader, [])]

    def _texts(self, used: list[Line]) -> Iterator[str]:
        size = 0
        while True:
            text = used[-1].text or b""
            size += len(text)
            yield text.decode(self._encoding)
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

    def __init__(self, row: Row, key: Key, *, beside: int | None) -> None:
        self._rows = [row]
        self._key = key
        self.beside = beside

    def add(self, row: Row) -> None:
        if len(self._rows) < _MAX_ROWS:
            self._rows.append(row)

    def entry(self, layout: Layout, *, now: datetime) -> Entry:
        return replace(self._read(layout, now), run=self._key)

    def _read(self, layout: Layout, now: datetime) -> Entry:
        line, reference = self._rows[0].line, self._key[1][:100] or None
        if self.beside is not None:
            reason = f"The row in line {self.beside}, beside this order, cannot be read and may belong to it."
            return refused(line, "beside_unreadable_row", reason, external_reference=reference)
        try:
            order = layout.order(self._rows)
        except OrderError as refusal:
            return Entry(line, refusal, reference)
        if isinstance(order, LeftOut):
            return Entry(line, order, reference)
        return entry_of(line, orjson.dumps(order), now=now)
