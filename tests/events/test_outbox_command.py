import io

import pytest
from django.core.management import CommandError, call_command

from events.models import OutboxEntry, SkippedEvent
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
    with pytest.raises(CommandError, match=f"--limit is {limit}; it must be 0 to 100000."):
        outbox("status", f"--limit={limit}")


def test_skip_needs_a_reason(poisoned):
    entry = OutboxEntry.objects.parked().get()

    with pytest.raises(CommandError, match="The reason is empty"):
        outbox("skip", str(entry.pk), "--reason", " ")

    assert OutboxEntry.objects.parked().get() == entry
