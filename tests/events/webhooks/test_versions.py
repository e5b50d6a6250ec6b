"""An endpoint is told the form it was made for, whatever forms its events have by now."""

from __future__ import annotations

import orjson
import pytest

from events import schemas
from events.webhooks.models import WebhookDelivery, WebhookEndpoint
from events.webhooks.reading import body_of

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def two_versions(tmp_path):
    """`thing.changed` is stored and told with a `revision`; its first form called it `version`."""
    for version, field in (("1.0", "version"), ("2.0", "revision")):
        path = tmp_path / f"{version}.json"
        path.write_bytes(orjson.dumps({"type": "object", "required": [field]}))
        reshape = (lambda data: {"version": data["revision"]}) if version == "1.0" else None
        schemas.register("thing.changed", path, version=version, reshape=reshape)
    yield
    schemas.forget("thing.changed")


def test_two_endpoints_of_two_versions_are_each_told_theirs(
    two_versions, new_receiver, endpoint_at, append_event, send_all
):
    old, new = new_receiver(), new_receiver()
    _, old_secret = endpoint_at(old.url)
    _, new_secret = endpoint_at(new.url)
    WebhookEndpoint.objects.filter(url=new.url).update(api_version="v2")
    append_event({"revision": 7})

    send_all()

    told = [(shop.received[0], secret) for shop, secret in ((old, old_secret), (new, new_secret))]
    assert [(got.headers["webhook-api-version"], got.event["data"], got.event["dataschema"]) for got, _ in told] == [
        ("v1", {"version": 7}, "/api/events/schemas/thing.changed/1.0.json"),
        ("v2", {"revision": 7}, "/api/events/schemas/thing.changed/2.0.json"),
    ]
    for got, secret in told:
        assert got.verified_with(secret) == got.event
    bodies = {body_of(delivery) for delivery in WebhookDelivery.objects.all()}
    assert bodies == {got.body for got, _ in told}
