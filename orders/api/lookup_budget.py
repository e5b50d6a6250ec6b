"""How many keys nobody has used yet may be looked up: guessing keys has to cost the database next to nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

from django.conf import settings

# After a start, or when many shops begin at once, this much of the budget may be spent in a moment.
_SECONDS_SAVED_UP: Final = 4


class LookupBudget:
    """API_KEY_LOOKUPS_PER_SECOND of this process; what is not spent is saved for some seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        self._left, self._counted_at = float("inf"), self._clock()

    def take(self) -> bool:
        """Whether one more may be looked up now."""
        rate = settings.API_KEY_LOOKUPS_PER_SECOND
        with self._lock:
            now = self._clock()
            saved = self._left + (now - self._counted_at) * rate
            self._left, self._counted_at = min(saved, rate * _SECONDS_SAVED_UP), now
            if self._left < 1:
                return False
            self._left -= 1
            return True
