"""The threads that answer requests, and whose request is next."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Final, NamedTuple

logger = logging.getLogger(__name__)


class _Job(NamedTuple):
    """What a request is answered by; `number` says which came first."""

    number: int
    do: Callable[[], None]
    writes: bool


@dataclass(slots=True)
class _Caller:
    """Whose requests wait, and how many are being answered."""

    reads: deque[_Job] = field(default_factory=deque)
    writes: deque[_Job] = field(default_factory=deque)
    at_work: int = 0

    def waiting(self, *, may_write: bool) -> deque[_Job]:
        """The queue whose turn it is, empty when nothing of the caller may begin."""
        if not (may_write and self.writes):
            return self.reads
        return self.reads if self.reads and self.reads[0].number < self.writes[0].number else self.writes


class FairThreads:
    """Threads shared by callers, such that none of them waits for another's many requests.

    A free thread goes to the caller with the fewest at work; among equals, to the one whose last turn ended first.
    A caller gets one thread less than there are, so there is always one that it cannot keep busy; and so do all
    writes together, whose commits may wait for as long as a synchronous standby is away, while reads need none.
    With a single thread they take turns.
    """

    def __init__(self, threads: int, *, name: str) -> None:
        self._most_each: Final = max(1, threads - 1)
        self._most_writes: Final = max(1, threads - 1)
        self._writing = 0
        self._submitted = 0
        self._callers: dict[Hashable, _Caller] = {}
        self._changed = Condition()
        self._started_at: dict[int, float] = {}
        for number in range(threads):
            Thread(target=self._run, args=(number,), name=f"{name}-{number}", daemon=True).start()

    def submit(self, caller: Hashable, do: Callable[[], None], *, writes: bool) -> None:
        """Have it done by a thread as soon as it is the caller's turn. It must not raise."""
        with self._changed:
            entry = self._callers.get(caller)
            if entry is None:
                entry = self._callers[caller] = _Caller()
            self._submitted += 1
            (entry.writes if writes else entry.reads).append(_Job(self._submitted, do, writes))
            self._changed.notify()

    def withdraw(self, caller: Hashable, do: Callable[[], None]) -> bool:
        """Forget what was submitted, and tell whether that was in time: no thread has begun it, and none will."""
        with self._changed:
            entry = self._callers.get(caller)
            for queue in (entry.reads, entry.writes) if entry else ():
                for job in queue:
                    if job.do is do:
                        queue.remove(job)
                        self._drop_if_idle(caller)
                        return True
        return False

    def longest_seconds(self) -> float:
        """How long the request that has been worked at longest has taken so far."""
        started = list(self._started_at.values())
        return time.monotonic() - min(started) if started else 0.0

    def _run(self, number: int) -> None:
        done: tuple[Hashable, _Job] | None = None
        while True:
            done = _, job = self._next(done)
            self._started_at[number] = time.monotonic()
            try:
                job.do()
            except BaseException:
                logger.exception("a job of a request thread failed")
            finally:
                del self._started_at[number]

    def _next(self, done: tuple[Hashable, _Job] | None) -> tuple[Hashable, _Job]:
        """Give back the turn of one caller, and wait for somebody's next one."""
        with self._changed:
            if done is not None:
                caller, job = done
                entry = self._callers.pop(caller)
                # To the end, behind all who have as many at work.
                self._callers[caller] = entry
                entry.at_work -= 1
                self._writing -= job.writes
                self._drop_if_idle(caller)
            # Nobody else has to be woken: what this made possible, this thread does.
            while (caller := self._whose_turn()) is None:
                self._changed.wait()
            entry = self._callers[caller]
            entry.at_work += 1
            job = entry.waiting(may_write=self._may_write()).popleft()
            self._writing += job.writes
            return caller, job

    def _whose_turn(self) -> Hashable | None:
        fewest = self._most_each
        chosen: Hashable = None
        may_write = self._may_write()
        for caller, entry in self._callers.items():
            if entry.at_work < fewest and entry.waiting(may_write=may_write):
                chosen, fewest = caller, entry.at_work
                if not fewest:
                    break
        return chosen

    def _may_write(self) -> bool:
        return self._writing < self._most_writes

    def _drop_if_idle(self, caller: Hashable) -> None:
        entry = self._callers[caller]
        if not (entry.at_work or entry.reads or entry.writes):
            del self._callers[caller]
