"""A customer can be erased: the books stay, and nothing in them tells whose they were."""

from __future__ import annotations

import io
import threading
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from events.models import Event
from orders.models import Order
from orders.rules.scopes import Scope
from tests.base import wait_until_somebody_waits_for_a_lock
from tests.chaos.promises import broken_promises
from tests.orders.asking import PRICED_ITEMS, ask, done, last_event, read
from tests.orders.refusals import assert_refused

MARKERS = [
    "marker-customer",
    "marker-mail@example.com",
    "61400000001",
    "marker-name",
    "marker-street",
    "marker-city",
    "marker-billing",
    "marker-note",
    "marker-metadata",
    "marker-tag",
    "marker-tracking",
    "marker-reason",
]
PERSON: dict[str, Any] = {
    "customer_id": "marker-customer",
    "contact": {"email": "marker-mail@example.com", "phone": "+61 400 000 001"},
    "shipping_address": {"name": "marker-name", "line1": "marker-street", "city": "marker-city", "country": "AU"},
    "billing_address": {"name": "marker-billing"},
    "note": "marker-note",
    "metadata": {"gift": "marker-metadata"},
    "tags": ["marker-tag"],
}


@pytest.fixture
def sold(api, stock) -> Any:
    """Placed under a key, changed, shipped, completed: what tells of the customer lies all over the place."""
    stock(cup=10, plate=10)
    response = api.post(
        "/api/v1/orders",
        {**PERSON, "items": PRICED_ITEMS},
        content_type="application/json",
        headers={"Idempotency-Key": "placed-once"},
    )
    assert response.status_code == 201, response.content
    order_id = response.json()["id"]
    path = f"/api/v1/orders/{order_id}?reason=marker-reason"
    assert api.patch(path, {"note": "marker-note 2"}, content_type="application/json").status_code == 200
    done(api, order_id, "confirm", {"Idempotency-Key": "confirmed-once"})
    done(api, order_id, "ship", tracking_company="DHL", tracking_number="marker-tracking")
    done(api, order_id, "deliver")
    return done(api, order_id, "complete")


def erase(api, customer_id: str = "marker-customer", **headers: str) -> Any:
    body = {"customer_id": customer_id, "reason": "marker-reason: they wrote"}
    return api.post("/api/v1/customers/erase", body, content_type="application/json", headers=headers)


def rows_that_tell(marker: str) -> list[str]:
    """The tables with a row in which it stands, in text or in bytes."""
    tables = connection.introspection.table_names()
    found = []
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(
                f'select exists (select from "{table}" t where t::text like %s or t::text like %s)',
                [f"%{marker}%", f"%{marker.encode().hex()}%"],
            )
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_nothing_in_the_database_tells_of_a_customer_who_was_erased(api, sold):
    assert {marker for marker in MARKERS if not rows_that_tell(marker)} == set()

    response = api.post("/api/v1/customers/erase", {"customer_id": "marker-customer"}, content_type="application/json")

    assert response.json() == {
        "customer_id": "marker-customer",
        "erased": [{"id": sold["id"], "number": sold["number"]}],
        "refused": [],
        "refused_count": 0,
        "has_more": False,
        "requests": 0,
    }
    assert {marker: tables for marker in MARKERS if (tables := rows_that_tell(marker))} == {}
    assert broken_promises() == {}


def test_the_books_stay_and_one_event_tells_that_it_was_done(api, sold):
    erase(api)

    erased = read(api, sold["id"])
    changed = {name for name in erased if erased[name] != sold[name]}
    assert changed == {
        "version", "updated_at", "customer_id", "contact", "shipping_address", "billing_address", "note", "metadata",
        "tags", "shipments",
    }  # fmt: skip
    assert (erased["customer_id"], erased["version"]) == ("erased", sold["version"] + 1)
    assert (erased["shipments"][0]["tracking_company"], erased["shipments"][0]["tracking_number"]) == ("DHL", None)
    event = last_event(sold["id"])
    assert (event.type, event.data["operation"], event.data["order"]["customer_id"]) == (
        "order.updated",
        "erase",
        "erased",
    )
    personal = ("billing_address", "contact", "metadata", "note", "shipping_address")
    assert event.data["changes"] == {name: [None, None] for name in personal}
    assert list(Event.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2, 3, 4, 5, 6, 7]


def test_the_same_placement_again_gets_what_is_left_and_places_nothing(api, sold):
    erase(api)

    again = api.post(
        "/api/v1/orders",
        {**PERSON, "items": PRICED_ITEMS},
        content_type="application/json",
        headers={"Idempotency-Key": "placed-once"},
    )

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert (again.json()["id"], again.json()["customer_id"]) == (sold["id"], "erased")
    assert again.json()["contact"] == {"email": None, "phone": None, "phone_e164": None}
    assert Order.objects.count() == 1


