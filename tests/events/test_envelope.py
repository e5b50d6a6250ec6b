import re
from datetime import UTC, datetime
from uuid import UUID

import orjson

from events.cloudevents import envelope
from events.queue import DueEvent

EVENT = DueEvent(
    entry_id=7,
    attempts=0,
    id=UUID("0192aaaa-0000-7000-8000-000000000001"),
    storefront_id=3,
    source="/storefronts/au",
    stream_id=UUID("0192bbbb-0000-7000-8000-000000000002"),
    sequence=7,
    type="thing.changed",
    occurred_at=datetime(2026, 11, 23, 1, 14, 0, 948000, tzinfo=UTC),
    actor="staff:ann",
    reason="",
    request_id="r-1",
    trace="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    data='{"version": 7}',
)


def test_envelope_is_cloudevents_1_0_json():
    assert orjson.loads(envelope(EVENT)) == {
        "specversion": "1.0",
        "id": "0192aaaa-0000-7000-8000-000000000001",
        "source": "/storefronts/au",
        "type": "thing.changed",
        "subject": "0192bbbb-0000-7000-8000-000000000002",
        "time": "2026-11-23T01:14:00.948000Z",
        "datacontenttype": "application/json",
        "partitionkey": "0192bbbb-0000-7000-8000-000000000002",
        "sequence": "0000000007",
        "storefrontid": "3",
        "actor": "staff:ann",
        "requestid": "r-1",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "data": {"version": 7},
    }


def test_attribute_names_are_lower_case_letters_and_digits_and_values_are_strings():
    attributes = orjson.loads(envelope(EVENT._replace(reason="asked")))
    del attributes["data"]

    assert [name for name in attributes if not re.fullmatch("[a-z0-9]{1,20}", name)] == []
    assert [name for name, value in attributes.items() if not isinstance(value, str)] == []


def test_attributes_without_a_value_are_left_out():
    attributes = orjson.loads(envelope(EVENT._replace(trace="", request_id="", actor="")))

    assert attributes.keys().isdisjoint({"traceparent", "requestid", "reason", "actor", "dataschema"})


def test_envelope_is_one_line_whatever_the_data_holds():
    body = envelope(EVENT._replace(data='{"note": "two\\nlines \\u2028"}', reason="two\nlines"))

    assert b"\n" not in body
