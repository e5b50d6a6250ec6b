"""Who is next when requests wait for a thread."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Event

from orders_project.front.threads import FairThreads

# Only a test that fails waits as long.
GIVE_UP_SECONDS = 60


class Work:
    """Jobs that begin when a thread takes them, and end when they may."""

    def __init__(self, threads: int) -> None:
        self._threads = FairThreads(threads, name="test")
        self._begun: SimpleQueue[str] = SimpleQueue()

    def ask(self, caller: str, *jobs: str) -> list[Callable[[], None]]:
        """What ends each of the jobs."""
        return [self._submit(caller, job) for job in jobs]

    def _submit(self, caller: str, job: str) -> Callable[[], None]:
        may_end = Event()

        def run() -> None:
            self._begun.put(job)
            assert may_end.wait(GIVE_UP_SECONDS)

        self._threads.submit(caller, run)
        return may_end.set

    def begun(self, jobs: int) -> list[str]:
        return sorted(self._begun.get(timeout=GIVE_UP_SECONDS) for _ in range(jobs))

    def nothing_begins(self) -> bool:
        return self._begun.empty()


def test_one_caller_never_has_all_threads():
    work = Work(threads=3)

    a = work.ask("a", "a1", "a2", "a3", "a4")
    assert work.begun(2) == ["a1", "a2"]
    (end_b,) = work.ask("b", "b1")
    assert work.begun(1) == ["b1"]
    end_b()
    work.ask("c", "c1")[0]()
    assert work.begun(1) == ["c1"]

    assert work.nothing_begins()
    a[0]()
    assert work.begun(1) == ["a3"]
    for end in a:
        end()


def test_who_has_fewest_at_work_is_next_then_who_waited_longest():
    work = Work(threads=3)
    a = work.ask("a", "a1", "a2", "a3")
    assert work.begun(2) == ["a1", "a2"]
    (end_b1, end_b2) = work.ask("b", "b1", "b2")
    assert work.begun(1) == ["b1"]
    (end_c,) = work.ask("c", "c1")
    (end_d,) = work.ask("d", "d1")

    a[0]()
    assert work.begun(1) == ["c1"]  # nobody works for c or d yet; c was first
    a[1]()
    assert work.begun(1) == ["d1"]
    end_b1()
    assert work.begun(1) == ["a3"]  # a and b have none at work; a has had its last turn longer ago
    end_c()
    assert work.begun(1) == ["b2"]
    for end in (*a, end_b2, end_d):
        end()


def test_with_one_thread_callers_take_turns():
    work = Work(threads=1)

    a = work.ask("a", "a1", "a2", "a3")
    assert work.begun(1) == ["a1"]
    (end_b,) = work.ask("b", "b1")
    a[0]()
    assert work.begun(1) == ["b1"]
    end_b()
    assert work.begun(1) == ["a2"]
    for end in a:
        end()
    assert work.begun(1) == ["a3"]


def test_a_job_that_fails_costs_no_thread():
    threads = FairThreads(1, name="test")
    done = Event()

    threads.submit("a", lambda: 1 / 0)  # type: ignore[arg-type]
    threads.submit("a", done.set)

    assert done.wait(GIVE_UP_SECONDS)


def test_it_tells_how_long_the_longest_request_has_taken():
    threads = FairThreads(2, name="test")
    begun, may_end, ended = Event(), Event(), Event()
    assert threads.longest_seconds() == 0.0

    def job() -> None:
        begun.set()
        may_end.wait(GIVE_UP_SECONDS)

    threads.submit("a", job)
    assert begun.wait(GIVE_UP_SECONDS)
    first = threads.longest_seconds()
    assert threads.longest_seconds() > first > 0
    threads.submit("a", ended.set)
    may_end.set()
    assert ended.wait(GIVE_UP_SECONDS)
