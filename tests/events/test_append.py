from uuid import UUID

import orjson
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from uuid_utils.compat import uuid7

from events.models import Event, OutboxEntry, PersonalData, bucket_of
from events.outbox import append, as_rows

pytestmark = pytest.mark.django_db

STREAM = UUID("01920000-0000-7000-8000-0000000000c5")


def test_writes_the_log_row_and_a_queue_row_for_each_sink(settings, make_event):
    settings.EVENT_SINKS = ["console", "file:/nowhere/events.ndjson"]
    event = make_event(STREAM, 1, reason="asked", request_id="r-1", trace="00-aa-bb-01", data={"a": [1, None]})

    append([event])

    stored = Event.objects.get()
    assert (stored.id, stored.stream_id, stored.sequence) == (event.id, STREAM, 1)
    assert (stored.storefront_id, stored.source, stored.type) == (1, "/storefronts/au", "thing.changed")
    assert (stored.actor, stored.request_id) == ("staff:ann", "r-1")
    assert (stored.trace, stored.data) == ("00-aa-bb-01", {"a": [1, None]})
    assert stored.occurred_at.isoformat() == "2026-11-23T01:14:00+00:00"
    assert sorted(OutboxEntry.objects.values_list("sink", "bucket", "event_id", "sequence", "attempts")) == [
        ("console", 5, event.id, 1, 0),
        ("file", 5, event.id, 1, 0),
    ]


def test_what_tells_of_a_person_is_written_beside_the_log_where_it_can_be_removed(make_event):
    append(
        [
            make_event(STREAM, 1, reason="asked", personal={"note": "ring twice"}),
            make_event(STREAM, 2, reason="moved"),
            make_event(STREAM, 3),
        ]
    )

    beside = PersonalData.objects.order_by("sequence").values_list("stream_id", "sequence", "reason", "fields")
    assert list(beside) == [(STREAM, 1, "asked", {"note": "ring twice"}), (STREAM, 2, "moved", {})]
    assert {event.reason for event in Event.objects.all()} == {""}
    assert [event.told_reason for event in Event.objects.with_reasons().order_by("sequence")] == ["asked", "moved", ""]

    PersonalData.objects.all().delete()

    assert {event.told_reason for event in Event.objects.with_reasons()} == {""}


def test_the_release_before_goes_on_writing_events_with_a_reason_while_this_one_is_rolled_out(make_event):
    (row,) = orjson.loads(as_rows([make_event(STREAM, 1, reason="asked")]))
    del row["personal"]

    with connection.cursor() as cursor:
        cursor.execute("select events_append(%s::json, '{}')", [orjson.dumps([row]).decode()])

    assert Event.objects.with_reasons().get().told_reason == "asked"
    assert PersonalData.objects.get().fields == {}


def test_an_early_event_tells_its_reason_from_the_log():
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into events_event (id, storefront_id, source, stream_id, sequence, type, occurred_at, actor, "
            "reason, data) values (gen_random_uuid(), 1, '/', %s, 1, 'thing.changed', now(), 'x:a', 'long ago', '{}')",
            [STREAM],
        )

    assert Event.objects.with_reasons().get().told_reason == "long ago"


def test_writes_no_queue_row_when_no_sink_is_enabled(settings, make_event):
    settings.EVENT_SINKS = []

    append([make_event(STREAM, 1)])

    assert Event.objects.count() == 1
    assert not OutboxEntry.objects.exists()


def test_queue_ids_grow_with_the_sequence_whatever_order_the_events_are_given_in(make_event):
    append([make_event(STREAM, sequence) for sequence in (3, 1, 2)])

    assert list(OutboxEntry.objects.order_by("id").values_list("sequence", flat=True)) == [1, 2, 3]


def test_python_and_sql_agree_on_the_bucket(make_event):
    append([make_event(uuid7(), 1) for _ in range(100)])

    for entry in OutboxEntry.objects.all():
        assert entry.bucket == bucket_of(entry.stream_id)


def test_data_may_hold_documents_that_are_json_already(make_event):
    append([make_event(STREAM, 1, data={"order": orjson.Fragment(b'{"number": "AU-7"}')})])

    assert Event.objects.get().data == {"order": {"number": "AU-7"}}


def test_a_transaction_that_is_undone_leaves_neither_event_nor_queue_row(make_event):
    with transaction.atomic():
        append([make_event(STREAM, 1)])
        transaction.set_rollback(True)

    assert not Event.objects.exists()
    assert not OutboxEntry.objects.exists()


def test_one_sequence_number_of_a_stream_is_taken_once(make_event):
    append([make_event(STREAM, 1)])

    with pytest.raises(IntegrityError, match="event_once_per_stream_and_sequence"), transaction.atomic():
        append([make_event(STREAM, 1)])


@pytest.mark.parametrize(
    "statement",
    [
        "update events_event set type = 'x'",
        "delete from events_event",
        "delete from events_event where false",
    ],
)
def test_the_database_refuses_to_change_the_log(make_event, statement):
    append([make_event(STREAM, 1)])

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert Event.objects.get().type == "thing.changed"


def test_python_refuses_to_change_the_log(make_event):
    append([make_event(STREAM, 1)])
    event = Event.objects.get()

    with pytest.raises(TypeError, match="append"):
        event.save()
    with pytest.raises(TypeError, match="never removed"):
        event.delete()
    with pytest.raises(TypeError, match="never changed"):
        Event.objects.update(type="x")
    with pytest.raises(TypeError, match="never removed"):
        Event.objects.all().delete()
