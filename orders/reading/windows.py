"""Walking a table of any size by its primary key, a bounded number of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import models, reset_queries

LARGEST_ID: Final = UUID(int=2**128 - 1)


class Window(NamedTuple):
    """The ids above `after` up to and including `last`; to the newest of all when that is None."""

    after: UUID | int
    last: UUID | int | None

    def of(self, field: str) -> dict[str, Any]:
        """As conditions on a field: `.filter(**window.of("pk"))`."""
        above = {f"{field}__gt": self.after}
        return above if self.last is None else {**above, f"{field}__lte": self.last}


def windows(
    model: type[models.Model], *, rows: int, since: UUID | None = None, among: models.Q | None = None
) -> Iterator[Window]:
    """Windows of `rows` rows each, from the oldest row, or the first at or after `since`, to the newest.

    They are cut by the primary key alone, so each costs the same whatever is then looked for in it. `among` counts
    only these rows: those of an index that holds hardly more.
    """
    counted = model._base_manager.all() if among is None else model._base_manager.filter(among)
    after: UUID | int = 0
    if isinstance(model._meta.pk, models.UUIDField):
        after = UUID(int=0 if since is None else max(0, since.int - 1))
    last: UUID | int | None = after
    while last is not None:
        after = last
        ids = counted.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
        last = next(iter(ids[rows - 1 : rows]), None)
        yield Window(after, last)
        reset_queries()  # with DEBUG the connection remembers every statement
