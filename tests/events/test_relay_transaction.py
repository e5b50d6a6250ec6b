"""A relay's transaction is bounded: it holds its buckets, and what was published stays queued, until it ends."""

from types import SimpleNamespace

from events import relay as relay_module
from events.models import OutboxEntry
from events.relay import TRANSACTION_SECONDS
from events.sinks.protocol import Ack


def test_a_slow_sink_ends_a_transaction_before_all_that_is_due_has_been_sent(
    relay, memory_sink, append_stream, monkeypatch
):
    append_stream(4)
    passed = [0.0]
    queued = []

    def take_half_of_a_transaction(event):
        queued.append(OutboxEntry.objects.count())
        passed[0] += TRANSACTION_SECONDS / 2
        return Ack()

    monkeypatch.setattr(relay_module, "time", SimpleNamespace(monotonic=lambda: passed[0]))
    memory_sink.answer = take_half_of_a_transaction

    published = relay.drain()

    assert published == 4
    assert queued == [4, 4, 2, 2]
