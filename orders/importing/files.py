"""A file of any size as lines of bounded size: at most one line is in memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

from orders.importing.lines import MAX_LINE_BYTES, Entry, entry_of, refused

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SKIP_BYTES: Final = 2**16


@dataclass(frozen=True, slots=True)
class Line:
    """`text` is None when the line was longer than MAX_LINE_BYTES."""

    number: int
    text: bytes | None


def lines_of(stream: BinaryIO) -> Iterator[Line]:
    """The lines, numbered from 1, without the mark that some programs put before UTF-8."""
    number = 0
    while text := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1:
            text = text.removeprefix(_BYTE_ORDER_MARK)
        if len(text) > MAX_LINE_BYTES:
            while not text.endswith(b"\n") and (text := stream.readline(_SKIP_BYTES)):
                pass
            yield Line(number, None)
        else:
            yield Line(number, text)


def encoding_of(stream: BinaryIO) -> str:
    """UTF-8, or Windows-1252 for a file that is no UTF-8: what systems of the West write otherwise.

    Reads the stream to its end and winds it back.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while part := stream.read(_SKIP_BYTES):
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    finally:
        stream.seek(0)
    return "utf-8"


def too_long(line: Line) -> Entry:
    return refused(line.number, "line_too_long", f"The line has more than {MAX_LINE_BYTES} bytes.")


def ndjson_entries(stream: BinaryIO, *, now: datetime) -> Iterator[Entry]:
    """An order for each line that is not blank."""
    for line in lines_of(stream):
        if line.text is None:
            yield too_long(line)
        elif text := line.text.strip():
            yield entry_of(line.number, text, now=now)
