"""What tells of a person reaches those who are to be told, and nobody once it is erased."""

from __future__ import annotations

import orjson
import pytest
from django.core.management import call_command
from django.db import connection

from events.models import Event, PersonalData
from events.schemas import validate
from tests.orders.asking import done

ADDRESS = {"name": "Ann", "line1": "1 Main St", "city": "Perth", "country": "AU"}


@pytest.fixture
def sinks(settings, tmp_path):
    """Two files; the second is told everything."""
    settings.EVENT_SINKS = [f"file:{tmp_path}/all", f"crm=file:{tmp_path}/crm?personal=1"]
    return tmp_path


def relayed(directory, name):
    call_command("relay_events", "--once")
    return [orjson.loads(line) for line in (directory / name).read_bytes().splitlines()]


def told(event):
    order = event["data"]["order"]
    return order.get("contact", {}).get("email"), order.get("note"), order.get("metadata"), event.get("reason")


@pytest.mark.django_db(transaction=True)
def test_a_sink_that_is_to_know_people_gets_the_order_as_it_was_with_everything(api, stock, sinks):
    stock(cup=10)
    body = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
    people = {"contact": {"email": "ann@example.com"}, "shipping_address": ADDRESS, "note": "ring twice"}
    order_id = api.post("/api/v1/orders", {**body, **people}, content_type="application/json").json()["id"]
    path = f"/api/v1/orders/{order_id}?reason=she+called"
    changes = {"note": "ring once", "metadata": {"gift": "yes"}}
    assert api.patch(path, changes, content_type="application/json").status_code == 200
    done(api, order_id, "confirm")

    crm, others = relayed(sinks, "crm"), relayed(sinks, "all")

    assert [told(event) for event in crm] == [
        ("ann@example.com", "ring twice", None, None),
        ("ann@example.com", "ring once", {"gift": "yes"}, "she called"),
        ("ann@example.com", "ring once", {"gift": "yes"}, None),
    ]
    assert crm[2]["data"]["order"]["shipping_address"]["line1"] == "1 Main St"
    assert {told(event) for event in others} == {(None, None, None, None)}
    assert [event["data"]["order"]["version"] for event in others] == [1, 2, 3]
    assert "billing_address" not in crm[2]["data"]["order"]
    for event, stored in zip(crm, Event.objects.order_by("sequence"), strict=True):
        stored.data = event["data"]
        validate(stored)


@pytest.mark.django_db(transaction=True)
def test_what_was_erased_is_not_replayed(api, stock, sinks):
    stock(cup=10)
    body = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}], "note": "ring twice"}
    api.post("/api/v1/orders", body, content_type="application/json")
    relayed(sinks, "crm")
    PersonalData.objects.all().delete()

    call_command("outbox", "replay", "--sink", "crm", "--all")
    first, again = relayed(sinks, "crm")

    assert (told(first), told(again)) == ((None, "ring twice", None, None), (None, None, None, None))
    assert again["id"] == first["id"]


@pytest.mark.django_db(transaction=True)
def test_an_early_event_that_has_metadata_in_the_log_tells_it_only_with_the_rest(api, stock, sinks):
    stock(cup=10)
    body = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
    api.post("/api/v1/orders", body, content_type="application/json")
    with connection.cursor() as cursor:
        cursor.execute("alter table events_event disable trigger event_append_only")
        cursor.execute("""update events_event set data = jsonb_set(data, '{order,metadata}', '{"gift": "yes"}')""")
        cursor.execute("alter table events_event enable trigger event_append_only")

    (crm,), (other,) = relayed(sinks, "crm"), relayed(sinks, "all")

    assert (told(crm)[2], told(other)[2]) == ({"gift": "yes"}, None)
