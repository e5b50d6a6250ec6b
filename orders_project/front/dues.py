"""What each caller may ask in a time: counted in memory that all worker processes of a host share."""

from __future__ import annotations

import logging
import mmap
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

WINDOW_SECONDS: Final = 10

_SLOTS: Final = 1 << 16
_SLOT: Final = struct.Struct("=Qd")  # whose, and the time until which what was asked is due


@dataclass(frozen=True, slots=True)
class Due:
    """One caller's limit: `name` tells of what, `per_second` may be asked in the long run."""

    name: str
    per_second: float

    @property
    def quota(self) -> int:
        """How many may come at once after a pause of WINDOW_SECONDS."""
        return max(1, int(self.per_second * WINDOW_SECONDS))


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a due once a request has been counted; `wait_seconds` is 0 when that may be answered."""

    due: Due
    remaining: int
    reset_seconds: float
    wait_seconds: float = 0.0

    def headers(self) -> list[tuple[bytes, bytes]]:
        """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10)."""
        due = self.due
        return [
            (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (due.name.encode(), due.quota, WINDOW_SECONDS)),
            (b"ratelimit", b'"%b";r=%d;t=%d' % (due.name.encode(), self.remaining, -int(-self.reset_seconds // 1))),
        ]


class Dues:
    """Counts by the generic cell rate algorithm (ITU-T I.371): eight bytes a caller, no list of past requests.

    The table lies in the directory given, which all workers of a host share; without one each counts for itself.
    No lock guards it. Two workers that count for the same caller at the same instant may count one request
    instead of two, and two callers of the same slot forget each other's: both let somebody have a little more.
    """

    def __init__(self, directory: str | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._table = _shared_table(Path(directory)) if directory else _own_table()

    def count(self, caller: str, due: Due) -> Standing:
        """Count one request of the caller against the due, unless it has to wait."""
        now = self._clock()
        each = 1 / due.per_second
        tag = int.from_bytes(blake2b(f"{due.name} {caller}".encode(), digest_size=8).digest(), "little")
        offset = tag % _SLOTS * _SLOT.size
        whose, until = _SLOT.unpack_from(self._table, offset)
        window = due.quota * each
        # The second guards against a time of before the host was started anew.
        until = max(until, now) if whose == tag and until <= now + window else now
        wait = until + each - now - window
        if wait > 1e-9:
            return Standing(due, 0, until - now, wait)
        _SLOT.pack_into(self._table, offset, tag, until + each)
        return Standing(due, int((window - (until + each - now)) / each + 1e-9), until + each - now)


def _own_table() -> mmap.mmap:
    return mmap.mmap(-1, _SLOTS * _SLOT.size)


def _shared_table(directory: Path) -> mmap.mmap:
    try:
        file = os.open(directory / "dues", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # All of it at once: where a disk is full, writing to a page it has no room for would end the process.
            os.posix_fallocate(file, 0, _SLOTS * _SLOT.size)
            return mmap.mmap(file, _SLOTS * _SLOT.size)
        finally:
            os.close(file)
    except OSError as error:
        logger.warning("limits are counted by this worker alone", extra={"error": str(error)})
        return _own_table()
