"""How much one caller, and all together, may take of a worker at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Places:
    """A measure of something, such as requests or bytes: `most_each` for every caller, `most` for all of them."""

    def __init__(self, *, most_each: int, most: int | None = None) -> None:
        self._most_each = most_each
        self._most = most
        self._taken: Counter[Hashable] = Counter()
        self._taken_in_all = 0

    @contextmanager
    def taken(self, caller: Hashable, measure: int = 1) -> Iterator[bool]:
        """Take so much for as long as the context lasts, and tell whether it was there to be taken."""
        self._taken[caller] += measure
        self._taken_in_all += measure
        try:
            each_has = self._taken[caller] <= self._most_each
            yield each_has and (self._most is None or self._taken_in_all <= self._most)
        finally:
            self._taken[caller] -= measure
            self._taken_in_all -= measure
            if self._taken[caller] <= 0:
                del self._taken[caller]
