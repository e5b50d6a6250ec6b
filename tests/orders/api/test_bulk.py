"""One operation for several orders: each is done or refused on its own, and told in the order asked."""

from __future__ import annotations

from typing import Any

import pytest

from orders.models import IdempotentAnswer, Order
from orders.rules.scopes import Scope
from orders.rules.statuses import HoldKind
from tests.base import perform
from tests.orders.asking import ask, done, event_count, everything, item_ids, last_event, read, reserved, sell
from tests.orders.refusals import assert_refused

UNKNOWN = "01a2068a-33c2-75f8-9a09-a014ce1a34b0"


def bulk(api, operation, ids, headers=None, **arguments):
    body = {"operation": operation, "ids": ids, "arguments": arguments}
    return api.post("/api/v1/orders/bulk", body, content_type="application/json", headers=headers or {})


def results(response):
    """Of each order: its id, what it would have been answered alone, and the code of a refusal."""
    assert response.status_code == 200, response.content
    return [
        (result["id"], result["status"], result["error"]["code"] if "error" in result else None)
        for result in response.json()["results"]
    ]


def test_what_an_answer_has_no_room_for_is_not_done_and_can_be_asked_for_anew(api, place_order):
    ids = sorted(place_order(cup=1)["id"] for _ in range(6))
    Order.objects.update(note="x" * 1_500_000)  # three of them are more than 4 MB
    key = {"Idempotency-Key": "k"}

    first = bulk(api, "confirm", ids, key)
    statuses = [read(api, order_id)["status"] for order_id in ids]
    again = bulk(api, "confirm", ids, key)
    rest = bulk(api, "confirm", ids[3:], key)

    full = [(order_id, 409, "answer_full") for order_id in ids[3:]]
    assert results(first) == results(again) == [*((order_id, 200, None) for order_id in ids[:3]), *full]
    assert statuses == ["confirmed"] * 3 + ["pending"] * 3
    assert results(rest) == [(order_id, 200, None) for order_id in ids[3:]]
    assert [read(api, order_id)["version"] for order_id in ids] == [2] * 6


def test_once_its_time_is_up_the_others_are_refused_untouched(api, place_order, monkeypatch):
    monkeypatch.setattr("orders.api.bulk.MAX_BULK_SECONDS", 0)
    ids = sorted(place_order(cup=1)["id"] for _ in range(2))
    before = everything()

    response = bulk(api, "confirm", ids)

    assert results(response) == [(order_id, 409, "no_time_left") for order_id in ids]
    assert everything() == before


def test_each_order_is_done_or_refused_on_its_own_and_told_in_the_order_asked(
    api, client_of, other_storefront, place_order
):
    ids = [place_order(cup=1)["id"] for _ in range(4)]
    foreign = sell(client_of(other_storefront))["id"]
    perform("cancel", ids[1])
    perform("hold", ids[2], kind=HoldKind.FRAUD, blocks=["confirm"])
    asked = [ids[3], UNKNOWN, ids[2], ids[0], foreign, ids[1]]

    response = bulk(api, "confirm", asked, reason="paid by phone")

    assert results(response) == [
        (ids[3], 200, None),
        (UNKNOWN, 404, "order_not_found"),
        (ids[2], 409, "order_on_hold"),
        (ids[0], 200, None),
        (foreign, 404, "order_not_found"),
        (ids[1], 409, "invalid_transition"),
    ]
    told = response.json()["results"]
    assert told[0].keys() == {"id", "status", "order"}
    assert (told[0]["order"], told[3]["order"]) == (read(api, ids[3]), read(api, ids[0]))
    problem = told[5]["error"]
    assert (problem["current"], problem["status"], problem["instance"]) == ("canceled", 409, "/api/v1/orders/bulk")
    assert problem["request_id"] == response.headers["X-Request-ID"]
    event = last_event(ids[3])
    assert (event.told_reason, event.request_id) == ("paid by phone", response.headers["X-Request-ID"])
    assert [read(api, order_id)["status"] for order_id in ids] == ["confirmed", "canceled", "pending", "confirmed"]


