"""What each caller has under way in this worker: requests that are read, wait or are answered, and their bodies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable


class UnderWay:
    """At most so many `requests`, and `size` bytes of bodies, of each caller at once."""

    def __init__(self, *, requests: int, size: int) -> None:
        self._most_requests = requests
        self._most_bytes = size
        self._requests: Counter[Hashable] = Counter()
        self._bytes: Counter[Hashable] = Counter()

    def begin(self, caller: Hashable, size: int) -> bool:
        """Count a request with a body of this many bytes until its `end`, and tell whether it is within the bounds."""
        self._requests[caller] += 1
        self._bytes[caller] += size
        return self._requests[caller] <= self._most_requests and self._bytes[caller] <= self._most_bytes

    def end(self, caller: Hashable, size: int) -> None:
        """The request has been answered, or its client has left."""
        self._requests[caller] -= 1
        self._bytes[caller] -= size
        if not self._requests[caller]:
            del self._requests[caller], self._bytes[caller]
