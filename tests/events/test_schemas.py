import orjson
import pytest

from events import schemas
from events.cloudevents import envelope
from tests.events.test_envelope import EVENT

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"version": {"type": "integer", "minimum": 1}, "order": {"type": "object"}},
    "required": ["version"],
    "additionalProperties": False,
}
URL = "/api/event-schemas"


@pytest.fixture
def registered_type(tmp_path):
    path = tmp_path / "test.thing_told.json"
    path.write_bytes(orjson.dumps(SCHEMA))
    schemas.register("test.thing_told", path)
    yield "test.thing_told"
    del schemas._paths["test.thing_told"]


def test_registered_schema_is_served(client, registered_type):
    response = client.get(f"{URL}/test.thing_told.json")

    assert response.status_code == 200
    assert response["Content-Type"] == "application/schema+json"
    assert response.json() == SCHEMA


def test_list_names_every_type_and_where_its_schema_is(client, settings, registered_type):
    settings.EVENT_SCHEMA_BASE_URL = "https://orders.example/api/event-schemas/"

    response = client.get(f"{URL}/")

    assert response.status_code == 200
    assert {
        "type": "test.thing_told",
        "url": "https://orders.example/api/event-schemas/test.thing_told.json",
    } in response.json()["results"]


def test_unknown_type_is_a_404(client):
    assert client.get(f"{URL}/test.never_told.json").status_code == 404


def test_only_reading_is_allowed(client, registered_type):
    assert client.post(f"{URL}/test.thing_told.json").status_code == 405


def test_envelope_of_a_registered_type_says_where_its_schema_is(settings, registered_type):
    settings.EVENT_SCHEMA_BASE_URL = "https://orders.example/api/event-schemas"

    attributes = orjson.loads(envelope(EVENT._replace(type=registered_type)))

    assert attributes["dataschema"] == "https://orders.example/api/event-schemas/test.thing_told.json"


def test_data_that_fits_its_schema_is_valid(make_event, registered_type):
    data = {"version": 1, "order": orjson.Fragment(b"{}")}

    schemas.validate(make_event(EVENT.stream_id, 1, type=registered_type, data=data))


def test_data_that_does_not_fit_is_refused_with_the_place(make_event, registered_type):
    event = make_event(EVENT.stream_id, 1, type=registered_type, data={"version": 0})

    with pytest.raises(schemas.InvalidEvent, match=r"test.thing_told breaks its schema at \$\.version: 0 is less"):
        schemas.validate(event)


def test_a_type_without_schema_cannot_be_validated(make_event):
    with pytest.raises(schemas.UnknownEventType, match=r"test\.never_told"):
        schemas.validate(make_event(EVENT.stream_id, 1, type="test.never_told"))