def test_arguments_may_be_left_out(api, place_order):
    order_id = place_order(cup=1)["id"]

    response = api.post(
        "/api/v1/orders/bulk", {"operation": "confirm", "ids": [order_id]}, content_type="application/json"
    )

    assert results(response) == [(order_id, 200, None)]


@pytest.mark.parametrize(
    ("operation", "arguments", "status"),
    [
        ("cancel", {"cause": "fraud"}, "canceled"),
        ("hold", {"kind": "address"}, "pending"),
        ("change_details", {"note": "ring twice"}, "pending"),
        ("record_payment", {"kind": "capture", "amount": 1, "psp_reference": "one"}, "pending"),
        ("delete", {}, "pending"),
    ],
)
def test_other_operations_go_the_same_way(api, place_order, operation, arguments, status):
    order_id = place_order(cup=1)["id"]

    response = bulk(api, operation, [order_id], **arguments)

    assert results(response) == [(order_id, 200, None)]
    order = response.json()["results"][0]["order"]
    assert (order["status"], order["version"]) == (status, 2)
    assert last_event(order_id).data["operation"] == operation


def test_deleted_orders_are_restored_together(api, place_order):
    ids = [place_order(cup=1)["id"] for _ in range(2)]
    bulk(api, "delete", ids)
    assert (api.get("/api/v1/orders").json()["results"], reserved()) == ([], {})

    response = bulk(api, "restore", ids)

    assert results(response) == [(order_id, 200, None) for order_id in ids]
    assert reserved() == {"cup": 2}


def test_an_item_belongs_to_one_of_the_orders_only(api, place_order):
    first, second = place_order(cup=2), place_order(cup=2)

    response = bulk(
        api,
        "amend",
        [first["id"], second["id"]],
        items=[{"item_id": item_ids(second)["cup"], "quantity": 3}],
    )

    assert results(response) == [(first["id"], 422, "unknown_part"), (second["id"], 200, None)]
    assert reserved() == {"cup": 5}


def test_if_match_is_asked_of_each(api, place_order):
    ids = [place_order(cup=1)["id"] for _ in range(2)]
    perform("hold", ids[0], kind=HoldKind.FRAUD, blocks=["ship"])

    response = bulk(api, "confirm", ids, {"If-Match": '"1"'})

    assert results(response) == [(ids[0], 412, "version_mismatch"), (ids[1], 200, None)]
    assert response.json()["results"][0]["error"]["current_version"] == 2


def test_a_key_without_the_scope_is_refused_for_each(client_of, storefront, api, place_order):
    ids = [place_order(cup=1)["id"] for _ in range(2)]
    reader = client_of(storefront, Scope.ORDERS_READ, Scope.SHIPMENTS_WRITE)
    before = everything()

    response = bulk(reader, "confirm", [*ids, UNKNOWN])

    assert results(response) == [(order_id, 403, "missing_scope") for order_id in [*ids, UNKNOWN]]
    assert everything() == before


def test_an_inventory_that_is_down_is_told_for_each(api, place_order, settings):
    ids = [place_order(cup=1)["id"] for _ in range(2)]
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    response = bulk(api, "amend", ids, items=[{"product_id": "cup", "quantity": 1}])

    assert results(response) == [(order_id, 503, "inventory_unavailable") for order_id in ids]
    assert event_count() == 2


# --- rehearsed ---------------------------------------------------------------------------------------


def test_several_orders_can_be_rehearsed(api, place_order):
    ids = [place_order(cup=2)["id"] for _ in range(2)]
    perform("cancel", ids[1])
    before = everything()

    response = bulk(api, "cancel", ids, {"Prefer": "dry-run", "Idempotency-Key": "key-1"})

    assert everything() == before
    assert response.headers["Preference-Applied"] == "dry-run"
    assert results(response) == [(ids[0], 200, None), (ids[1], 409, "invalid_transition")]
    told = response.json()["results"][0]
    assert told.keys() == {"id", "status", "order", "events", "stock", "money"}
    assert (told["order"]["status"], told["stock"]) == ("canceled", {"cup": -2})


