"""How the relay treats order and the three ways to fail."""

import logging
import threading
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from prometheus_client import REGISTRY
from uuid_utils.compat import uuid7

from events.erasing import erase
from events.models import Event, OutboxEntry
from events.outbox import append
from events.queue import QueueMismatch
from events.relay import Relay, retry_delay
from events.sinks.memory import MemorySink
from events.sinks.protocol import Ack, Reject, RetryEvent, SinkDown
from tests.outages import read_only_database

pytestmark = pytest.mark.usefixtures("database")


def sequences(sink, stream_id):
    return [event.sequence for event in sink.received if event.stream_id == stream_id]


def make_due():
    """As if the time of every next attempt had come."""
    past = timezone.now() - timedelta(seconds=1)
    OutboxEntry.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=past)


def test_every_event_arrives_in_order_and_leaves_the_queue(relay, memory_sink, append_stream):
    streams = [append_stream(5) for _ in range(10)]

    published = relay.drain()

    assert published == 50
    assert [sequences(memory_sink, stream) for stream in streams] == [[1, 2, 3, 4, 5]] * 10
    assert not OutboxEntry.objects.exists()
    assert Event.objects.count() == 50


def test_a_second_pass_publishes_nothing_again(relay, memory_sink, append_stream):
    append_stream(3)
    relay.drain()

    assert relay.drain() == 0
    assert len(memory_sink.received) == 3


def test_what_each_sink_has_taken_is_counted(relay, append_stream):
    def sent() -> float:
        return REGISTRY.get_sample_value("events_sent_total", {"sink": "memory"}) or 0.0

    before = sent()
    append_stream(3)

    relay.drain()

    assert sent() - before == 3


def test_order_holds_across_small_batches(memory_sink, database, append_stream):
    streams = [append_stream(7) for _ in range(3)]

    Relay("memory", memory_sink, batch=2).drain()

    assert [sequences(memory_sink, stream) for stream in streams] == [[1, 2, 3, 4, 5, 6, 7]] * 3


def test_one_call_of_the_sink_holds_at_most_one_event_of_a_stream(relay, memory_sink, append_stream):
    append_stream(3)

    relay.drain()

    assert memory_sink.batches == [1, 1, 1]


def test_a_sink_that_keeps_order_gets_a_whole_stream_in_one_call(relay, memory_sink, append_stream):
    memory_sink.ordered_pipeline = True
    stream = append_stream(3)

    relay.drain()

    assert memory_sink.batches == [3]
    assert sequences(memory_sink, stream) == [1, 2, 3]


def test_calls_are_no_larger_than_the_sink_takes(relay, memory_sink, append_stream):
    memory_sink.ordered_pipeline = True
    memory_sink.max_batch = 2
    append_stream(5)

    relay.drain()

    assert memory_sink.batches == [2, 2, 1]


def test_another_sinks_events_are_left_alone(settings, relay, memory_sink, append_stream):
    settings.EVENT_SINKS = ["console", "memory"]
    append_stream(2)

    relay.drain()

    assert len(memory_sink.received) == 2
    assert list(OutboxEntry.objects.values_list("sink", flat=True)) == ["console", "console"]


def test_a_sink_that_is_down_costs_no_event_an_attempt(relay, memory_sink, append_stream):
    stream = append_stream(2)
    memory_sink.down = True

    for _ in range(20):
        with pytest.raises(SinkDown):
            relay.drain()

    assert list(OutboxEntry.objects.values_list("attempts", "next_attempt_at")) == [(0, None), (0, None)]
    memory_sink.down = False
    assert relay.drain() == 2
    assert sequences(memory_sink, stream) == [1, 2]


def test_what_was_acknowledged_before_the_sink_went_down_is_not_sent_again(relay, memory_sink, append_stream):
    stream = append_stream(3)

    def fail_at_the_third(event):
        if event.sequence == 3 and not memory_sink.down:
            memory_sink.down = True
            raise SinkDown("full")
        return Ack()

    memory_sink.answer = fail_at_the_third
    with pytest.raises(SinkDown, match="full"):
        relay.drain()
    memory_sink.down, memory_sink.answer = False, lambda event: Ack()

    relay.drain()

    assert sequences(memory_sink, stream) == [1, 2, 3]


