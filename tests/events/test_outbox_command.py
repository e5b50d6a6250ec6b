import io
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from uuid_utils.compat import uuid7

from events import replaying
from events.models import OutboxEntry, SkippedEvent
from events.outbox import append
from events.sinks.protocol import Ack, Reject, RetryEvent

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def poisoned(relay, memory_sink, append_stream):
    """A stream of three events whose second one is parked."""
    stream = append_stream(3)
    memory_sink.answer = lambda event: Reject("too large") if event.sequence == 2 else Ack()
    relay.drain()
    memory_sink.answer = lambda event: Ack()
    return stream


def outbox(*arguments):
    output = io.StringIO()
    call_command("outbox", *arguments, stdout=output, no_color=True)
    return output.getvalue()


def test_status_lists_the_parked_entries(poisoned):
    entry = OutboxEntry.objects.parked().get()

    assert outbox("status") == (
        "memory: oldest due event 0.0 s, 1 parked\n"
        f"  entry {entry.pk}: event {entry.event_id}, 2 of {poisoned}, "
        "for memory, after 1 attempts: too large\n"
    )


def test_status_names_a_queue_nobody_serves(settings, poisoned):
    settings.EVENT_SINKS = ["console"]

    assert "memory: not enabled, but events wait for it\n" in outbox("status")


def test_retry_of_one_entry_lets_its_stream_go_on_in_order(relay, memory_sink, poisoned):
    entry = OutboxEntry.objects.parked().get()

    assert outbox("retry", str(entry.pk)) == "Made 1 failed entries due again.\n"

    assert list(OutboxEntry.objects.values_list("attempts", flat=True)) == [0, 0]
    relay.drain()
    assert [event.sequence for event in memory_sink.received] == [1, 2, 3]


def test_retry_all_may_be_restricted_to_a_sink(poisoned):
    assert outbox("retry", "--all", "--sink", "console") == "Made 0 failed entries due again.\n"
    assert outbox("retry", "--all") == "Made 1 failed entries due again.\n"


def test_retry_of_nothing_is_refused():
    with pytest.raises(CommandError, match="required"):
        outbox("retry")


def test_skip_keeps_who_and_why_and_lets_the_rest_of_the_stream_go_on(relay, memory_sink, poisoned):
    entry = OutboxEntry.objects.parked().get()

    outbox("skip", str(entry.pk), "--reason", "The consumer knows it already")

    skipped = SkippedEvent.objects.get()
    assert (skipped.event_id, skipped.sink) == (entry.event_id, "memory")
    assert (skipped.stream_id, skipped.sequence, skipped.storefront_id) == (poisoned, 2, 1)
    assert (skipped.reason, skipped.last_error) == ("The consumer knows it already", "too large")
    assert skipped.skipped_by
    relay.drain()
    assert [event.sequence for event in memory_sink.received] == [1, 3]


def test_only_a_parked_entry_can_be_skipped(relay, memory_sink, append_stream):
    append_stream(1)
    memory_sink.answer = lambda event: RetryEvent("busy")
    relay.drain()
    entry = OutboxEntry.objects.get()

    with pytest.raises(CommandError, match=f"No parked entry has the id {entry.pk}"):
        outbox("skip", str(entry.pk), "--reason", "impatience")

    assert OutboxEntry.objects.count() == 1
    assert not SkippedEvent.objects.exists()


@pytest.mark.parametrize("limit", ["-1", "99999999999999999999"])
def test_status_lists_a_number_of_entries_that_can_be_listed(limit):
    with pytest.raises(CommandError, match=f"--limit is {limit}; it must be 0 to 100000.") as refused:
        outbox("status", f"--limit={limit}")

    assert refused.value.returncode == 2


def test_skip_needs_a_reason(poisoned):
    entry = OutboxEntry.objects.parked().get()

    with pytest.raises(CommandError, match="The reason is empty"):
        outbox("skip", str(entry.pk), "--reason", " ")

    assert OutboxEntry.objects.parked().get() == entry


# --- replay ------------------------------------------------------------------------------------------


