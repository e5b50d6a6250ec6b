"""The cells of one order of an export: text, amounts, moments and words. What cannot be read is told at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final, TypeVar

from django_countries import countries

from orders.importing.rows import Row
from orders.rules.currencies import minor_units
from orders.rules.errors import FieldError, InvalidRequest

Meaning = TypeVar("Meaning")

_MAX_FACT: Final = 500  # characters of a value of metadata
_INTEGER: Final = re.compile(r"[0-9]{1,9}")
_TIME_OF_DAY: Final = re.compile(r"\d[T ]\d\d:\d\d")
_BEFORE_OFFSET: Final = re.compile(r" (?=[+-]\d\d:?\d\d$)")
# Spreadsheets are kept from taking digits for a number by an apostrophe.
_KEPT_TEXT: Final = re.compile(r"'(?=[+0-9])")


class Cells:
    """The rows of one order. `currency` is that of its amounts, ISO 4217; moments without a zone are in `zone`.

    A column that the file does not have is blank. What cannot be read is read as nothing, and `refuse_wrong` tells it.
    """

    def __init__(self, rows: Sequence[Row], *, zone: tzinfo) -> None:
        self.rows = rows
        self.currency = ""
        self._zone = zone
        self._problems: list[FieldError] = []

    def text(self, column: str, row: Row | None = None) -> str:
        """Of a row; else of the order: its further rows leave the cell blank, or repeat it."""
        if row is not None:
            return _KEPT_TEXT.sub("", row.cells.get(column, ""), count=1)
        told = [(row.line, cell) for row in self.rows if (cell := row.cells.get(column))]
        for line, cell in told[1:]:
            if cell != told[0][1]:
                detail = (
                    f"{column} is {told[0][1][:100]!r} at first and {cell[:100]!r} in line {line}; rows of one order "
                    "must tell the same of it."
                )
                raise InvalidRequest.at("", "contradicting_rows", detail)
        return _KEPT_TEXT.sub("", told[0][1], count=1) if told else ""

    def amount(self, column: str, row: Row | None = None) -> int:
        """In minor units; a blank cell is nothing."""
        text = self.text(column, row)
        try:
            return minor_units(text, self.currency) if text else 0
        except ValueError as error:
            self.wrong(column, "not_an_amount", str(error), row)
            return 0

    def quantity(self, column: str, row: Row) -> int:
        text = self.text(column, row)
        if _INTEGER.fullmatch(text):
            return int(text)
        self.wrong(column, "not_a_quantity", f"Expected a whole number of units, got {text[:40]!r}", row)
        return 0

    def moment(self, column: str, row: Row | None = None) -> datetime | None:
        """As ISO 8601 has it, also with spaces before the time and before the offset. None for a blank cell."""
        text = self.text(column, row)
        if not text:
            return None
        try:
            if not _TIME_OF_DAY.search(text):
                raise ValueError("no time of day")
            moment = datetime.fromisoformat(_BEFORE_OFFSET.sub("", text.replace(" UTC", "Z")))
        except ValueError:
            detail = f"Expected a time such as 2026-03-01 10:00:00 +0100, got {text[:40]!r}"
            self.wrong(column, "not_a_moment", detail, row)
            return None
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=self._zone)

    def latest(self, column: str) -> datetime | None:
        """Of the moments of all rows."""
        moments = [self.moment(column, row) for row in self.rows]
        return max((moment for moment in moments if moment is not None), default=None)

    def word(self, column: str, meanings: Mapping[str, Meaning], row: Row | None = None) -> Meaning | None:
        """What the cell's word means, whatever its case. None for one that nobody knows."""
        return self.meaning(column, self.text(column, row).lower(), meanings, row)

    def meaning(
        self, column: str, word: str, meanings: Mapping[str, Meaning], row: Row | None = None
    ) -> Meaning | None:
        """Likewise, of a word that was in the cell."""
        meaning = meanings.get(word)
        if meaning is None:
            known = ", ".join(known for known in meanings if known)
            self.wrong(column, "not_a_choice", f"{word[:40]!r} is not a known word; known are: {known}", row)
        return meaning

    def first(self, *columns: str) -> str:
        """The first of these cells of the order that is not blank."""
        return next((text for column in columns if (text := self.text(column))), "")

    def facts(self, columns: Mapping[str, str]) -> dict[str, str]:
        """Entries of metadata by name, from their columns: all that the rows tell, unless it is too long for one."""
        found = {}
        for name, column in columns.items():
            texts = (self.text(column, row) for row in self.rows)
            found[name] = "; ".join(dict.fromkeys(filter(None, texts)))
        return {name: text for name, text in found.items() if 0 < len(text) <= _MAX_FACT}

    def address(self, columns: Mapping[str, str], *, company: str, name: str) -> dict[str, str] | None:
        """From the columns of its fields. A company stands before the second line, as it has no field of its own; a
        country may be told by its English name.
        """
        fields = {field: self.text(column) for field, column in columns.items()}
        fields["name"] = name
        fields["line2"] = ", ".join(filter(None, (company, fields.get("line2"))))
        country = fields.get("country", "")
        fields["country"] = (countries.by_name(country) if len(country) > 2 else "") or country
        return {field: text for field, text in fields.items() if text} or None

    def wrong(self, column: str, code: str, detail: str, row: Row | None = None) -> None:
        where = f" in line {row.line}" if row is not None else ""
        problem = FieldError(f"/{column}", code, f"{detail}{where}")
        if problem not in self._problems:  # a cell may be read several times
            self._problems.append(problem)

    def refuse_wrong(self) -> None:
        """Raises InvalidRequest with everything that could not be read."""
        if self._problems:
            raise InvalidRequest(self._problems)


def told(**fields: Any) -> dict[str, Any]:
    """Without what nothing is known of."""
    return {name: value for name, value in fields.items() if value is not None and value not in ("", [], {})}