def test_an_error_the_sink_did_not_foresee_counts_as_an_outage(relay, memory_sink, append_stream, caplog):
    append_stream(1)

    def crash(event):
        raise ZeroDivisionError

    memory_sink.answer = crash
    with pytest.raises(SinkDown, match="ZeroDivisionError"):
        relay.drain()

    assert list(OutboxEntry.objects.values_list("attempts", flat=True)) == [0]
    assert "should have turned into SinkDown" in caplog.text


def test_an_event_that_no_sink_code_foresaw_parks_its_own_stream_alone(relay, memory_sink, append_stream, monkeypatch):
    monkeypatch.setattr("events.relay.MAX_ATTEMPTS", 2)
    healthy, poisoned = append_stream(2), append_stream(2)

    def crash(event):
        if event.stream_id == poisoned and event.sequence == 1:
            raise UnicodeEncodeError("latin-1", "🎁", 0, 1, "ordinal not in range")
        return Ack()

    memory_sink.answer = crash
    relay.drain()
    first = OutboxEntry.objects.get(stream_id=poisoned, sequence=1)
    OutboxEntry.objects.filter(pk=first.pk).update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    later = append_stream(1)
    relay.drain()

    assert (first.attempts, first.parked) == (1, False)
    assert "UnicodeEncodeError" in first.last_error
    assert sequences(memory_sink, healthy) == [1, 2]
    assert sequences(memory_sink, later) == [1]
    assert sequences(memory_sink, poisoned) == []
    first.refresh_from_db()
    assert (first.attempts, first.parked) == (2, True)


def test_an_event_that_fails_alone_is_parked_where_the_sink_took_something_before(
    relay, memory_sink, append_stream, monkeypatch
):
    monkeypatch.setattr("events.relay.MAX_ATTEMPTS", 2)
    append_stream(1)
    relay.drain()
    poisoned = append_stream(2)
    memory_sink.answer = _crash
    relay.drain()
    make_due()
    relay.drain()

    first, second = OutboxEntry.objects.filter(stream_id=poisoned).order_by("sequence")
    assert (first.attempts, first.parked) == (2, True)
    assert second.attempts == 0


def test_a_second_event_that_fails_with_nothing_taken_in_between_tells_of_an_outage(relay, memory_sink, append_stream):
    append_stream(1)
    relay.drain()
    memory_sink.answer = _crash
    append_stream(1)
    relay.drain()
    append_stream(1)
    with pytest.raises(SinkDown):
        relay.drain()
    make_due()
    with pytest.raises(SinkDown):
        relay.drain()

    assert list(OutboxEntry.objects.order_by("id").values_list("attempts", flat=True)) == [1, 0]


def test_after_an_outage_an_event_that_fails_alone_does_not_count(relay, memory_sink, append_stream):
    append_stream(1)
    relay.drain()
    append_stream(1)
    memory_sink.down = True
    with pytest.raises(SinkDown):
        relay.drain()
    memory_sink.down, memory_sink.answer = False, _crash
    with pytest.raises(SinkDown):
        relay.drain()

    assert OutboxEntry.objects.get().attempts == 0


def _crash(event):
    raise ZeroDivisionError


def test_a_sink_that_forgets_an_outcome_has_acknowledged_nothing(relay, memory_sink, append_stream):
    class Forgetful(MemorySink):
        def publish(self, events):
            return list(super().publish(events))[1:]

    append_stream(1)

    with pytest.raises(SinkDown, match="shorter"):
        Relay("memory", Forgetful()).drain()

    assert OutboxEntry.objects.count() == 1


