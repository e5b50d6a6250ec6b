"""What became of the lines of an import: counted on the way, told at the end."""

from __future__ import annotations

import time
from typing import Any, BinaryIO, Final

import orjson
from django.core.management.base import OutputWrapper

from orders.importing.lines import Entry, LeftOut
from orders.rules.errors import OrderError

FIRST_REFUSALS: Final = 20


class Report:
    """Counts; keeps the first refusals, and what else was not done; writes each to `refusals` as one line of JSON when
    that is given.
    """

    def __init__(self, *, refusals: BinaryIO | None = None) -> None:
        self.lines = self.placed = self.moved = self.skipped = self.refused = 0
        self._first: list[str] = []
        self._left_out: list[str] = []
        self._more_left_out = 0
        self._refusals = refusals

    def count_placed(self) -> None:
        self.lines += 1
        self.placed += 1

    def count_moved(self) -> None:
        """It was here already, and has lived through what the file tells since."""
        self.lines += 1
        self.moved += 1

    def count_skipped(self) -> None:
        self.lines += 1
        self.skipped += 1

    def count_left_out(self, entry: Entry, left_out: LeftOut) -> None:
        """Skipped too, for another reason than that it is here already."""
        self.count_skipped()
        if len(self._left_out) < FIRST_REFUSALS:
            self._left_out.append(_told(entry, left_out.reason))
        else:
            self._more_left_out += 1
        self._write(entry, left_out.code, left_out.reason, errors=[])

    def count_refused(self, entry: Entry, refusal: OrderError) -> None:
        self.lines += 1
        self.refused += 1
        if len(self._first) < FIRST_REFUSALS:
            self._first.append(_told(entry, refusal.detail))
        self._write(entry, refusal.code, refusal.detail, errors=refusal.errors, **refusal.extra)

    def flush(self) -> None:
        if self._refusals is not None:
            self._refusals.flush()

    def counts(self) -> str:
        moved = f"{self.moved:,} moved forward, " if self.moved else ""
        return f"{self.placed:,} placed, {moved}{self.skipped:,} skipped, {self.refused:,} refused"

    def sentences(self) -> list[str]:
        read = f"Read {self.lines:,} {'line' if self.lines == 1 else 'lines'}: {self.counts()}."
        others = ", or are told below" if self._left_out else ""
        told = [f"{read} Skipped ones were there already{others}." if self.skipped else read]
        if self._left_out:
            told += ["Not done:", *self._left_out]
        if self._more_left_out:
            told.append(f"  and {self._more_left_out:,} more.")
        if self._first:
            told += ["Refused:", *self._first]
        if self.refused > len(self._first):
            told.append(f"  and {self.refused - len(self._first):,} more.")
        return told

    def _write(self, entry: Entry, code: str, reason: str, **facts: Any) -> None:
        if self._refusals is not None:
            row = {"line": entry.line, "external_reference": entry.external_reference, "code": code, "reason": reason}
            self._refusals.write(orjson.dumps(row | facts, default=str) + b"\n")


class Progress:
    """A line every so many seconds; on a terminal one line that is written over. Zero seconds: none."""

    def __init__(self, stream: OutputWrapper, *, every_seconds: float) -> None:
        self._stream = stream
        self._every = every_seconds
        self._live = stream.isatty()
        self._began = self._told = time.monotonic()

    def tell(self, report: Report) -> None:
        now = time.monotonic()
        if not self._every or now - self._told < (min(self._every, 0.5) if self._live else self._every):
            return
        self._told = now
        text = f"{report.lines:,} lines: {report.counts()} ({report.lines / (now - self._began):,.0f} lines/s)"
        self._write(f"\r\x1b[K{text}" if self._live else f"{text}\n")

    def end(self) -> None:
        if self._live and self._told > self._began:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._stream.write(text, style_func=str, ending="")  # progress is no error: not in red
        self._stream.flush()


def _told(entry: Entry, reason: str) -> str:
    which = f" ({entry.external_reference})" if entry.external_reference else ""
    return _printable(f"  line {entry.line}{which}: {reason}")


def _printable(text: str) -> str:
    """A refusal may quote the file: control characters do not reach the terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)[:600]