@pytest.fixture
def told(relay, memory_sink, make_event):
    """Two streams of two events each, in two storefronts; the sink has had them."""
    first, second = uuid7(), uuid7()
    append([make_event(first, 1, type="order.created"), make_event(first, 2, type="order.updated")])
    nz = {"source": "/storefronts/nz", "occurred_at": datetime(2026, 12, 1, tzinfo=UTC)}
    append([make_event(second, 1, type="order.created", **nz), make_event(second, 2, type="order.deleted", **nz)])
    relay.drain()
    memory_sink.received.clear()
    return first, second


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (["--all"], [(0, 1), (0, 2), (1, 1), (1, 2)]),
        (["--type", "order.created"], [(0, 1), (1, 1)]),
        (["--type", "order.created", "--type", "order.deleted"], [(0, 1), (1, 1), (1, 2)]),
        (["--storefront", "nz"], [(1, 1), (1, 2)]),
        (["--storefront", "nz", "--type", "order.created"], [(1, 1)]),
        (["--since", "2026-11-30T00:00:00Z"], [(1, 1), (1, 2)]),
        (["--until", "2026-11-30T00:00:00+00:00"], [(0, 1), (0, 2)]),
        (["--type", "nothing"], []),
    ],
)
def test_replay_sends_the_chosen_events_once_more_in_order(relay, memory_sink, told, which, expected):
    assert outbox("replay", "--sink", "memory", "--dry-run", *which) == (
        f"{len(expected)} events would be sent to memory once more.\n"
    )
    assert OutboxEntry.objects.count() == 0

    assert outbox("replay", "--sink", "memory", "--rate", "1000", *which) == (
        f"{len(expected)} events are queued for memory once more.\n"
    )
    relay.drain()

    received = [(told.index(event.stream_id), event.sequence) for event in memory_sink.received]
    assert sorted(received) == expected
    for stream in (0, 1):
        assert [each for each in received if each[0] == stream] == [each for each in expected if each[0] == stream]


def test_replay_of_one_order_goes_in_pages_and_leaves_none_out(relay, memory_sink, append_stream, monkeypatch):
    stream, _ = append_stream(7), append_stream(2)
    relay.drain()
    memory_sink.received.clear()
    monkeypatch.setattr(replaying, "_MOST_AT_ONCE", 3)

    assert outbox("replay", "--sink", "memory", "--order", str(stream), "--rate", "100000") == (
        "7 events are queued for memory once more.\n"
    )
    relay.drain()

    assert [event.sequence for event in memory_sink.received] == [1, 2, 3, 4, 5, 6, 7]


def test_what_waits_for_the_sink_already_is_not_queued_twice(relay, memory_sink, append_stream):
    append_stream(3)

    assert outbox("replay", "--sink", "memory", "--all") == "0 events are queued for memory once more.\n"
    relay.drain()

    assert [event.sequence for event in memory_sink.received] == [1, 2, 3]


def test_the_age_of_what_is_replayed_is_no_delay(relay, append_stream):
    append_stream(1)
    relay.drain()

    outbox("replay", "--sink", "memory", "--all")

    assert OutboxEntry.objects.get().replay is True
    assert outbox("status", "--sink", "memory") == "memory: oldest due event 0.0 s, 0 parked\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sink", "file", "--all"], "The sink 'file' is not enabled, so nobody would send it anything"),
        (["--sink", "memory"], "Say which events: --order"),
        (["--sink", "memory", "--all", "--rate", "0"], "--rate is 0; it must be 1 to 100,000"),
        (["--sink", "memory", "--order", "AU-1"], "'AU-1' is not the id of an order"),
        (["--sink", "memory", "--since", "2026-03-01"], "'2026-03-01' is not a time with its offset"),
    ],
)
def test_a_replay_that_cannot_be_meant_is_refused(memory_sink, arguments, sentence):
    with pytest.raises(CommandError, match=sentence):
        outbox("replay", *arguments)


def test_retry_may_be_restricted_to_an_order_and_rehearsed(relay, poisoned):
    other = ["retry", "--all", "--order", "01a2068a-33c2-75f8-9a09-a014ce1a34b0"]
    assert outbox(*other) == "Made 0 failed entries due again.\n"
    assert outbox("retry", "--all", "--order", str(poisoned), "--dry-run") == "1 failed entries would be due again.\n"
    assert OutboxEntry.objects.parked().count() == 1
    assert outbox("retry", "--all", "--order", str(poisoned)) == "Made 1 failed entries due again.\n"