def test_a_running_relay_waits_out_an_outage_and_says_so_once(relay, memory_sink, append_stream, caplog):
    caplog.set_level(logging.INFO, logger="events.relay")
    stream = append_stream(2)
    memory_sink.down = True
    recover = threading.Timer(0.5, setattr, [memory_sink, "down", False])
    stop = threading.Event()
    finished = threading.Thread(target=relay.run, args=[stop])

    recover.start()
    finished.start()
    _wait_until(lambda: len(memory_sink.received) == 2)
    stop.set()
    finished.join(10)

    assert not finished.is_alive()
    assert sequences(memory_sink, stream) == [1, 2]
    assert [record.message for record in caplog.records] == [
        "Sink is down, its events wait",
        "Sink is up again",
    ]


def test_a_failed_event_holds_its_own_stream_until_its_next_attempt(relay, memory_sink, append_stream):
    failing, other = append_stream(3), append_stream(3)
    memory_sink.answer = lambda event: (
        RetryEvent("busy") if (event.stream_id, event.sequence) == (failing, 2) else Ack()
    )

    relay.drain()

    assert sequences(memory_sink, failing) == [1]
    assert sequences(memory_sink, other) == [1, 2, 3]
    held = OutboxEntry.objects.order_by("id").values_list("sequence", "attempts", "last_error")
    assert list(held) == [(2, 1, "busy"), (3, 0, "")]

    memory_sink.answer = lambda event: Ack()
    assert relay.drain() == 0, "its time has not come"
    make_due()
    relay.drain()
    assert sequences(memory_sink, failing) == [1, 2, 3]


def test_in_a_pipeline_too_nothing_overtakes_a_failed_event(relay, memory_sink, append_stream):
    memory_sink.ordered_pipeline = True
    memory_sink.max_batch = 1
    failing, other = append_stream(3), append_stream(3)
    memory_sink.answer = lambda event: RetryEvent("busy") if event.stream_id == failing else Ack()

    relay.drain()

    assert sequences(memory_sink, failing) == []
    assert sequences(memory_sink, other) == [1, 2, 3]


def test_an_event_is_parked_after_twelve_attempts(relay, memory_sink, append_stream):
    append_stream(1)
    memory_sink.answer = lambda event: RetryEvent("busy")

    for _ in range(11):
        relay.drain()
        make_due()
    assert not OutboxEntry.objects.get().parked
    relay.drain()

    entry = OutboxEntry.objects.get()
    assert (entry.parked, entry.attempts) == (True, 12)


def test_a_rejected_event_is_parked_at_once_and_holds_only_its_stream(relay, memory_sink, append_stream, caplog):
    poisoned, *others = [append_stream(3) for _ in range(5)]
    memory_sink.answer = lambda event: Reject("too large") if event.stream_id == poisoned else Ack()

    relay.drain()
    relay.drain()

    assert sequences(memory_sink, poisoned) == []
    assert [sequences(memory_sink, stream) for stream in others] == [[1, 2, 3]] * 4
    parked = OutboxEntry.objects.parked().get()
    assert (parked.stream_id, parked.sequence, parked.attempts) == (poisoned, 1, 1)
    assert parked.last_error == "too large"
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_an_error_that_quotes_bytes_postgresql_cannot_store_is_kept_without_them(relay, memory_sink, append_stream):
    append_stream(1)
    memory_sink.answer = lambda event: RetryEvent("bad \x00 byte " + "x" * 5000)

    relay.drain()

    assert OutboxEntry.objects.get().last_error.startswith("bad  byte xxx")
    assert len(OutboxEntry.objects.get().last_error) == 2000


def test_pauses_between_attempts_grow_from_a_second_to_a_quarter_of_an_hour():
    for attempt, longest in [(1, 1), (2, 2), (5, 16), (11, 900), (12, 900)]:
        assert all(longest / 2 <= retry_delay(attempt) <= longest for _ in range(100))


def test_a_late_commit_with_a_lower_queue_id_is_not_lost(relay, memory_sink, make_event, append_stream):
    late = uuid7()
    appended, may_commit = threading.Event(), threading.Event()

    def write_slowly():
        with transaction.atomic():
            append([make_event(late, 1)])
            appended.set()
            may_commit.wait(10)
        connection.close()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    appended.wait(10)
    append_stream(1)
    relay.drain()
    assert len(memory_sink.received) == 1

    may_commit.set()
    writer.join(10)
    relay.drain()

    assert sequences(memory_sink, late) == [1]


