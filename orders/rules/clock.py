"""What time it is for orders: the database's time, whatever the clock of this host says.

`operations/database_time.py` reads it now and then; in between it is counted on by this host's steady clock, which
nobody sets. So hosts agree whose clocks differ, or are set while the service runs: no order of theirs is placed in
the future, or expires an hour early.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

from django.utils import timezone

# On Linux the one that goes on while the machine sleeps, which elsewhere the usual one does.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_RIGHT_SECONDS: Final = 1.0

# What the database said, in seconds since 1970, and the steady clock at that moment.
_read: tuple[float, float] | None = None
# The steady clock when the database was last asked.
_asked_at = 0.0


def steady() -> float:
    """Seconds of a clock that nobody sets."""
    return time.clock_gettime(_STEADY)


def follow(moment: datetime, *, read_at: float, within: float = 0.0) -> None:
    """The database said `moment` when the steady clock said `read_at`, give or take `within` seconds.

    An answer that may be the time which is counted here changes nothing: it is the less certain one, and time would
    jump back and forth by as long as answers take.
    """
    global _read, _asked_at
    _asked_at = read_at
    said = moment.timestamp()
    if _read is None or abs(said - (_read[0] + read_at - _read[1])) > within:
        _read = (said, read_at)


def age() -> float:
    """Seconds since the database was asked; infinite when it never was."""
    return float("inf") if _read is None else steady() - _asked_at


def now() -> datetime:
    """The database's time; this host's as long as no connection was opened."""
    return timezone.now() if _read is None else datetime.fromtimestamp(_seconds(_read), UTC)


def host_is_right() -> bool:
    """Whether this host's own clock can be taken for the database's."""
    return _read is None or abs(time.time() - _seconds(_read)) < _RIGHT_SECONDS


def _seconds(read: tuple[float, float]) -> float:
    return read[0] + steady() - read[1]
