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

    def ask(self, caller: str, *jobs: str, writes: bool = False) -> list[Callable[[], None]]:
        """What ends each of the jobs."""
        return [self._submit(caller, job, writes=writes) for job in jobs]

    def _submit(self, caller: str, job: str, *, writes: bool) -> Callable[[], None]:
        may_end = Event()

        def run() -> None:
            self._begun.put(job)
            assert may_end.wait(GIVE_UP_SECONDS)

        self._threads.submit(caller, run, writes=writes)
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


def test_writes_never_have_all_threads():
    work = Work(threads=3)

    (end_a,) = work.ask("a", "a1", writes=True)
    (end_b,) = work.ask("b", "b1", writes=True)
    assert work.begun(2) == ["a1", "b1"]
    (end_c1,) = work.ask("c", "c1", writes=True)
    (end_c2, end_c3) = work.ask("c", "c2", "c3")
    assert work.begun(1) == ["c2"]  # it came later, but may begin

    assert work.nothing_begins()
    end_a()
    assert work.begun(1) == ["c1"]
    end_c2()
    assert work.begun(1) == ["c3"]
    for end in (end_b, end_c1, end_c3):
        end()


def test_reads_and_writes_of_one_caller_come_in_turn():
    work = Work(threads=1)
    (end,) = work.ask("a", "a1")
    assert work.begun(1) == ["a1"]

    ends = [work.ask("a", f"a{number}", writes=number % 2 == 0)[0] for number in (2, 3, 4, 5)]

    for number in (2, 3, 4, 5):
        end()
        assert work.begun(1) == [f"a{number}"]
        end = ends.pop(0)
    end()


def test_what_is_withdrawn_in_time_never_begins():
    threads = FairThreads(1, name="test")
    may_end, begun, done = Event(), SimpleQueue[str](), Event()

    def first() -> None:
        begun.put("first")
        may_end.wait(GIVE_UP_SECONDS)

    def second() -> None:
        begun.put("second")

    threads.submit("a", first, writes=True)
    assert begun.get(timeout=GIVE_UP_SECONDS) == "first"
    threads.submit("b", second, writes=False)

    assert threads.withdraw("b", second)
    assert not threads.withdraw("b", second)
    assert not threads.withdraw("a", first)  # it has begun
    threads.submit("b", done.set, writes=False)
    may_end.set()
    assert done.wait(GIVE_UP_SECONDS)
    assert begun.empty()


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

    threads.submit("a", lambda: 1 / 0, writes=False)  # type: ignore[arg-type]
    threads.submit("a", done.set, writes=False)

    assert done.wait(GIVE_UP_SECONDS)


def test_it_tells_how_long_the_longest_request_has_taken():
    threads = FairThreads(2, name="test")
    begun, may_end, ended = Event(), Event(), Event()
    assert threads.longest_seconds() == 0.0

    def job() -> None:
        begun.set()
        may_end.wait(GIVE_UP_SECONDS)

    threads.submit("a", job, writes=False)
    assert begun.wait(GIVE_UP_SECONDS)
    first = threads.longest_seconds()
    assert threads.longest_seconds() > first > 0
    threads.submit("a", ended.set, writes=False)
    may_end.set()
    assert ended.wait(GIVE_UP_SECONDS)
