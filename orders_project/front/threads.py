"""The threads that answer requests, and whose request is next."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Condition, Lock, Thread, get_ident
from typing import Final, NamedTuple

from orders_project.front.lent_connections import LentConnections

logger = logging.getLogger(__name__)


class _Job(NamedTuple):
    """What a request is answered by; `number` says which came first."""

    number: int
    do: Callable[[], None]
    writes: bool


@dataclass(slots=True)
class _Caller:
    """Whose requests wait, how many are being answered, and how many of these wait for others."""

    reads: deque[_Job] = field(default_factory=deque)
    writes: deque[_Job] = field(default_factory=deque)
    at_work: int = 0
    aside: int = 0

    def waiting(self, *, may_write: bool) -> deque[_Job]:
        """The queue whose turn it is, empty when nothing of the caller may begin."""
        if not (may_write and self.writes):
            return self.reads
        return self.reads if self.reads and self.reads[0].number < self.writes[0].number else self.writes


@dataclass(slots=True)
class _Turn:
    """A job of a caller that a thread does; `left` while the thread waits for what another one does."""

    caller: Hashable
    job: _Job
    left: bool = False


class FairThreads:
    """Threads shared by callers, such that none of them waits for another's many requests.

    A free thread goes to the caller with the fewest at work; among equals, to the one whose last turn ended first.
    A caller gets one thread less than there are, so there is always one that it cannot keep busy; and so do all
    writes together, whose commits may wait for as long as a synchronous standby is away, while reads need none.
    With a single thread they take turns.

    A thread that only waits for what another one does may `leave` meanwhile: one of up to `aside` threads more then
    answers somebody else, so that as many are at work as before. They pass database connections on to each other,
    of which there are no more than threads at work.
    """

    def __init__(self, threads: int, *, name: str, aside: int = 0) -> None:
        self._threads: Final = threads
        self._most_each: Final = max(1, threads - 1)
        self._most_writes: Final = max(1, threads - 1)
        self._most_aside: Final = aside
        self._aside = 0
        self._working = 0
        self._writing = 0
        self._submitted = 0
        self._callers: dict[Hashable, _Caller] = {}
        lock = Lock()
        self._changed = Condition(lock)
        self._may_go_on = Condition(lock)
        self._going_on: list[_Turn] = []
        self._turns: dict[int, _Turn] = {}
        self._started_at: dict[int, float] = {}
        self._connections = LentConnections(most_free=threads + 1)
        for number in range(threads + aside):
            Thread(target=self._run, args=(number,), name=f"{name}-{number}", daemon=True).start()

    def submit(self, caller: Hashable, do: Callable[[], None], *, writes: bool) -> None:
        """Have it done by a thread as soon as it is the caller's turn. It must not raise."""
        with self._changed:
            entry = self._callers.get(caller)
            if entry is None:
                entry = self._callers[caller] = _Caller()
            self._submitted += 1
            (entry.writes if writes else entry.reads).append(_Job(self._submitted, do, writes))
            if self._working < self._threads:
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

    def leave(self) -> None:
        """This thread, which answers a request, waits for what another one does: somebody else may work meanwhile."""
        turn = self._turns.get(get_ident())
        if turn is None:
            return
        self._connections.give_back()
        with self._changed:
            turn.left = self._aside < self._most_aside
            if turn.left:
                self._set_aside(turn, +1)
                self._let_work()

    def take(self, *, at_once: bool, asks_database: bool = True) -> None:
        """This thread goes on; unless `at_once`, when fewer are at work than there may be.

        Unless it `asks_database` it takes no connection that others may need.
        """
        turn = self._turns.get(get_ident())
        if turn is None:
            return
        with self._changed:
            if turn.left and not at_once:
                self._going_on.append(turn)
                while not self._is_room_for(turn):
                    self._may_go_on.wait()
                self._going_on.remove(turn)
            if turn.left:
                self._set_aside(turn, -1)
                turn.left = False
                self._let_work()
        if asks_database:
            self._connections.borrow()

    def longest_seconds(self) -> float:
        """How long the request that has been worked at longest has taken so far."""
        started = list(self._started_at.values())
        return time.monotonic() - min(started) if started else 0.0

    def _run(self, number: int) -> None:
        ident = get_ident()
        turn: _Turn | None = None
        while True:
            self._turns[ident] = turn = self._next(turn)
            self._started_at[number] = time.monotonic()
            self._connections.borrow()
            try:
                turn.job.do()
            except BaseException:
                logger.exception("a job of a request thread failed")
            finally:
                self._connections.give_back()
                del self._started_at[number]

    def _next(self, done: _Turn | None) -> _Turn:
        """Give back the turn of one caller, and wait for somebody's next one."""
        with self._changed:
            if done is not None:
                # To the end, behind all who have as many at work.
                self._callers[done.caller] = self._callers.pop(done.caller)
                self._count(done, -1)
                self._drop_if_idle(done.caller)
                if self._has_room_for_them():
                    self._may_go_on.notify_all()
            # Nobody else has to be woken: what this made possible, this thread does.
            while (caller := self._whose_turn()) is None:
                self._changed.wait()
            turn = _Turn(caller, self._callers[caller].waiting(may_write=self._may_write()).popleft())
            self._count(turn, +1)
            return turn

    def _count(self, turn: _Turn, change: int) -> None:
        self._working += change
        self._callers[turn.caller].at_work += change
        self._writing += change if turn.job.writes else 0

    def _set_aside(self, turn: _Turn, change: int) -> None:
        self._aside += change
        self._callers[turn.caller].aside += change
        self._count(turn, -change)

    def _let_work(self) -> None:
        """Wake whoever may use the room there is."""
        if self._has_room_for_them():
            self._may_go_on.notify_all()
        elif self._working < self._threads:
            self._changed.notify(self._threads - self._working)

    def _has_room_for_them(self) -> bool:
        """Whether one of those who go on may do so."""
        return any(self._is_room_for(turn) for turn in self._going_on)

    def _is_room_for(self, turn: _Turn) -> bool:
        return (
            self._working < self._threads
            and self._callers[turn.caller].at_work < self._most_each
            and (self._may_write() or not turn.job.writes)
        )

    def _whose_turn(self) -> Hashable | None:
        # Those who go on have waited longer.
        if self._working >= self._threads or self._has_room_for_them():
            return None
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
        if not (entry.at_work or entry.aside or entry.reads or entry.writes):
            del self._callers[caller]
