"""Every operation takes effect once under one Idempotency-Key."""

from __future__ import annotations

import pytest

from orders.api.operations import POSTED
from orders.models import IdempotentAnswer
from tests.base import perform
from tests.orders.asking import ask, done, everything, item_ids, read, sell
from tests.orders.examples import EXAMPLES, ready_for
from tests.orders.refusals import assert_refused

KEY = {"Idempotency-Key": "key-1"}


def test_every_operation_has_its_example():
    assert set(EXAMPLES) == set(POSTED)


@pytest.mark.parametrize("operation", EXAMPLES)
def test_a_repeat_gets_the_same_bytes_and_has_no_second_effect(api, storefront, operation):
    order_id = sell(api)["id"]
    ready_for(operation, order_id)
    body = EXAMPLES[operation].body
    first = ask(api, order_id, operation, KEY, **body)
    before = everything()

    again = ask(api, order_id, operation, KEY, **body)
    other_body = ask(api, order_id, operation, KEY, **{**body, "reason": "another"})

    assert first.status_code == 200, first.content
    assert "Idempotent-Replayed" not in first.headers
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert_refused(other_body, 422, "idempotency_key_reused")
    assert everything() == before


@pytest.mark.parametrize("operation", EXAMPLES)
def test_a_repeat_is_answered_although_the_order_is_gone_and_the_inventory_down(api, storefront, settings, operation):
    order_id = sell(api)["id"]
    ready_for(operation, order_id)
    first = ask(api, order_id, operation, KEY, **EXAMPLES[operation].body)
    status = read(api, order_id)["status"]
    for name in {"confirmed": ["cancel", "delete"], "shipped": ["complete", "delete"]}.get(status, ["delete"]):
        if operation == "hold":
            perform("release_hold", order_id)
        if status == "pending" and read(api, order_id)["captured_amount"]:
            perform("cancel", order_id)
        perform(name, order_id)
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    again = ask(api, order_id, operation, KEY, **EXAMPLES[operation].body)

    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("operation", ["confirm", "cancel", "record_payment"])
def test_the_same_key_for_another_order_is_refused(api, storefront, operation):
    first, second = sell(api), sell(api)
    done(api, first["id"], operation, KEY, **EXAMPLES[operation].body)

    response = ask(api, second["id"], operation, KEY, **EXAMPLES[operation].body)

    assert_refused(response, 422, "idempotency_key_reused")
    assert read(api, second["id"]) == second


def test_the_same_key_for_another_operation_is_refused(api, storefront):
    placed = sell(api)
    before = done(api, placed["id"], "confirm", KEY)

    response = ask(api, placed["id"], "cancel", KEY)

    assert_refused(response, 422, "idempotency_key_reused")
    assert read(api, placed["id"]) == before


def test_a_key_that_placed_an_order_does_nothing_else(api, stock):
    stock(cup=10)
    order = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
    placed = api.post("/api/v1/orders", order, content_type="application/json", headers=KEY).json()

    response = ask(api, placed["id"], "confirm", KEY)

    assert_refused(response, 422, "idempotency_key_reused")
    assert read(api, placed["id"]) == placed


def test_another_storefront_s_keys_are_its_own(api, client_of, other_storefront, storefront):
    foreign = client_of(other_storefront)
    done(api, sell(api)["id"], "confirm", KEY)

    response = ask(foreign, sell(foreign)["id"], "confirm", KEY)

    assert response.status_code == 200
    assert "Idempotent-Replayed" not in response.headers


def test_how_a_body_is_written_makes_no_difference(api, storefront):
    path = f"/api/v1/orders/{sell(api)['id']}/cancel"
    headers = {**KEY, "Content-Type": "application/json"}
    first = api.generic("POST", path, b'{"cause":"staff","reason":"r"}', headers=headers)

    again = api.generic("POST", path, b' {"reason": "\\u0072",\n "cause": "staff"} ', headers=headers)

    assert (first.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_no_body_and_an_empty_one_are_the_same(api, storefront):
    path = f"/api/v1/orders/{sell(api)['id']}/confirm"
    first = api.generic("POST", path, headers=KEY)

    again = api.generic("POST", path, b"{}", headers={**KEY, "Content-Type": "application/json"})

    assert (first.status_code, again.content) == (200, first.content)


def test_a_refusal_is_not_kept(api, storefront):
    order_id = sell(api)["id"]
    refused = ask(api, order_id, "ship", KEY)
    done(api, order_id, "confirm")

    response = ask(api, order_id, "ship", KEY)

    assert_refused(refused, 409, "invalid_transition")
    assert response.status_code == 200
    assert "Idempotent-Replayed" not in response.headers


def test_what_changed_nothing_is_tried_anew(api, storefront):
    placed = sell(api)
    item = item_ids(placed)["cup"]
    unchanged = ask(api, placed["id"], "track", KEY)

    response = ask(api, placed["id"], "cancel", KEY, items=[{"item_id": item, "quantity": 1}])

    assert (unchanged.status_code, unchanged.json()) == (200, placed)
    assert (response.status_code, response.json()["version"]) == (200, 2)
    assert IdempotentAnswer.objects.count() == 1


def test_a_key_whose_answer_was_forgotten_does_the_operation_again(api, storefront):
    placed = sell(api, {"product_id": "cup", "quantity": 3})
    one_cup = [{"item_id": item_ids(placed)["cup"], "quantity": 1}]
    done(api, placed["id"], "cancel", KEY, items=one_cup)
    IdempotentAnswer.objects.all().delete()

    again = done(api, placed["id"], "cancel", KEY, items=one_cup)

    assert (again["version"], again["items"][0]["canceled"]) == (3, 2)


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "k" * 256, "a\tb"])
def test_a_key_that_cannot_be_is_refused(api, storefront, key):
    placed = sell(api)

    response = ask(api, placed["id"], "confirm", {"Idempotency-Key": key})

    problem = assert_refused(response, 400, "validation_error")
    assert problem["errors"][0]["pointer"] == "Idempotency-Key"
    assert read(api, placed["id"]) == placed
