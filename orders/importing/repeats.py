"""Which orders stand more than once in a file: found before any of them is written.

A part of an order that was torn across the file looks like a whole one. Once it is written, the corrected file would be
taken for a repeat of it; so both parts are refused, and that needs the file to be read twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import Final

import msgspec

from orders.importing.lines import Entry, ImportedOrder
from orders.rules.errors import InvalidRequest

_DIGEST_BYTES: Final = 16
_CONTENT_BYTES: Final = 8
_MAX_LINES_TOLD: Final = 10


def repeated_in(entries: Iterable[Entry]) -> dict[bytes, list[int]]:
    """The lines of each order that is torn, or told twice and differently, by the digest of its reference.

    An order takes about 200 bytes of memory, whatever its length.
    """
    first: dict[bytes, bytes] = {}
    lines: dict[bytes, list[int]] = {}
    for entry in entries:
        key = _digest_of(entry)
        if key is None:
            continue
        told = entry.line.to_bytes(8) + _content_of(entry)
        before = first.setdefault(key, told)
        if before is told:
            continue
        if entry.run is not None or before[8:] != told[8:]:
            lines.setdefault(key, [int.from_bytes(before[:8])])
        if key in lines and len(lines[key]) < _MAX_LINES_TOLD:
            lines[key].append(entry.line)
    return lines


def without_repeated(entries: Iterable[Entry], repeated: dict[bytes, list[int]]) -> Iterator[Entry]:
    """The same entries; those of `repeated_in` refused, with all their lines."""
    for entry in entries:
        key = _digest_of(entry)
        if key is None or key not in repeated:
            yield entry
            continue
        where = ", ".join(map(str, repeated[key]))
        detail = (
            f"The order begins in each of the lines {where}: it is torn across the file, or told differently there. "
            "None of it is taken. Put its rows together, or leave one of them."
        )
        yield replace(entry, content=InvalidRequest.at("", "repeated_in_file", detail))


def _digest_of(entry: Entry) -> bytes | None:
    """None for a line of NDJSON that is refused: it is a whole order, so nothing of another one is lost with it."""
    key = entry.run
    if key is None and isinstance(entry.content, ImportedOrder):
        key = entry.content.storefront, entry.content.external_reference
    return key and blake2b("\0".join(key).encode(), digest_size=_DIGEST_BYTES).digest()


def _content_of(entry: Entry) -> bytes:
    if entry.run is not None:  # every other run of it is refused, whatever it holds
        return b""
    return blake2b(msgspec.json.encode(entry.content), digest_size=_CONTENT_BYTES).digest()
