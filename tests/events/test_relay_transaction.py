"""A relay's transaction is bounded: it holds its buckets, and what was published stays queued, until it ends."""

import threading
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


def test_its_settings_end_with_it_so_that_a_pooler_may_give_the_session_to_another(relay, memory_sink, append_stream):
    append_stream(1)
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit", "jit")

    def settings(connection):
        return [connection.execute(f"show {name}").fetchone()[0] for name in names]

    session = relay._connected()
    before, within = settings(session), []

    def answer(event):
        within.append(settings(session))
        return Ack()

    memory_sink.answer = answer
    relay._go_round(threading.Event())

    assert within == [["5s", "1s", "30s", "off", "off"]]
    assert settings(session) == before
    assert before[:3] != within[0][:3]
    relay.close()
