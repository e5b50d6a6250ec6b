"""Removing any number of rows, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection


def remove_in_slices(
    statement: str, values: Mapping[str, Any], *, after: Any, limit: int, most_slices: int | None = None
) -> int:
    """Repeat a statement that removes the first `limit` rows from `after` on, until none is left; tell how many went.

    It answers how many it removed, and where the last of them stood. Each slice is a transaction of its own: what is
    done stays done. The next begins where the last one ended, so none of them reads the traces of those before: no
    slice takes longer than the first, however many there are. With `most_slices` the rest is for the next time.
    """
    removed = slices = 0
    with connection.cursor() as cursor:
        while most_slices is None or slices < most_slices:
            cursor.execute(statement, {**values, "after": after, "limit": limit})
            count, last = cursor.fetchone()
            removed, slices = removed + int(count), slices + 1
            if count < limit:
                break
            after = last
    return removed
