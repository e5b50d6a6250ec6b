"""A request that waits for another one's work gives its place to others meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Event, get_ident

import pytest
from django.db import connection

from orders_project.front.threads import FairThreads

GIVE_UP_SECONDS = 60


class Waiter:
    """A job that waits for another's work, is told of its end, and ends when it may."""

    def __init__(self, threads: FairThreads, *, at_once: bool = False) -> None:
        self.waits, self.woken, self.went_on, self.may_end = Event(), Event(), Event(), Event()
        self._threads = threads
        self._at_once = at_once

    def __call__(self) -> None:
        self._threads.leave()
        self.waits.set()
        assert self.woken.wait(GIVE_UP_SECONDS)
        self._threads.take(at_once=self._at_once)
        self.went_on.set()
        assert self.may_end.wait(GIVE_UP_SECONDS)


def submitted(threads: FairThreads, caller: str, *, writes: bool = False) -> tuple[Event, Event]:
    """A job that tells that it has begun, and what lets it end."""
    begun, may_end = Event(), Event()

    def job() -> None:
        begun.set()
        assert may_end.wait(GIVE_UP_SECONDS)

    threads.submit(caller, job, writes=writes)
    return begun, may_end


@pytest.fixture
def threads() -> FairThreads:
    return FairThreads(2, name="test", aside=2)


@pytest.fixture
def waiter_of(threads: FairThreads) -> Iterator[Callable[..., Waiter]]:
    made: list[Waiter] = []

    def make(caller: str, *, at_once: bool = False, writes: bool = True) -> Waiter:
        waiter = Waiter(threads, at_once=at_once)
        made.append(waiter)
        threads.submit(caller, waiter, writes=writes)
        assert waiter.waits.wait(GIVE_UP_SECONDS)
        return waiter

    yield make
    for waiter in made:
        waiter.woken.set()
        waiter.may_end.set()


def test_others_work_meanwhile_also_of_the_same_caller(threads: FairThreads, waiter_of: Callable[..., Waiter]):
    waiter_of("a")
    waiter_of("a")  # one caller has one thread of two, and writes have

    begun, may_end = submitted(threads, "a", writes=True)

    assert begun.wait(GIVE_UP_SECONDS)
    may_end.set()


def test_no_more_than_there_is_room_aside(threads: FairThreads, waiter_of: Callable[..., Waiter]):
    waiter_of("a")
    waiter_of("b")
    third = waiter_of("c")  # keeps its place while it waits

    c_begun, c_may_end = submitted(threads, "c")
    d_begun, d_may_end = submitted(threads, "d")
    assert d_begun.wait(GIVE_UP_SECONDS)
    assert not c_begun.is_set()

    third.woken.set()
    third.may_end.set()
    assert c_begun.wait(GIVE_UP_SECONDS)
    c_may_end.set()
    d_may_end.set()


def test_who_goes_on_waits_for_a_place(threads: FairThreads, waiter_of: Callable[..., Waiter]):
    waiter = waiter_of("a", writes=False)
    ends = []
    for caller in ("b", "c"):
        begun, may_end = submitted(threads, caller)
        assert begun.wait(GIVE_UP_SECONDS)
        ends.append(may_end)
    waiter.woken.set()
    assert not waiter.went_on.is_set()

    ends[0].set()

    assert waiter.went_on.wait(GIVE_UP_SECONDS)
    ends[1].set()


def test_who_has_hardly_anything_left_to_do_goes_on_at_once(threads: FairThreads, waiter_of: Callable[..., Waiter]):
    waiter = waiter_of("a", at_once=True)
    ends = [submitted(threads, caller)[1] for caller in ("b", "c")]

    waiter.woken.set()

    assert waiter.went_on.wait(GIVE_UP_SECONDS)
    for end in ends:
        end.set()


def test_who_may_not_go_on_yet_keeps_no_place_from_others(threads: FairThreads, waiter_of: Callable[..., Waiter]):
    write = waiter_of("a")
    begun, may_end = submitted(threads, "b", writes=True)
    assert begun.wait(GIVE_UP_SECONDS)
    write.woken.set()  # all writes together have one thread of two

    read, read_may_end = submitted(threads, "c")

    assert read.wait(GIVE_UP_SECONDS)
    assert not write.went_on.is_set()
    may_end.set()
    assert write.went_on.wait(GIVE_UP_SECONDS)
    read_may_end.set()


def test_as_many_are_at_work_as_before_when_all_have_gone_on(threads: FairThreads, waiter_of: Callable[..., Waiter]):
    for caller in ("a", "b"):
        waiter = waiter_of(caller)
        waiter.woken.set()
        waiter.may_end.set()
        assert waiter.went_on.wait(GIVE_UP_SECONDS)

    first, second, third = (submitted(threads, caller) for caller in ("a", "b", "c"))

    assert first[0].wait(GIVE_UP_SECONDS)
    assert second[0].wait(GIVE_UP_SECONDS)
    assert not third[0].is_set()
    first[1].set()
    assert third[0].wait(GIVE_UP_SECONDS)
    second[1].set()
    third[1].set()


def test_threads_that_nobody_shares_out_may_wait_too(threads: FairThreads):
    threads.leave()
    threads.take(at_once=False)


@pytest.mark.usefixtures("database")
def test_database_connections_are_passed_on(threads: FairThreads):
    told: SimpleQueue[tuple[int, int]] = SimpleQueue()

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            told.put((get_ident(), cursor.fetchone()[0]))

    for _ in range(8):
        done = Event()
        threads.submit("a", ask, writes=False)
        threads.submit("a", done.set, writes=False)
        assert done.wait(GIVE_UP_SECONDS)
    asked = [told.get(timeout=GIVE_UP_SECONDS) for _ in range(8)]

    closed = Event()
    # Said in that thread: here it would be this one's connection.
    threads.submit("a", lambda: connection.close(), writes=False)
    threads.submit("a", closed.set, writes=False)
    assert closed.wait(GIVE_UP_SECONDS)
    assert len({thread for thread, _ in asked}) > 1
    assert len({backend for _, backend in asked}) == 1


@pytest.mark.usefixtures("database")
def test_nobody_finds_somebody_elses_open_transaction():
    threads = FairThreads(1, name="test")
    told: SimpleQueue[bool] = SimpleQueue()

    def forget_the_end() -> None:
        connection.set_autocommit(False)
        connection.in_atomic_block = True

    threads.submit("a", forget_the_end, writes=False)
    threads.submit("a", lambda: told.put(connection.in_atomic_block), writes=False)

    assert told.get(timeout=GIVE_UP_SECONDS) is False


@pytest.mark.usefixtures("database")
def test_a_connection_that_has_ended_meanwhile_is_not_used(threads: FairThreads):
    told: SimpleQueue[int] = SimpleQueue()
    waits, woken = Event(), Event()

    def backend() -> int:
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            return int(cursor.fetchone()[0])

    def wait_for_others() -> None:
        told.put(backend())
        threads.leave()
        waits.set()
        assert woken.wait(GIVE_UP_SECONDS)
        threads.take(at_once=True)
        told.put(backend())
        connection.close()

    threads.submit("a", wait_for_others, writes=True)
    assert waits.wait(GIVE_UP_SECONDS)
    first = told.get(timeout=GIVE_UP_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(%s, 60000)", [first])
    woken.set()

    assert told.get(timeout=GIVE_UP_SECONDS) != first
