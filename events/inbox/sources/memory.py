"""Brings what is put into a list; the twin of the real sources for tests."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from events.inbox.sources.protocol import Message, SourceDown


class MemorySource:
    """`waiting` is brought in its order; `down` has it bring nothing; what is not acknowledged comes again."""

    def __init__(self, address: str = "") -> None:
        """Takes no address."""
        self.down = False
        self.waiting: deque[bytes] = deque()
        self.acknowledged: list[bytes] = []
        self._brought: list[bytes] = []

    def open(self) -> None:
        if self.down:
            raise SourceDown("The memory source is switched off.")

    def receive(self, *, limit: int, seconds: float) -> Sequence[Message]:
        self.open()
        if not self.waiting:
            time.sleep(min(seconds, 0.01))
        while self.waiting and len(self._brought) < limit:
            self._brought.append(self.waiting.popleft())
        return [Message(body) for body in self._brought]

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.open()
        self.acknowledged += [message.body for message in messages]
        self._brought.clear()

    def close(self) -> None:
        self.waiting.extendleft(reversed(self._brought))
        self._brought.clear()