def test_a_dry_run_foretells_that_one_payment_is_recorded_for_one_order_only(api, place_order):
    ids = [place_order(cup=1)["id"] for _ in range(3)]
    perform("hold", ids[0], kind=HoldKind.FRAUD)
    payment = {"kind": "capture", "amount": 5, "psp_reference": "one"}

    foretold = results(bulk(api, "record_payment", ids, {"Prefer": "dry-run"}, **payment))
    done = results(bulk(api, "record_payment", ids, **payment))

    conflict = (409, "payment_conflict")
    assert foretold == [(ids[0], 200, None), (ids[1], *conflict), (ids[2], *conflict)]
    assert done == foretold


def test_a_dry_run_foretells_which_order_a_payment_is_of_when_the_first_is_refused(api, place_order):
    priced = [sell(api)["id"] for _ in range(2)]
    Order.objects.filter(pk=priced[0]).update(currency="NZD")
    payment = {"kind": "capture", "amount": 5, "psp_reference": "one", "currency": "AUD"}

    foretold = results(bulk(api, "record_payment", priced, {"Prefer": "dry-run"}, **payment))
    done = results(bulk(api, "record_payment", priced, **payment))

    assert foretold == [(priced[0], 422, "currency_mismatch"), (priced[1], 200, None)]
    assert done == foretold


# --- repeated ----------------------------------------------------------------------------------------


def test_a_repeat_gets_the_same_bytes_and_has_no_second_effect(api, place_order):
    ids = [place_order(cup=1)["id"] for _ in range(3)]
    first = bulk(api, "cancel", ids, {"Idempotency-Key": "key-1"}, cause="staff")
    before = everything()

    again = bulk(api, "cancel", ids, {"Idempotency-Key": "key-1"}, cause="staff")

    assert "Idempotent-Replayed" not in first.headers
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert everything() == before


def test_a_repeat_goes_on_with_what_was_refused(api, place_order):
    ids = [place_order(cup=1)["id"] for _ in range(3)]
    perform("hold", ids[1], kind=HoldKind.FRAUD, blocks=["confirm"])
    headers = {"Idempotency-Key": "key-1"}
    first = bulk(api, "confirm", ids, headers)
    done(api, ids[1], "release_hold")
    done(api, ids[0], "ship")

    again = bulk(api, "confirm", ids, headers)
    last = bulk(api, "confirm", ids, headers)

    assert results(first) == [(ids[0], 200, None), (ids[1], 409, "order_on_hold"), (ids[2], 200, None)]
    assert results(again) == [(order_id, 200, None) for order_id in ids]
    assert "Idempotent-Replayed" not in again.headers
    assert [again.json()["results"][n] for n in (0, 2)] == [first.json()["results"][n] for n in (0, 2)]
    assert (last.content, last.headers["Idempotent-Replayed"]) == (again.content, "true")
    assert read(api, ids[0])["status"] == "shipped"


def test_more_orders_under_the_same_key_are_done_and_the_others_repeated(api, place_order):
    first, second = (place_order(cup=1)["id"] for _ in range(2))
    headers = {"Idempotency-Key": "key-1"}
    bulk(api, "confirm", [first], headers)

    response = bulk(api, "confirm", [second, first], headers)

    assert results(response) == [(second, 200, None), (first, 200, None)]
    assert [read(api, order_id)["version"] for order_id in (first, second)] == [2, 2]


@pytest.mark.parametrize(("operation", "arguments"), [("confirm", {"reason": "other"}), ("cancel", {})])
def test_other_arguments_under_the_same_key_are_refused_for_each(api, place_order, operation, arguments):
    ids = [place_order(cup=1)["id"] for _ in range(2)]
    headers = {"Idempotency-Key": "key-1"}
    bulk(api, "confirm", ids, headers)
    before = everything()

    response = bulk(api, operation, ids, headers, **arguments)

    assert results(response) == [(order_id, 422, "idempotency_key_reused") for order_id in ids]
    assert everything() == before


def test_a_key_used_for_several_orders_is_free_for_a_single_one(api, place_order):
    first, second = (place_order(cup=1)["id"] for _ in range(2))
    headers = {"Idempotency-Key": "key-1"}
    bulk(api, "confirm", [first], headers)

    assert ask(api, second, "confirm", headers).status_code == 200
    assert IdempotentAnswer.objects.count() == 2


