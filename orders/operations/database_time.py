"""Reads the clock of the database when a connection to it is opened, at most once a minute in each process."""

from __future__ import annotations

from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from orders.rules import clock

_GOOD_FOR_SECONDS: Final = 60


def connect() -> None:
    connection_created.connect(read_clock, dispatch_uid="orders.read_clock")


def read_clock(sender: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """The answer is taken for the middle of the time it took."""
    if clock.age() < _GOOD_FOR_SECONDS or connection.vendor != "postgresql":
        return
    before = clock.steady()
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        (moment,) = cursor.fetchone()
    after = clock.steady()
    clock.follow(moment, read_at=(before + after) / 2, within=(after - before) / 2)
