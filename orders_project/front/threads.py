"""The threads that answer requests, and whose request is next."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Final

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Caller:
    """Whose requests wait, and how many are being answered."""

    waiting: deque[Callable[[], None]]
    at_work: int = 0


class FairThreads:
    """Threads shared by callers, such that none of them waits for another's many requests.

    A free thread goes to the caller with the fewest at work; among equals, to the one whose last turn ended first.
    A caller gets one thread less than there are, so there is always one that it cannot keep busy. With a single
    thread they take turns.
    """

    def __init__(self, threads: int, *, name: str) -> None:
        self._most_each: Final = max(1, threads - 1)
        self._callers: dict[Hashable, _Caller] = {}
        self._changed = Condition()
        self._started_at: dict[int, float] = {}
        for number in range(threads):
            Thread(target=self._run, args=(number,), name=f"{name}-{number}", daemon=True).start()

    def submit(self, caller: Hashable, job: Callable[[], None]) -> None:
        """Have the job done by a thread as soon as it is the caller's turn. It must not raise."""
        with self._changed:
            entry = self._callers.get(caller)
            if entry is None:
                entry = self._callers[caller] = _Caller(deque())
            entry.waiting.append(job)
            self._changed.notify()

    def longest_seconds(self) -> float:
        """How long the request that has been worked at longest has taken so far."""
        started = list(self._started_at.values())
        return time.monotonic() - min(started) if started else 0.0

    def _run(self, number: int) -> None:
        done: Hashable = None
        while True:
            done, job = self._next(done)
            self._started_at[number] = time.monotonic()
            try:
                job()
            except BaseException:
                logger.exception("a job of a request thread failed")
            finally:
                del self._started_at[number]

    def _next(self, done: Hashable) -> tuple[Hashable, Callable[[], None]]:
        """Give back the turn of one caller, and wait for somebody's next one."""
        with self._changed:
            if done is not None:
                entry = self._callers.pop(done)
                entry.at_work -= 1
                if entry.at_work or entry.waiting:
                    # To the end, behind all who have as many at work.
                    self._callers[done] = entry
            # Nobody else has to be woken: what this made possible, this thread does.
            while (caller := self._whose_turn()) is None:
                self._changed.wait()
            entry = self._callers[caller]
            entry.at_work += 1
            return caller, entry.waiting.popleft()

    def _whose_turn(self) -> Hashable | None:
        fewest = self._most_each
        chosen: Hashable = None
        for caller, entry in self._callers.items():
            if entry.waiting and entry.at_work < fewest:
                chosen, fewest = caller, entry.at_work
                if not fewest:
                    break
        return chosen
