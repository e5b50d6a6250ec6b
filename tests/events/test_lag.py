import time
from uuid import UUID

import pytest
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from events.lag import queued_sinks, relay_lag
from events.outbox import append
from events.sinks.protocol import Reject

pytestmark = pytest.mark.usefixtures("database")


def id_made_before(seconds):
    milliseconds = int((time.time() - seconds) * 1000)
    return UUID(int=(milliseconds << 80) | (uuid7().int & ((1 << 80) - 1)))


def test_an_empty_queue_has_no_lag(settings):
    settings.EVENT_SINKS = ["console", "memory"]

    assert relay_lag() == {"console": (0.0, 0), "memory": (0.0, 0)}


def test_lag_is_the_age_of_the_oldest_event_of_each_sink(settings, make_event):
    settings.EVENT_SINKS = ["console"]
    append([make_event(uuid7(), 1, id=id_made_before(600))])
    settings.EVENT_SINKS = ["console", "memory"]
    append([make_event(uuid7(), 1, id=id_made_before(60))])

    lag = relay_lag()

    assert lag["console"].seconds == pytest.approx(600, abs=30)
    assert lag["memory"].seconds == pytest.approx(60, abs=30)


def test_events_that_a_parked_one_holds_are_counted_as_parked_not_as_lag(relay, memory_sink, make_event):
    stream = uuid7()
    append([make_event(stream, sequence, id=id_made_before(600)) for sequence in (1, 2)])
    memory_sink.answer = lambda event: Reject("too large")

    relay.drain()

    assert relay_lag() == {"memory": (0.0, 1)}


def test_lag_of_a_long_queue_is_read_from_the_index(settings):
    settings.EVENT_SINKS = ["memory"]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "insert into events_outbox (sink, bucket, event_id, storefront_id, stream_id, sequence) "
            "select 'memory', i % 64, gen_random_uuid(), 1, gen_random_uuid(), 1 "
            "from generate_series(1, 20000) i"
        )
        rows_walked = "select seq_tup_read from pg_stat_xact_user_tables where relname = 'events_outbox'"
        cursor.execute(rows_walked)
        before = cursor.fetchone()

        relay_lag()

        cursor.execute(rows_walked)
        assert cursor.fetchone() == before


def test_queued_sinks_names_every_sink_with_entries(settings, make_event):
    settings.EVENT_SINKS = ["console", "memory"]
    append([make_event(uuid7(), 1), make_event(uuid7(), 1)])

    assert queued_sinks() == ["console", "memory"]