# --- refused as a whole ------------------------------------------------------------------------------


NONSENSE: list[tuple[dict[str, Any], str, str]] = [
    ({"operation": "fly"}, "/operation", "not_a_choice"),
    ({"operation": "expire"}, "/operation", "not_a_choice"),
    ({"operation": "change_contact"}, "/operation", "not_a_choice"),
    ({"operation": "change_address"}, "/operation", "not_a_choice"),
    ({"operation": None}, "/operation", "wrong_type"),
    ({"operation": ["confirm"]}, "/operation", "wrong_type"),
    ({"ids": []}, "/ids", "out_of_range"),
    ({"ids": [UNKNOWN] * 1001}, "/ids", "out_of_range"),
    ({"ids": [UNKNOWN, UNKNOWN]}, "/ids", "not_unique"),
    ({"ids": [UNKNOWN, UNKNOWN.upper()]}, "/ids", "not_unique"),
    ({"ids": ["nope"]}, "/ids/0", "invalid"),
    ({"ids": [1]}, "/ids/0", "wrong_type"),
    ({"ids": [None]}, "/ids/0", "wrong_type"),
    ({"ids": UNKNOWN}, "/ids", "wrong_type"),
    ({"ids": None}, "/ids", "wrong_type"),
    ({"orders": []}, "/orders", "unknown_field"),
    ({"arguments": None}, "/arguments", "wrong_type"),
    ({"arguments": []}, "/arguments", "wrong_type"),
    ({"arguments": "confirm"}, "/arguments", "wrong_type"),
    ({"arguments": {"colour": "red"}}, "/arguments/colour", "unknown_field"),
    ({"arguments": {"reason": 5}}, "/arguments/reason", "wrong_type"),
    ({"arguments": {"reason": "r" * 501}}, "/arguments/reason", "out_of_range"),
    ({"arguments": {"reason": "n\0l"}}, "/arguments/reason", "nul_character"),
    ({"operation": "extend"}, "/arguments/minutes", "required"),
    ({"operation": "amend", "arguments": {"items": []}}, "/arguments/items", "out_of_range"),
    (
        {"operation": "change_details", "arguments": {"shipping_address": {"country": "ZZ"}}},
        "/arguments/shipping_address/country",
        "unknown_country",
    ),
    (
        {"operation": "change_details", "arguments": {"metadata": {"k": "n\0l"}}},
        "/arguments/metadata/k",
        "nul_character",
    ),
]


def test_what_makes_no_sense_is_refused_before_any_order_is_touched(api, place_order):
    order_id = place_order(cup=1)["id"]
    before = everything()

    for changes, pointer, code in NONSENSE:
        body = {"operation": "confirm", "ids": [order_id], "arguments": {}, **changes}
        response = api.post("/api/v1/orders/bulk", body, content_type="application/json")

        problem = assert_refused(response, 400, "validation_error")
        assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"], changes) == (pointer, code, changes)
    assert everything() == before


def test_what_is_not_json_is_refused(api):
    start = f'{{"operation": "confirm", "ids": ["{UNKNOWN}"], "arguments": '.encode()

    for body in (
        b"",
        b"confirm",
        b'{"operation": "confirm", "ids": [',
        start + b'{"reason": }}',
        start + b'{"reason": "\\ud800"}}',
        start + b'{"reason": "\xff"}}',
        start + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ):
        response = api.generic("POST", "/api/v1/orders/bulk", body, headers={"Content-Type": "application/json"})

        assert_refused(response, 400, "malformed_json")


def test_a_thousand_orders_are_taken(client_of, storefront):
    reader = client_of(storefront, Scope.ORDERS_READ)
    ids = [f"01a2068a-33c2-75f8-9a09-{number:012x}" for number in range(1000)]

    response = bulk(reader, "confirm", ids)

    assert results(response) == [(order_id, 403, "missing_scope") for order_id in ids]


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_only_post_is_taken(api, method):
    response = api.generic(method.upper(), "/api/v1/orders/bulk")

    assert_refused(response, 405, "method_not_allowed")