def test_streams_another_relay_has_claimed_are_left_to_it(relay, memory_sink, append_stream):
    append_stream(2)
    other_sink = MemorySink()
    other_relay = Relay("memory", other_sink)
    found_by_other = []

    def let_the_other_try(event):
        if event.sequence == 1:
            found_by_other.append(other_relay.drain())
        return Ack()

    memory_sink.answer = let_the_other_try
    relay.drain()

    assert found_by_other == [0]
    assert (len(memory_sink.received), len(other_sink.received)) == (2, 0)


def test_a_relay_survives_the_loss_of_its_connection(relay, memory_sink, append_stream, make_event, caplog):
    caplog.set_level(logging.INFO, logger="events.relay")
    stream = append_stream(1)
    with _running(relay):
        # Its row is gone: the transaction that delivered it has been committed, too.
        _wait_until(lambda: len(memory_sink.received) == 1 and not OutboxEntry.objects.exists())

        with connection.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = 'relay memory' and datname = current_database()"
            )
        append([make_event(stream, 2)])
        _wait_until(lambda: len(memory_sink.received) == 2)

    assert sequences(memory_sink, stream) == [1, 2]
    assert [record.message for record in caplog.records] == [
        "Relay has no database",
        "Relay has the database again",
    ]


def test_a_relay_waits_while_the_database_takes_no_changes(relay, memory_sink, append_stream, caplog):
    caplog.set_level(logging.INFO, logger="events.relay")
    stream = append_stream(1)
    with ExitStack() as outage:
        outage.enter_context(read_only_database())
        with _running(relay):
            _wait_until(lambda: "Relay has no database" in caplog.messages)
            received_during = len(memory_sink.received)
            outage.close()
            _wait_until(lambda: len(memory_sink.received) == 1)

    assert received_during == 0
    assert sequences(memory_sink, stream) == [1]
    assert "Relay has the database again" in caplog.messages


def test_entries_that_vanish_meanwhile_undo_the_batch(relay, memory_sink, append_stream):
    append_stream(1)

    def delete_behind_the_relays_back(event):
        OutboxEntry.objects.all().delete()
        return Ack()

    memory_sink.answer = delete_behind_the_relays_back

    with pytest.raises(QueueMismatch, match="1 acknowledged entries were to be removed, but 0 were there"):
        relay.drain()


def test_a_stop_lets_the_call_under_way_finish_and_begins_no_other(relay, memory_sink, append_stream):
    stream = append_stream(3)
    stop = threading.Event()

    def ask_to_stop(event):
        stop.set()
        return Ack()

    memory_sink.answer = ask_to_stop
    relay.run(stop)

    assert sequences(memory_sink, stream) == [1]
    assert list(OutboxEntry.objects.order_by("id").values_list("sequence", flat=True)) == [2, 3]


@contextmanager
def _running(relay):
    """The relay runs in a thread of its own, and has ended when the block has: nothing is taken from later tests."""
    stop = threading.Event()
    running = threading.Thread(target=relay.run, args=[stop])
    running.start()
    try:
        yield
    finally:
        stop.set()
        running.join(30)


def _wait_until(condition):
    for _ in range(6000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("It did not happen within a minute.")


def test_what_a_sink_said_of_an_event_that_was_erased_meanwhile_is_not_kept(relay, memory_sink, append_stream, caplog):
    erased, kept = append_stream(1), append_stream(1)

    def quote(event):
        if event.stream_id == erased:
            with transaction.atomic():
                erase(erased, lambda data: {"version": 0})
        return Reject(f"I do not take {event.body!r} of ann@example.com.")

    memory_sink.answer = quote

    relay.drain()

    told = dict(OutboxEntry.objects.values_list("stream_id", "last_error"))
    assert told[erased] == "What the sink said of it is not kept: what it tells of a person was erased meanwhile."
    assert told[kept].endswith("of ann@example.com.")
    assert [record.error for record in caplog.records if record.stream_id == str(erased)] == [told[erased]]