def test_orders_under_way_and_those_a_hold_keeps_stay_as_they_are(api, sold, place_order):
    under_way = place_order("marker-customer", cup=1)
    hold = done(api, sold["id"], "hold", kind="manual", blocks=["erase"], reason="a lawsuit")["holds"][0]

    first = erase(api).json()
    done(api, sold["id"], "release_hold", hold_id=hold["id"])
    done(api, under_way["id"], "cancel")
    second = erase(api).json()

    assert [(order["number"], order["error"]["code"]) for order in first["refused"]] == [
        (sold["number"], "order_on_hold"),
        (under_way["number"], "not_allowed_in_status"),
    ]
    assert first["erased"] == []
    assert {order["number"] for order in second["erased"]} == {sold["number"], under_way["number"]}
    assert erase(api).json()["erased"] == []


def test_an_order_that_is_given_to_another_customer_meanwhile_is_not_erased(api, sold):
    answers = []

    def erase_it() -> None:
        answers.append(erase(api).json())
        connection.close()

    erasing = threading.Thread(target=erase_it)
    with transaction.atomic():
        Order.objects.select_for_update().get(pk=sold["id"])
        erasing.start()
        wait_until_somebody_waits_for_a_lock()
        Order.objects.filter(pk=sold["id"]).update(customer_id="another")
    erasing.join()

    assert (answers[0]["erased"], answers[0]["refused"]) == ([], [])
    assert read(api, sold["id"]) == {**sold, "customer_id": "another"}


def test_what_would_be_erased_can_be_tried(api, sold):
    before = read(api, sold["id"])

    tried = erase(api, Prefer="dry-run")

    assert tried.headers["Preference-Applied"] == "dry-run"
    assert [order["number"] for order in tried.json()["erased"]] == [sold["number"]]
    assert read(api, sold["id"]) == before
    assert rows_that_tell("marker-name") != []


def test_another_storefronts_customer_of_that_name_is_another(api, client_of, other_storefront, sold):
    assert erase(client_of(other_storefront)).json()["erased"] == []
    assert read(api, sold["id"]) == sold


def test_only_a_key_that_may_erases_or_exports(client_of, storefront, sold):
    others = client_of(storefront, *(scope for scope in Scope if scope != Scope.CUSTOMERS_ERASE))

    for what in ("erase", "export"):
        response = others.post(
            f"/api/v1/customers/{what}", {"customer_id": "marker-customer"}, content_type="application/json"
        )
        assert_refused(response, 403, "missing_scope")
    assert_refused(ask(client_of(storefront), sold["id"], "erase"), 404, "not_found")


def test_the_log_is_still_append_only(sold, database):
    with pytest.raises(IntegrityError, match="append-only"):
        connection.cursor().execute("update events_event set reason = 'other'")


# --- exporting ---------------------------------------------------------------------------------------


def test_an_export_has_the_orders_and_what_was_told_of_them(api, sold):
    api.delete(f"/api/v1/orders/{sold['id']}")

    page = api.post("/api/v1/customers/export", {"customer_id": "marker-customer"}, content_type="application/json")

    assert (page.json()["customer_id"], page.json()["next"]) == ("marker-customer", None)
    (entry,) = page.json()["orders"]
    assert (entry["deleted"], entry["order"]["contact"]["email"]) == (True, "marker-mail@example.com")
    assert [told["operation"] for told in entry["timeline"]] == [
        "place", "change_details", "confirm", "ship", "deliver", "complete", "delete",
    ]  # fmt: skip
    assert entry["timeline"][0]["personal"]["note"] == "marker-note"
    assert (entry["timeline"][1]["reason"], entry["timeline"][1]["personal"]) == (
        "marker-reason",
        {"note": "marker-note 2"},
    )
    assert entry["timeline"][2]["personal"] == {}


def test_an_export_goes_on_where_it_ended(api, place_order, monkeypatch):
    numbers = [place_order(cup=1)["number"] for _ in range(3)]
    monkeypatch.setattr("orders.api.customers.MAX_PAGE_ORDERS", 2)
    asked: dict[str, Any] = {"customer_id": "cus123"}

    first = api.post("/api/v1/customers/export", asked, content_type="application/json").json()
    asked["after"] = first["next"]
    second = api.post("/api/v1/customers/export", asked, content_type="application/json").json()

    assert [entry["order"]["number"] for entry in first["orders"]] == numbers[:2]
    assert [entry["order"]["number"] for entry in second["orders"]] == numbers[2:]
    assert second["next"] is None


# --- by command --------------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("customer", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_the_command_exports_and_erases(sold):
    (line,) = run("export", "au", "marker-customer").splitlines()
    assert orjson.loads(line)["order"]["number"] == sold["number"]
    assert run("erase", "au", "marker-customer", "--dry-run") == f"Would erase {sold['number']}.\n"

    assert run("erase", "au", "marker-customer") == f"Erased {sold['number']}.\n"

    assert run("export", "au", "marker-customer") == ""
    with pytest.raises(CommandError, match="There is no order of 'marker-customer' in au"):
        run("erase", "au", "marker-customer")
    assert last_event(sold["id"]).actor.startswith("system:customer (by ")


def test_the_command_tells_what_is_refused(api, place_order):
    number = place_order(cup=1)["number"]

    with pytest.raises(CommandError, match="Of the orders of cus123, refused: 1, erased: 0"):
        run("erase", "au", "cus123")
    assert Order.objects.get(number=number).customer_id == "cus123"
