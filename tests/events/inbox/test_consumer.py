"""Each event has its effect once, in whatever way it comes; what fails holds nobody else up."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection

from events.inbox import dead_letters, handling
from events.inbox.consumer import Consumer
from events.inbox.envelope import Incoming
from events.inbox.handlers import Refused
from events.inbox.handling import handle_due
from events.inbox.models import InboxState, IncomingEvent
from events.inbox.sources.memory import MemorySource
from events.inbox.standing import inbox_standing
from tests.outages import read_only_database

Register = Callable[..., None]


def due_at_once() -> None:
    """The pauses are over."""
    IncomingEvent.objects.due().update(next_attempt_at=datetime(2026, 1, 1, tzinfo=UTC))


def states() -> dict[str, str]:
    return dict(IncomingEvent.objects.values_list("event_id", "state"))


def test_a_handler_gets_what_the_event_says(consumer, source, handled, body):
    source.waiting.append(
        body(
            "1",
            subject="a",
            sequence="0000000007",
            time="2026-11-30T12:00:00Z",
            traceparent="00-1",
            data={"n": [1, None]},
            theirown="left alone",
        )
    )

    consumer.drain()

    assert handled == [
        Incoming(
            id="1",
            source="/things",
            type="thing.changed",
            subject="a",
            sequence=7,
            time=datetime(2026, 11, 30, 12, tzinfo=UTC),
            trace="00-1",
            data={"n": [1, None]},
        )
    ]
    event = IncomingEvent.objects.get()
    assert (event.state, event.came_by, event.body, event.attempts) == ("handled", "memory", None, 0)
    assert (len(source.acknowledged), len(source.waiting)) == (1, 0)


def test_the_same_event_again_has_no_second_effect(consumer, source, handled, body):
    source.waiting.extend([body("1"), body("1")])
    consumer.drain()
    source.waiting.append(body("1", data={"other": "words"}))

    consumer.drain()

    assert len(handled) == 1
    assert len(source.acknowledged) == 3


def test_the_same_id_of_another_source_is_another_event(consumer, source, handled, body):
    source.waiting.extend([body("1"), body("1", source="/others")])

    consumer.drain()

    assert [event.source for event in handled] == ["/things", "/others"]


def test_what_was_not_acknowledged_comes_again_and_is_known(consumer, source, handled, body, monkeypatch):
    def lost(messages: Any) -> None:
        raise ConnectionResetError("the process or its connection ends here")

    source.waiting.append(body("1"))
    with monkeypatch.context() as patched:
        patched.setattr(source, "acknowledge", lost)
        with pytest.raises(ConnectionResetError):
            consumer.drain()
    assert (list(source.waiting), states()) == ([body("1")], {"1": "due"})

    consumer.drain()

    assert len(handled) == 1
    assert (list(source.waiting), states()) == ([], {"1": "handled"})


def test_two_consumers_that_get_the_same_event_at_once_handle_it_once(database, register, body):
    meet, effects = threading.Barrier(2, timeout=60), []

    class Together(MemorySource):
        def receive(self, *, limit: int, seconds: float) -> Any:
            messages = super().receive(limit=limit, seconds=seconds)
            if messages:
                meet.wait()
            return messages

    register("thing.changed", lambda event: effects.append(event.id))
    consumers = []
    for _ in range(2):
        source = Together()
        source.waiting.extend(body(str(number)) for number in range(20))
        consumers.append(Consumer("memory", source))
    threads = [threading.Thread(target=consumer.drain) for consumer in consumers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(effects, key=int) == [str(number) for number in range(20)]
    assert set(states().values()) == {"handled"}
    assert [consumer.stored for consumer in consumers] in ([20, 0], [0, 20])


def test_an_effect_and_that_it_is_done_are_committed_together(consumer, source, register, body):
    def make_user_and_fail(event: Incoming) -> None:
        User.objects.create(username=f"user-{event.id}")
        raise ValueError("no luck")

    register("thing.changed", make_user_and_fail)
    source.waiting.append(body("1"))

    consumer.drain()

    assert not User.objects.exists()
    event = IncomingEvent.objects.get()
    assert (event.state, event.attempts, event.last_error) == ("due", 1, "ValueError: no luck")
    assert event.body is not None


def test_events_nobody_handles_are_left_out(consumer, source, handled, body):
    source.waiting.extend([body("1", type="weather.changed"), body("2")])

    consumer.drain()

    assert states() == {"2": "handled"}
    assert len(source.acknowledged) == 2


# --- order ---------------------------------------------------------------------------------------------


def test_what_is_older_than_the_last_handled_of_its_subject_is_dropped(consumer, source, handled, body):
    for event_id, subject, sequence in [("1", "a", 1), ("3", "a", 3), ("2", "a", 2), ("x", "b", 2), ("3b", "a", "03")]:
        source.waiting.append(body(event_id, subject=subject, sequence=sequence))

    consumer.drain()

    assert [event.id for event in handled] == ["1", "3", "x"]
    assert states() == {"1": "handled", "3": "handled", "2": "stale", "x": "handled", "3b": "stale"}
    assert inbox_standing().stale == 2
    assert not IncomingEvent.objects.exclude(body=None).exists()


def test_what_failed_is_dropped_once_a_later_one_is_handled(consumer, source, register, body):
    got: list[str] = []

    def fail_first(event: Incoming) -> None:
        if event.id == "1":
            raise ValueError("not yet")
        got.append(event.id)

    register("thing.changed", fail_first)
    source.waiting.extend(body(str(number), subject="a", sequence=number) for number in (1, 2))
    consumer.drain()
    due_at_once()

    consumer.drain()

    assert (got, states()) == (["2"], {"1": "stale", "2": "handled"})


def test_without_subject_or_sequence_nothing_is_stale(consumer, source, handled, body):
    source.waiting.extend(
        [body("1", sequence=2), body("2", sequence=1), body("3", subject="a"), body("4", subject="a")]
    )

    consumer.drain()

    assert [event.id for event in handled] == ["1", "2", "3", "4"]


def test_what_happened_is_handled_in_any_order(consumer, source, register, body):
    got: list[str] = []
    register("thing.changed", lambda event: got.append(event.id), in_any_order=True)
    source.waiting.extend(body(str(number), subject="a", sequence=number) for number in (2, 1))

    consumer.drain()

    assert got == ["2", "1"]


def test_several_consumers_never_handle_an_older_event_after_a_newer_one(database, register, body):
    got: list[int] = []
    register("thing.changed", lambda event: got.append(event.sequence))
    consumers = []
    for first in range(3):
        source = MemorySource()
        source.waiting.extend(body(str(number), subject="a", sequence=number) for number in range(first, 60, 3))
        consumers.append(Consumer("memory", source))
    threads = [threading.Thread(target=consumer.drain) for consumer in consumers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert got == sorted(set(got))
    assert got[-1] == 59
    assert IncomingEvent.objects.filter(state=InboxState.HANDLED).count() == len(got)
    assert IncomingEvent.objects.filter(state=InboxState.STALE).count() == 60 - len(got)


# --- failures ------------------------------------------------------------------------------------------


def test_after_eight_tries_an_event_is_a_dead_letter_and_the_others_have_gone_on(consumer, source, register, body):
    tries: list[str] = []

    def fail_one(event: Incoming) -> None:
        tries.append(event.id)
        if event.id == "poison":
            raise ZeroDivisionError("always")

    register("thing.changed", fail_one)
    source.waiting.extend([body("poison"), body("1"), body("2")])
    consumer.drain()
    assert states() == {"poison": "due", "1": "handled", "2": "handled"}
    for _ in range(9):
        due_at_once()
        consumer.drain()

    assert tries.count("poison") == 8
    dead = IncomingEvent.objects.dead().get()
    assert (dead.attempts, dead.last_error) == (8, "ZeroDivisionError: always")


def test_pauses_grow_to_a_quarter_of_an_hour(consumer, source, register, body):
    def fail(event: Incoming) -> None:
        raise ValueError

    register("thing.changed", fail)
    source.waiting.append(body("1"))
    pauses = []
    for _ in range(7):
        due_at_once()
        consumer.drain()
        with connection.cursor() as cursor:
            cursor.execute("select extract(epoch from next_attempt_at - now()) from events_inbox")
            pauses.append(float(cursor.fetchone()[0]))

    assert [pause <= most for pause, most in zip(pauses, [1, 4, 16, 64, 256, 900, 900], strict=True)] == [True] * 7
    assert min(pauses[5:]) > 256


def test_what_is_refused_for_good_is_a_dead_letter_at_once(consumer, source, register, body):
    def refuse(event: Incoming) -> None:
        raise Refused("There is no such thing.")

    register("thing.changed", refuse)
    source.waiting.append(body("1"))

    consumer.drain()

    dead = IncomingEvent.objects.dead().get()
    assert (dead.attempts, dead.last_error) == (1, "There is no such thing.")


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"", "Input data was truncated"),
        (b"\xff\x00", "The message is no event"),
        (b"[1]", "Expected `object`, got `array`"),
        (b'{"id": "1"}', "missing required field"),
        (b'{"specversion": "0.3", "id": "1", "source": "/x", "type": "thing.changed"}', "is of CloudEvents '0.3'"),
        (b'{"specversion": "1.0", "id": "", "source": "/x", "type": "thing.changed"}', "Expected `str` of length >= 1"),
        (b'{"specversion": "1.0", "id": "\\u0000", "source": "/x", "type": "thing.changed"}', "matching regex"),
        (b'{"specversion": "1.0", "id": "1", "source": "/x", "type": "thing.changed", "sequence": "x"}', "'x'"),
        (b'{"specversion": "1.0", "id": "1", "source": "/x", "type": "thing.changed", "sequence": -1}', "'-1'"),
        (b'{"specversion": "1.0", "id": "1", "source": "/x", "type": "thing.changed", "time": "today"}', "datetime"),
        (b"[" * 100_000, "The message is no event"),
        (b"{" + b" " * 1_048_576, "The message has 1,048,577 bytes; 1,048,576 are taken."),
    ],
)
def test_what_is_no_event_is_a_dead_letter_at_once_and_the_same_one_again_is_no_other(
    consumer, source, handled, body, message, why
):
    source.waiting.extend([message, body("1"), message])

    consumer.drain()

    assert [event.id for event in handled] == ["1"]
    dead = IncomingEvent.objects.dead().get()
    assert (dead.source, dead.came_by, why in dead.last_error) == ("", "memory", True), dead.last_error
    assert bytes(dead.body or b"") == message[:1_048_576]


def test_names_that_fit_into_no_index_are_a_dead_letter_and_the_longest_that_do_are_handled(
    consumer, source, handled, body
):
    """In a batch with others, which an error of the database would have kept from coming in for ever."""
    letters = random.Random(1)

    def name(count: int) -> str:
        return "".join(chr(letters.randrange(0x20000, 0x2A000)) for _ in range(count))

    longest = {"event_id": name(300), "source": name(300), "subject": name(300), "sequence": 1}
    source.waiting.extend([body(name(301)), body("2", source=name(500)), body("3", subject=name(301))])
    source.waiting.append(body(**longest))

    consumer.drain()

    assert [event.id for event in handled] == [longest["event_id"]]
    assert sorted(IncomingEvent.objects.dead().values_list("last_error", flat=True)) == [
        "The event's id has more than 1,200 bytes.",
        "The event's source has more than 1,200 bytes.",
        "The event's subject has more than 1,200 bytes.",
    ]


def test_a_dead_letter_is_tried_again_from_the_start(consumer, source, register, handled, body):
    def refuse(event: Incoming) -> None:
        raise Refused("No.")

    register("thing.changed", refuse)
    source.waiting.extend([body("1", data={"n": 1}), b"no event"])
    consumer.drain()
    register("thing.changed", handled.append)

    assert dead_letters.retry(IncomingEvent.objects.all(), by="ann") == 2
    consumer.drain()

    assert [event.data for event in handled] == [{"n": 1}]
    assert IncomingEvent.objects.get(event_id="1").state == "handled"
    assert IncomingEvent.objects.get(source="").state == "dead"


def test_a_dropped_dead_letter_is_not_taken_in_again(consumer, source, register, body):
    def refuse(event: Incoming) -> None:
        raise Refused("No.")

    register("thing.changed", refuse)
    source.waiting.append(body("1"))
    consumer.drain()
    dead = IncomingEvent.objects.dead().get()

    dead_letters.drop(dead.pk, reason="a test of theirs", by="ann")
    source.waiting.append(body("1"))
    consumer.drain()

    dead.refresh_from_db()
    assert (dead.state, dead.body, dead.last_error) == ("dropped", None, "Dropped by ann: a test of theirs")
    with pytest.raises(dead_letters.NotDead):
        dead_letters.drop(dead.pk, reason="again", by="ann")


# --- outages -------------------------------------------------------------------------------------------


def run_until(consumer: Consumer, done: Callable[[], bool]) -> None:
    """Run the consumer in a thread until the test has seen what it waits for."""
    stop = threading.Event()
    thread = threading.Thread(target=consumer.run, args=[stop])
    thread.start()
    try:
        waited = threading.Event()
        for _ in range(6000):
            if done() or not thread.is_alive():
                break
            waited.wait(0.01)
        assert done()
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


def test_a_consumer_outlives_an_outage_of_its_source(consumer, source, handled, body, caplog):
    source.waiting.append(body("1"))
    source.down = True
    refusals: list[str] = []

    def mended() -> bool:
        if "Source is down" in caplog.text and not refusals:
            refusals.append("down")
            source.down = False
        return bool(handled)

    run_until(consumer, mended)

    assert caplog.text.count("Source is down") == 1
    assert "Source is up again" in caplog.text


def test_what_is_due_is_handled_while_the_source_is_down(consumer, source, handled, body):
    source.waiting.append(body("1"))
    IncomingEvent.objects.create(
        came_by="other", source="/things", event_id="0", type="thing.changed", state=InboxState.DUE, body=body("0")
    )
    source.down = True

    run_until(consumer, lambda: bool(handled))

    assert [event.id for event in handled] == ["0"]


def test_a_consumer_outlives_an_outage_of_the_database(consumer, source, handled, body, caplog):
    with read_only_database():
        source.waiting.append(body("1"))
        run_until(consumer, lambda: "Consumer has no database" in caplog.text and bool(source.waiting))
        assert not source.acknowledged

    run_until(consumer, lambda: bool(handled))

    assert (source.acknowledged, states()) == ([body("1")], {"1": "handled"})


def test_an_outage_while_an_event_is_handled_counts_no_try(consumer, source, register, body):
    port = connection.settings_dict["PORT"]

    def lose_the_database(event: Incoming) -> None:
        connection.settings_dict["PORT"] = "1"  # nothing listens there
        with connection.cursor() as cursor:
            cursor.execute("select pg_terminate_backend(pg_backend_pid())")

    register("thing.changed", lose_the_database)
    source.waiting.append(body("1"))

    try:
        with pytest.raises(OperationalError):
            consumer.drain()
    finally:
        connection.settings_dict["PORT"] = port

    def fail(event: Incoming) -> None:
        raise ValueError("not yet")

    register("thing.changed", fail)
    consumer.drain()
    event = IncomingEvent.objects.get()
    assert (event.state, event.attempts, event.last_error) == ("due", 1, "ValueError: not yet")


def test_a_handler_that_wants_to_end_its_process_is_tried_again_as_any_other(consumer, source, register, body):
    register("thing.changed", lambda event: sys.exit(1))
    source.waiting.append(body("1"))

    consumer.drain()

    event = IncomingEvent.objects.get()
    assert (event.state, event.attempts, event.last_error) == ("due", 1, "SystemExit: 1")


def test_a_try_that_another_consumer_has_begun_anew_has_no_effect(consumer, source, register, body):
    """A process that was stopped between the count and the handler finds that somebody else was faster."""
    effects: list[str] = []
    register("thing.changed", lambda event: effects.append(event.id))
    source.waiting.append(body("1"))
    begin = handling._begin_try

    def stopped_for_long() -> IncomingEvent | None:
        row = begin()
        if row is not None and row.attempts == 1:
            due_at_once()
            handle_due(most=1)
        return row

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(handling, "_begin_try", stopped_for_long)
        consumer.drain()

    event = IncomingEvent.objects.get()
    assert (effects, event.state, event.attempts) == (["1"], "handled", 1)
