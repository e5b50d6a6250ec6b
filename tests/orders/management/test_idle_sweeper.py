"""A sweeper that has nothing to do looks for bulk runs over one connection."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created

from orders.management.commands import sweep


class StopsAfter:
    """As an event that is set once it was waited for so often; nobody really waits."""

    def __init__(self, looks: int) -> None:
        self.left = looks
        self.waited: list[float] = []

    def is_set(self) -> bool:
        return self.left == 0

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.left -= 1


def test_ten_looks_take_one_connection_and_are_a_second_apart(database: None):
    opened: list[Any] = []

    def note(sender: Any, **told: Any) -> None:
        opened.append(sender)

    connection.close()
    connection_created.connect(note)
    try:
        stop = StopsAfter(20)
        sweep._work_at_runs(stop, 3600)  # type: ignore[arg-type]
    finally:
        connection_created.disconnect(note)

    assert len(opened) == 2
    assert set(stop.waited) == {1.0}
    assert connection.connection is None
