import orjson
import pytest
from jsonschema import Draft202012Validator

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
URL = "/api/events/schemas"


@pytest.fixture
def registered_type(tmp_path):
    path = tmp_path / "test.thing_told.json"
    path.write_bytes(orjson.dumps(SCHEMA))
    schemas.register("test.thing_told", path)
    yield "test.thing_told"
    schemas.forget("test.thing_told")


@pytest.fixture
def second_version(tmp_path, registered_type):
    """In which what is stored is told: its version is called `revision`. The first is made of it."""
    path = tmp_path / "second.json"
    path.write_bytes(
        orjson.dumps({**SCHEMA, "properties": {"revision": {"type": "integer"}}, "required": ["revision"]})
    )
    first = tmp_path / "test.thing_told.json"
    schemas.register(registered_type, first, version="1.3", reshape=lambda data: {"version": data["revision"]})
    schemas.register(registered_type, path, version="2.0")
    return registered_type


def test_registered_schema_is_served(client, registered_type):
    response = client.get(f"{URL}/test.thing_told.json")

    assert response.status_code == 200
    assert response["Content-Type"] == "application/schema+json"
    assert response.json() == SCHEMA


def test_list_names_every_type_and_where_its_schema_is(client, settings, registered_type):
    settings.EVENT_SCHEMA_BASE_URL = "https://orders.example/api/events/schemas/"

    response = client.get(f"{URL}/")

    assert response.status_code == 200
    assert {
        "type": "test.thing_told",
        "version": "1.0",
        "url": "https://orders.example/api/events/schemas/test.thing_told/1.0.json",
    } in response.json()["results"]


def test_unknown_type_is_a_404(client):
    assert client.get(f"{URL}/test.never_told.json").status_code == 404


def test_only_reading_is_allowed(client, registered_type):
    assert client.post(f"{URL}/test.thing_told.json").status_code == 405


def test_envelope_of_a_registered_type_says_where_its_schema_is(settings, registered_type):
    settings.EVENT_SCHEMA_BASE_URL = "https://orders.example/api/events/schemas"

    attributes = orjson.loads(envelope(EVENT._replace(type=registered_type)))

    assert attributes["dataschema"] == "https://orders.example/api/events/schemas/test.thing_told/1.0.json"


@pytest.mark.parametrize(
    ("api_version", "version", "data"),
    [
        (None, "2.0", {"revision": 7}),
        ("v2", "2.0", {"revision": 7}),
        ("v3", "2.0", {"revision": 7}),
        ("v1", "1.3", {"version": 7}),
    ],
)
def test_an_event_is_told_in_the_form_that_is_asked_for(client, second_version, api_version, version, data):
    event = EVENT._replace(type=second_version, data='{"revision": 7}')

    told = orjson.loads(envelope(event, api_version=api_version))

    assert told["dataschema"] == f"/api/events/schemas/test.thing_told/{version}.json"
    assert told["data"] == data
    assert Draft202012Validator(client.get(told["dataschema"]).json()).is_valid(data)


def test_an_older_minor_version_is_the_one_that_has_grown_from_it(client, second_version):
    found = {version: client.get(f"{URL}/{second_version}/{version}.json") for version in ("1.0", "1.3", "2.0")}

    assert {version: list(answer.json()["properties"]) for version, answer in found.items()} == {
        "1.0": ["version", "order"],
        "1.3": ["version", "order"],
        "2.0": ["revision"],
    }
    assert list(client.get(f"{URL}/{second_version}.json").json()["properties"]) == ["revision"]
    for version in ("1.4", "2.1", "3.0", "0.9", "1", "x.y", "1.0.0", "\u0661.0", "9" * 5000 + ".0"):
        assert client.get(f"{URL}/{second_version}/{version}.json").status_code == 404


def test_the_addresses_they_had_at_first_go_on(client, registered_type):
    assert client.get(f"/api/event-schemas/{registered_type}.json").json() == SCHEMA


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
