"""Is the database itself out of order, or is it this statement? The one place that tells, by SQLSTATE.

The codes are those of PostgreSQL's manual, appendix A.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import psycopg
from django.db import InterfaceError, OperationalError


class Outage(Enum):
    """What is wrong with the database; whatever asked it for something may ask again later."""

    UNREACHABLE = "down, starting or stopping, without a free connection, or it ended ours"
    READ_ONLY = "takes no changes: a standby, or somebody has made it read-only"
    FULL = "has no disk space or memory left"


_CLASSES: Final = {
    "08": Outage.UNREACHABLE,  # connection exceptions
    "53": Outage.FULL,  # insufficient resources
    "57P0": Outage.UNREACHABLE,  # operator intervention: shut down, crashed, not up yet, session ended
}
_STATES: Final = {
    "25006": Outage.READ_ONLY,
    "25P03": Outage.UNREACHABLE,  # the server ended a transaction that had idled, and the connection with it
    "53300": Outage.UNREACHABLE,  # too many connections
}
_BUSY: Final = frozenset({"55P03", "57014", "40P01", "40001"})


def outage_of(error: BaseException) -> Outage | None:
    """Which outage an error of Django's or psycopg's stands for; None when the statement itself is to blame."""
    state = sqlstate_of(error)
    if state is None:  # the server said nothing, because there is no connection to it (any more)
        lost = isinstance(error, OperationalError | InterfaceError | psycopg.OperationalError | psycopg.InterfaceError)
        return Outage.UNREACHABLE if lost else None
    known = _STATES.get(state)
    return known or next((outage for start, outage in _CLASSES.items() if state.startswith(start)), None)


def is_busy(error: BaseException) -> bool:
    """Others were in the way (no lock in time, canceled, deadlock, serialization failure): it may do better again."""
    return sqlstate_of(error) in _BUSY


def sqlstate_of(error: BaseException) -> str | None:
    """The server's code for the error; None when it did not come from the server."""
    return getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None)
