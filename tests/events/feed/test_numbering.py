"""Every event gets a position of its own that it keeps, and whatever commits late comes behind."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from uuid_utils.compat import uuid7

from events.feed.numbering import number_arrivals, number_what_waits
from events.feed.pages import read_page
from events.models import Event, FeedArrival, FeedEntry, FeedHead, FeedHistory
from events.outbox import append, as_rows

pytestmark = pytest.mark.usefixtures("database")

A, B = (UUID(f"01920000-0000-7000-8000-00000000000{digit}") for digit in "ab")


@pytest.fixture(autouse=True)
def no_sinks(settings):
    settings.EVENT_SINKS = []


@pytest.fixture
def other_session() -> Iterator[BaseDatabaseWrapper]:
    """A second connection to the same database."""
    other = connection.copy()
    yield other
    other.close()


def fed(storefront_id: int = 1, *, after: int = 0) -> list[tuple[int, str, int]]:
    """Position, the last character of the stream and sequence of what stands in the feed."""
    page = read_page(storefront_id, after=after, limit=100, most_bytes=1_000_000)
    return [(event.position, str(event.stream_id)[-1], event.sequence) for event in page.events]


def test_events_get_positions_without_a_gap_and_in_order_of_their_stream(make_event):
    append([make_event(A, 1)])
    append([make_event(B, 3), make_event(B, 1), make_event(B, 2)])
    append([make_event(A, 2)])

    assert number_arrivals(1) == 5

    assert fed() == [(1, "a", 1), (2, "b", 1), (3, "b", 2), (4, "b", 3), (5, "a", 2)]
    assert not FeedArrival.objects.exists()


def test_each_storefront_has_positions_of_its_own(make_event):
    append([make_event(A, 1, storefront_id=1), make_event(B, 1, storefront_id=2)])

    assert number_what_waits() == 2

    assert fed(1) == [(1, "a", 1)]
    assert fed(2) == [(1, "b", 1)]


def test_an_event_that_commits_late_comes_behind_what_was_read_before_it(make_event, other_session):
    with other_session.cursor() as late:
        late.execute("begin")
        late.execute("select events_append(%s::json, '{}')", [as_rows([make_event(A, 1)]).decode()])
        append([make_event(B, 1)])
        number_arrivals(1)
        assert fed() == [(1, "b", 1)]
        late.execute("commit")

    number_arrivals(1)

    assert fed(after=1) == [(2, "a", 1)]


def test_an_event_that_is_rolled_back_leaves_no_gap(make_event, other_session):
    with other_session.cursor() as undone:
        undone.execute("begin")
        undone.execute("select events_append(%s::json, '{}')", [as_rows([make_event(A, 1)]).decode()])
        undone.execute("rollback")
    append([make_event(B, 1)])

    number_arrivals(1)

    assert fed() == [(1, "b", 1)]


def test_numbering_waits_for_nobody_who_is_numbering(make_event, other_session):
    append([make_event(A, 1)])
    number_arrivals(1)
    append([make_event(A, 2)])
    with other_session.cursor() as busy:
        busy.execute("begin")
        busy.execute("select from events_feed_head for update")

        assert number_arrivals(1) == 0
        assert fed() == [(1, "a", 1)]

        busy.execute("rollback")
    assert number_arrivals(1) == 1


def test_the_first_to_number_need_not_be_alone(make_event):
    """The head's row is made by whoever comes first."""
    append([make_event(uuid7(), 1) for _ in range(50)])
    barrier = threading.Barrier(4)
    numbered: list[int] = []

    def number() -> None:
        barrier.wait()
        numbered.append(number_arrivals(1))
        connection.close()

    threads = [threading.Thread(target=number) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbered) == [0, 0, 0, 50]
    assert FeedHead.objects.get().position == 50


def test_under_many_writers_and_numberers_every_event_is_numbered_once_in_order(make_event):
    streams = [uuid7() for _ in range(4)]
    written = threading.Event()

    def write(stream_id: UUID) -> None:
        for sequence in range(1, 61):
            append([make_event(stream_id, sequence)])
        connection.close()

    def number() -> None:
        while not written.is_set():
            number_arrivals(1)
        connection.close()

    writers = [threading.Thread(target=write, args=[stream_id]) for stream_id in streams]
    numberers = [threading.Thread(target=number) for _ in range(2)]
    for thread in (*writers, *numberers):
        thread.start()
    for thread in writers:
        thread.join()
    written.set()
    for thread in numberers:
        thread.join()
    number_arrivals(1)

    page = read_page(1, after=0, limit=1000, most_bytes=10_000_000)
    assert [event.position for event in page.events] == list(range(1, 241))
    for stream_id in streams:
        assert [event.sequence for event in page.events if event.stream_id == stream_id] == list(range(1, 61))


class TestFromBeforeThereWasAFeed:
    @pytest.fixture(autouse=True)
    def log(self, database, make_event) -> None:
        """Events of three streams from before; the migration; then two of those go on, and one begins."""
        migration = importlib.import_module("events.migrations.0006_feed")
        with connection.cursor() as cursor:
            cursor.execute(migration.END)
            for sequence in (1, 2, 3):
                append([make_event(A, sequence)])
            append([make_event(B, 1), make_event(B, 2), make_event(uuid7(), 1, storefront_id=2)])
            cursor.execute(migration.BEGIN)
        append([make_event(A, 4), make_event(B, 3)])
        append([make_event(UUID(int=B.int + 2), 1)])

    def test_they_come_first(self):
        assert number_what_waits() == 9

        assert fed() == [
            *[(1, "a", 1), (2, "a", 2), (3, "a", 3), (4, "b", 1), (5, "b", 2)],
            *[(6, "b", 3), (7, "a", 4), (8, "d", 1)],
        ]
        assert [position for position, _, _ in fed(2)] == [1]
        assert not FeedHistory.objects.exists()

    def test_they_are_numbered_a_few_at_a_time_and_nothing_else_before_them(self):
        numbered = []
        with connection.cursor() as cursor:
            while FeedHistory.objects.exists():
                assert number_arrivals(1) == 0
                cursor.execute("select events_feed_number_history(2)")
                numbered.append(cursor.fetchone()[0])

        # what has arrived since then is passed over
        assert numbered == [2, 1, 2, 0, 1]
        assert [entry for entry in fed() if entry[1] in "ab"] == [
            *[(1, "a", 1), (2, "a", 2), (3, "a", 3), (4, "b", 1), (5, "b", 2)]
        ]
        assert number_arrivals(1) == 3

    def test_two_may_number_them(self, other_session):
        with other_session.cursor() as busy:
            busy.execute("begin")
            busy.execute("select events_feed_number_history(2)")

            assert number_what_waits() == 0

            busy.execute("commit")
        assert number_what_waits() == 7
        assert FeedEntry.objects.count() == Event.objects.count() == 9


def test_an_empty_log_has_no_history(make_event):
    migration = importlib.import_module("events.migrations.0006_feed")
    with connection.cursor() as cursor:
        cursor.execute(migration.END)
        cursor.execute(migration.BEGIN)

    assert not FeedHistory.objects.exists()
    append([make_event(A, 1)])
    assert number_arrivals(1) == 1
