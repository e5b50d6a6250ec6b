"""How long something that runs for ever waits before it tries again."""

from __future__ import annotations

import random


class Pauses:
    """Pauses that double from the shortest to the longest until `end`."""

    def __init__(self, shortest: float, longest: float, *, jitter: bool = False) -> None:
        self._shortest = shortest
        self._longest = longest
        self._jitter = jitter
        self._next = shortest
        self.under_way = False

    def longer(self) -> float:
        pause = self._next
        self._next = min(self._longest, pause * 2)
        self.under_way = True
        return pause * random.uniform(0.5, 1.0) if self._jitter else pause  # noqa: S311

    def end(self) -> bool:
        """Start over with the shortest pause. True if there was any pause."""
        ended, self.under_way, self._next = self.under_way, False, self._shortest
        return ended
