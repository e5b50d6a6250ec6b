"""One committed change = one version = one event; ETag, If-Match and If-None-Match speak of versions."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from events.models import Event
from orders.models import Order
from tests.base import wait_until_somebody_waits_for_a_lock
from tests.orders.refusals import assert_refused

ADDRESS = {
    "name": "Zoë",
    "line1": "5 Main St",
    "line2": None,
    "city": "Sydney",
    "region": None,
    "postal_code": "2000",
    "country": "AU",
}


def assert_one_event_per_version(order_id: str) -> None:
    version = Order.all_objects.get(pk=order_id).version
    events = Event.objects.filter(stream_id=order_id).order_by("sequence")
    assert [event.sequence for event in events] == list(range(1, version + 1))
    assert [event.data["version"] for event in events] == list(range(1, version + 1))
    assert [event.data["order"]["version"] for event in events] == list(range(1, version + 1))


def test_every_change_is_one_version_and_one_event(api, place_order):
    path = f"/api/v1/orders/{place_order(cup=1)['id']}"
    first_version_path = path.replace("/api/v1/orders", "/order/update")

    versions = [
        api.patch(path, {"note": "ring twice"}, content_type="application/json").headers["ETag"],
        api.patch(
            path, {"metadata": {"a": "1"}, "contact": {"email": "a@b.co"}}, content_type="application/json"
        ).headers["ETag"],
        api.put(first_version_path, {"trackingNumber": "1Z"}, content_type="application/json").headers["ETag"],
        api.put(first_version_path, {"status": "confirmed"}, content_type="application/json").headers["ETag"],
        api.put(first_version_path, {"status": "shipped"}, content_type="application/json").headers["ETag"],
        api.put(first_version_path, {"status": "completed"}, content_type="application/json").headers["ETag"],
    ]

    assert versions == ['"2"', '"3"', '"4"', '"5"', '"6"', '"7"']
    assert api.get(path).headers["ETag"] == '"7"'
    assert api.delete(path).status_code == 204
    assert_one_event_per_version(path.rpartition("/")[2])
    assert list(Event.objects.order_by("sequence").values_list("type", flat=True)) == [
        "order.created",
        *["order.updated"] * 6,
        "order.deleted",
    ]


def test_an_event_names_what_changed_who_did_it_and_why(api, place_order):
    path = f"/api/v1/orders/{place_order(cup=1)['id']}"

    api.patch(
        path + "?reason=customer+called",
        {"metadata": {"a": "1"}, "note": "secret"},
        content_type="application/json",
        headers={"X-Request-ID": "req-7", "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"},
    )

    event = Event.objects.with_reasons().get(sequence=2)
    assert event.data["changes"] == {"metadata": [None, None], "note": [None, None]}
    assert (event.told_reason, event.request_id) == ("customer called", "req-7")
    assert event.trace == "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert event.actor.startswith("key:")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"note": ""},
        {"metadata": {}},
        {"contact": {}},
        {"contact": {"email": None, "phone": None}},
        {"billing_address": None},
        {"shipping_address": {}},
    ],
    ids=str,
)
def test_what_is_so_already_is_no_change_no_version_and_no_event(api, place_order, body):
    order = place_order(cup=1)

    response = api.patch(f"/api/v1/orders/{order['id']}", body, content_type="application/json")

    assert (response.status_code, response.json(), response.headers["ETag"]) == (200, order, '"1"')
    assert Event.objects.count() == 1


def test_the_same_change_again_is_none(api, place_order):
    path = f"/api/v1/orders/{place_order(cup=1)['id']}"
    body = {
        "note": "n",
        "metadata": {"a": "1"},
        "contact": {"phone": "+61 2 1234"},
        "shipping_address": ADDRESS,
        "billing_address": ADDRESS,
    }
    first = api.patch(path, body, content_type="application/json")

    again = api.patch(path, body, content_type="application/json")

    assert (first.headers["ETag"], again.headers["ETag"]) == ('"2"', '"2"')
    assert again.json() == first.json()
    assert again.json()["shipping_address"] == ADDRESS
    assert Event.objects.count() == 2


def patched(api, path, body):
    return api.patch(path, body, content_type="application/json").json()


def test_an_email_that_changes_leaves_the_phone_and_the_note_alone(api, place_order):
    path = f"/api/v1/orders/{place_order(cup=1)['id']}"
    patched(api, path, {"note": "n", "contact": {"email": "a@b.co", "phone": "+61 2 5550 1234"}})

    order = patched(api, path, {"contact": {"email": "c@d.co"}})

    assert order["contact"] == {"email": "c@d.co", "phone": "+61 2 5550 1234", "phone_e164": "+61255501234"}
    assert order["note"] == "n"


@pytest.mark.parametrize("field", ["shipping_address", "billing_address"])
def test_one_line_of_an_address_changes_and_the_rest_stays(api, place_order, field):
    path = f"/api/v1/orders/{place_order(cup=1)['id']}"
    patched(api, path, {field: ADDRESS})

    assert patched(api, path, {field: {"line1": "2 New St"}})[field] == {**ADDRESS, "line1": "2 New St"}


def test_entries_of_metadata_are_put_in_and_taken_out(api, place_order):
    path = f"/api/v1/orders/{place_order(cup=1)['id']}"
    patched(api, path, {"metadata": {"a": "1", "b": "2"}})

    assert patched(api, path, {"metadata": {"a": None, "c": "3"}})["metadata"] == {"b": "2", "c": "3"}


def test_null_removes(api, place_order):
    path = f"/api/v1/orders/{place_order(cup=1)['id']}"
    contact = {"email": "a@b.co", "phone": "+61 2 1234"}
    fields = {
        "note": "n",
        "metadata": {"a": "1"},
        "tags": ["t"],
        "contact": contact,
        "shipping_address": ADDRESS,
        "billing_address": ADDRESS,
    }
    patched(api, path, fields)

    assert patched(api, path, {"contact": {"phone": None}})["contact"] == {
        "email": "a@b.co",
        "phone": None,
        "phone_e164": None,
    }
    emptied = patched(api, path, dict.fromkeys(fields))

    assert {name: emptied[name] for name in fields} == {
        "note": "",
        "metadata": {},
        "tags": [],
        "contact": {"email": None, "phone": None, "phone_e164": None},
        "shipping_address": dict.fromkeys(ADDRESS),
        "billing_address": None,
    }


def test_entries_of_metadata_are_counted_once_they_are_merged(api, place_order):
    path = f"/api/v1/orders/{place_order(cup=1)['id']}"
    patched(api, path, {"metadata": {f"a{number}": "" for number in range(50)}})

    refused = api.patch(path, {"metadata": {"b": ""}}, content_type="application/json")
    replaced = api.patch(path, {"metadata": {"b": "", "a0": None}}, content_type="application/json")

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/metadata")
    assert (replaced.status_code, len(replaced.json()["metadata"])) == (200, 50)


def test_a_patch_is_taken_by_its_own_media_type_too(api, place_order):
    order = place_order(cup=1)
    path = f"/api/v1/orders/{order['id']}"

    patch = api.patch(path, '{"note": "n"}', content_type="application/merge-patch+json")
    elsewhere = api.post(f"{path}/confirm", "{}", content_type="application/merge-patch+json")

    assert (patch.status_code, patch.json()["note"]) == (200, "n")
    assert elsewhere.status_code == 415


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ('"1"', 304),
        ('W/"1"', 304),
        ('"7", "1"', 304),
        ("*", 304),
        ('"2"', 200),
        ('"01"', 200),
        ("1", 200),
        ("", 200),
        ('"\x00"', 200),
        ('"' + "9" * 10_000 + '"', 200),
    ],
)
def test_if_none_match_spares_the_body_the_caller_has(api, place_order, header, status):
    path = f"/api/v1/orders/{place_order(cup=1)['id']}"

    response = api.get(path, headers={"If-None-Match": header})

    assert (response.status_code, response.headers["ETag"]) == (status, '"1"')
    assert response.content == b"" or status == 200


def test_what_the_caller_has_is_not_even_built(api, place_order):
    """Where no document can be built, only who has that version already gets an answer."""
    path = f"/api/v1/orders/{place_order(cup=1)['id']}"
    with connection.cursor() as cursor:
        cursor.execute("alter table orders_orderitem rename to elsewhere")
        cursor.execute("create view orders_orderitem as select * from elsewhere where 1 / (position - position) = 1")
    try:
        known = api.get(path, headers={"If-None-Match": '"1"'})
        api.raise_request_exception = False
        unknown = api.get(path, headers={"If-None-Match": '"2"'})
    finally:
        with connection.cursor() as cursor:
            cursor.execute("drop view orders_orderitem")
            cursor.execute("alter table elsewhere rename to orders_orderitem")

    assert (known.status_code, unknown.status_code) == (304, 500)


CHANGES: list[tuple[str, str, dict[str, Any]]] = [
    ("patch", "/api/v1/orders/{}", {"note": "new"}),
    ("delete", "/api/v1/orders/{}", {}),
    ("put", "/order/update/{}", {"status": "canceled"}),
    ("put", "/order/update/{}", {"status": "shipped", "trackingNumber": "1Z"}),
    ("put", "/order/update/{}", {"trackingNumber": "1Z"}),
    ("delete", "/order/delete/{}", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_a_change_of_another_version_is_refused_with_the_current_one(api, place_order, method, path, body):
    order_id = place_order(cup=1)["id"]
    api.patch(f"/api/v1/orders/{order_id}", {"metadata": {"a": "1"}}, content_type="application/json")
    before = api.get(f"/api/v1/orders/{order_id}").json()

    for stale in ('"1"', '"3"', '"999999999"', '"0"'):
        response = getattr(api, method)(
            path.format(order_id), body, content_type="application/json", headers={"If-Match": stale}
        )

        problem = assert_refused(response, 412, "version_mismatch")
        assert problem["current_version"] == 2
    assert api.get(f"/api/v1/orders/{order_id}").json() == before
    assert_one_event_per_version(order_id)


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
@pytest.mark.parametrize("match", ['"1"', "*"])
def test_a_change_of_the_version_that_is_there_is_made(api, place_order, method, path, body, match):
    order_id = place_order(cup=1)["id"]

    response = getattr(api, method)(
        path.format(order_id), body, content_type="application/json", headers={"If-Match": match}
    )

    assert response.status_code in (200, 204)
    assert_one_event_per_version(order_id)


def test_a_stale_change_that_would_change_nothing_is_refused_too(api, place_order):
    order_id = place_order(cup=1)["id"]

    response = api.patch(f"/api/v1/orders/{order_id}", {}, content_type="application/json", headers={"If-Match": '"5"'})

    assert_refused(response, 412, "version_mismatch")


def test_if_match_is_compared_under_the_lock(api, place_order):
    """A change that waits for another one sees what that one made of the order."""
    order_id = place_order(cup=1)["id"]
    answers = []

    def change() -> None:
        answers.append(
            api.patch(
                f"/api/v1/orders/{order_id}",
                {"note": "second"},
                content_type="application/json",
                headers={"If-Match": '"1"'},
            )
        )
        connection.close()

    second = threading.Thread(target=change)
    with transaction.atomic():
        Order.objects.select_for_update().get(pk=order_id)
        second.start()
        wait_until_somebody_waits_for_a_lock()
        Order.objects.filter(pk=order_id).update(version=2)
    second.join()

    problem = assert_refused(answers[0], 412, "version_mismatch")
    assert problem["current_version"] == 2


def test_an_order_that_others_hold_for_long_is_busy_and_nothing_is_changed(api, place_order):
    order_id = place_order(cup=1)["id"]
    answers = []

    def change() -> None:
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = 50")
        for method, path, body in CHANGES:
            answers.append(getattr(api, method)(path.format(order_id), body, content_type="application/json"))
        connection.close()

    other = threading.Thread(target=change)
    with transaction.atomic():
        Order.objects.select_for_update().get(pk=order_id)
        other.start()
        other.join()

    assert len(answers) == len(CHANGES)
    for answer in answers:
        assert_refused(answer, 409, "order_busy")
        assert answer.headers["Retry-After"] == "1"
    assert Order.objects.get().version == 1
