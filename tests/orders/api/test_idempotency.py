"""A repeat is harmless: the same Idempotency-Key and body take effect once and are answered alike."""

from __future__ import annotations

import json
import random
import secrets
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from events.models import Event
from inventory_client.current import get_inventory
from inventory_client.models import Reservation, Stock
from inventory_client.values import HoldRequest
from orders import operations
from orders.models import IdempotentAnswer, Order
from orders.operations import idempotency
from orders.rules.ids import reservation_id_for
from tests.base import perform
from tests.interrupting import interrupted_before
from tests.orders.refusals import assert_nothing_held, assert_refused

CUP = {"product_id": "cup", "quantity": 2}
ORDER = {"customer_id": "cus123", "items": [CUP]}
BODIES: dict[str, Any] = {
    "/api/v1/orders": ORDER,
    "/api/v1/orders/batch": {"orders": [ORDER, {**ORDER, "items": [{"product_id": "cup", "quantity": 999}]}]},
    "/order/create": {"customerId": "cus123", "items": [{"productId": "cup", "quantity": 2}]},
}


def send(client: Client, body: Any, key: str | None = "key-1", path: str = "/api/v1/orders") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(path, body, content_type="application/json", headers=headers)


@pytest.mark.parametrize("path", BODIES)
def test_a_repeat_gets_the_first_answer_byte_for_byte(api, stock, path):
    stock(cup=10)
    first = send(api, BODIES[path], path=path)

    again = send(api, BODIES[path], path=path)

    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert {name: again.headers.get(name) for name in ("Location", "ETag", "Content-Type")} == {
        name: first.headers.get(name) for name in ("Location", "ETag", "Content-Type")
    }
    assert Order.objects.count() == 1
    assert Event.objects.count() == 1
    assert Stock.objects.get(pk="cup").reserved == 2
    assert Reservation.objects.filter(state="held").count() == 1


def test_a_repeat_gets_the_first_answer_although_the_order_has_changed_since(api, stock):
    stock(cup=10)
    first = send(api, ORDER)
    api.patch(first.headers["Location"], {"note": "later"}, content_type="application/json")

    again = send(api, ORDER)

    assert again.content == first.content
    assert again.headers["ETag"] == '"1"'


def test_a_repeat_gets_the_first_answer_although_the_order_is_deleted_and_its_stock_sold(api, stock):
    stock(cup=2)
    first = send(api, ORDER)
    api.delete(first.headers["Location"])
    assert send(api, ORDER, key=None).status_code == 201

    again = send(api, ORDER)

    assert (again.status_code, again.content) == (201, first.content)
    assert Stock.objects.get(pk="cup").reserved == 2


@pytest.mark.parametrize("path", BODIES)
def test_the_same_key_with_another_body_is_refused(api, stock, path):
    stock(cup=10)
    send(api, BODIES[path], path=path)
    other = json.loads(json.dumps(BODIES[path]).replace("cus123", "cus124"))

    response = send(api, other, path=path)

    assert_refused(response, 422, "idempotency_key_reused")
    assert Order.objects.count() == 1
    assert Stock.objects.get(pk="cup").reserved == 2


@pytest.mark.parametrize("items", [[{**CUP, "quantity": 3}], [{**CUP, "product_id": "plate"}], [CUP, CUP]])
def test_the_same_key_with_other_items_is_refused_and_holds_nothing_more(api, stock, items):
    stock(cup=10, plate=10)
    send(api, ORDER)

    response = send(api, {**ORDER, "items": items})

    assert_refused(response, 422, "idempotency_key_reused")
    assert list(Stock.objects.order_by("pk").values_list("pk", "reserved")) == [("cup", 2), ("plate", 0)]


def test_the_same_key_at_another_address_is_refused(api, stock):
    stock(cup=10)
    send(api, ORDER)

    response = send(api, {"orders": [ORDER]}, path="/api/v1/orders/batch")

    assert_refused(response, 422, "idempotency_key_reused")
    assert Order.objects.count() == 1


def test_the_order_of_keys_and_the_spaces_of_a_body_make_no_difference(api, stock):
    stock(cup=10)
    first = send(
        api, b'{"customer_id":"cus123","items":[{"product_id":"cup","quantity":2}],"metadata":{"a":"1","b":"2"}}'
    )

    again = send(
        api,
        b'{ "metadata": {"b": "2", "a": "1"},\n'
        b' "items": [ {"quantity": 2, "product_id": "cup"} ], "customer_id": "cus123"}',
    )

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content


def test_quotes_around_a_key_make_no_difference(api, stock):
    stock(cup=10)
    send(api, ORDER, key="key-1")

    assert send(api, ORDER, key='"key-1"').headers["Idempotent-Replayed"] == "true"


def test_another_storefront_s_same_key_is_another_key(api, client_of, other_storefront, stock):
    stock(cup=10)
    first = send(api, ORDER)

    response = send(client_of(other_storefront), ORDER)

    assert response.status_code == 201
    assert "Idempotent-Replayed" not in response.headers
    assert (response.json()["storefront"], response.json()["id"] == first.json()["id"]) == ("nz", False)
    assert Stock.objects.get(pk="cup").reserved == 4


def test_all_keys_of_a_storefront_share_their_idempotency_keys(api, client_of, storefront, stock):
    stock(cup=10)
    first = send(api, ORDER)

    assert send(client_of(storefront), ORDER).content == first.content


def test_without_a_key_the_same_body_is_another_order(api, stock):
    stock(cup=10)

    ids_placed = {send(api, ORDER, key=None).json()["id"] for _ in range(2)}

    assert len(ids_placed) == 2
    assert IdempotentAnswer.objects.count() == 0


@pytest.mark.parametrize("path", ["/api/v1/orders", "/order/create"])
def test_a_refusal_is_not_kept_so_the_same_request_succeeds_after_a_restock(api, stock, path):
    stock(cup=1)
    refused = send(api, BODIES[path], path=path)
    stock(cup=2)

    response = send(api, BODIES[path], path=path)

    assert_refused(refused, 409, "out_of_stock")
    assert response.status_code == 201
    assert "Idempotent-Replayed" not in response.headers


def test_a_batch_in_which_every_order_was_refused_is_tried_anew(api, stock):
    stock(cup=1)
    body = {"orders": [ORDER]}
    send(api, body, path="/api/v1/orders/batch")
    stock(cup=2)

    response = send(api, body, path="/api/v1/orders/batch")

    assert [result["status"] for result in response.json()["results"]] == [201]


def test_a_repeat_joins_the_hold_of_a_try_that_died_before_it_wrote(api, storefront, stock):
    stock(cup=2)
    reservation_id = reservation_id_for(storefront.pk, "key-1", 0, 0)
    get_inventory().hold([HoldRequest(reservation_id, {"cup": 2})])

    response = send(api, ORDER)

    assert response.status_code == 201
    assert Order.objects.get().reservation_id == reservation_id
    assert Stock.objects.get(pk="cup").reserved == 2


@pytest.mark.parametrize("sweeps", [1, 3])
def test_a_repeat_gets_its_order_after_the_hold_of_the_dead_try_was_swept(api, storefront, stock, sweeps):
    stock(cup=2)
    for attempt in range(sweeps):
        get_inventory().hold([HoldRequest(reservation_id_for(storefront.pk, "key-1", 0, attempt), {"cup": 2})])
        now = timezone.now() + timedelta(minutes=1)
        operations.sweep_holds(after=now - timedelta(days=1), before=now)

    response = send(api, ORDER)
    again = send(api, ORDER)

    assert response.status_code == 201
    assert again.content == response.content
    assert Order.objects.get().reservation_id == reservation_id_for(storefront.pk, "key-1", 0, sweeps)
    assert Stock.objects.get(pk="cup").reserved == 2


def test_a_hold_left_by_a_dead_try_with_another_body_does_not_fit(api, storefront, stock):
    stock(cup=10)
    get_inventory().hold([HoldRequest(reservation_id_for(storefront.pk, "key-1", 0, 0), {"cup": 5})])

    response = send(api, ORDER)

    assert_refused(response, 422, "idempotency_key_reused")
    assert Order.objects.count() == 0


def test_a_repeat_is_answered_while_the_inventory_is_down(api, stock, settings):
    stock(cup=10)
    first = send(api, ORDER)
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    again = send(api, ORDER)
    new = send(api, ORDER, key="key-2")

    assert (again.status_code, again.content) == (201, first.content)
    assert_refused(new, 503, "inventory_unavailable")


def test_a_number_that_is_taken_is_replaced_within_the_same_hold(api, stock, monkeypatch):
    stock(cup=10)
    monkeypatch.setattr(secrets, "randbelow", random.Random(7).randrange)
    first = send(api, ORDER, key="key-1").json()["number"]
    monkeypatch.setattr(secrets, "randbelow", random.Random(7).randrange)

    response = send(api, ORDER, key="key-2")

    assert response.status_code == 201
    assert response.json()["number"] not in (first, None)
    assert response.json()["number"] == Order.objects.get(pk=response.json()["id"]).number
    assert send(api, ORDER, key="key-2").content == response.content
    assert Event.objects.filter(data__order__number=response.json()["number"]).count() == 1
    assert Event.objects.count() == 2
    assert (Reservation.objects.count(), Stock.objects.get(pk="cup").reserved) == (2, 4)


def test_when_every_number_is_taken_nothing_is_placed_or_held(api, stock, monkeypatch):
    stock(cup=10)
    monkeypatch.setattr(secrets, "randbelow", lambda below: 0)
    first = send(api, ORDER, key=None)

    response = send(api, ORDER, key="key-2")

    assert first.json()["number"] == "AU-2222222222"
    assert_refused(response, 503, "placement_too_slow")
    assert Order.objects.count() == 1
    assert IdempotentAnswer.objects.count() == 0
    assert Stock.objects.get(pk="cup").reserved == 2


def test_a_key_whose_answer_was_forgotten_never_makes_a_second_order(api, stock):
    stock(cup=10)
    send(api, ORDER)
    operations.forget_answers(before=timezone.now() + timedelta(minutes=1))

    response = send(api, ORDER)

    assert_refused(response, 422, "idempotency_key_reused")
    assert Order.objects.count() == 1
    assert Stock.objects.get(pk="cup").reserved == 2


def test_a_key_whose_answer_was_forgotten_places_anew_once_its_first_order_is_canceled(api, stock):
    stock(cup=10)
    first = send(api, ORDER).json()["id"]
    perform("cancel", first)
    operations.forget_answers(before=timezone.now() + timedelta(minutes=1))

    response = send(api, ORDER)

    assert response.status_code == 201
    assert response.json()["id"] != first
    assert Stock.objects.get(pk="cup").reserved == 2


def test_answers_are_forgotten_in_pieces_that_stay_done_whatever_becomes_of_the_rest(storefront, monkeypatch):
    monkeypatch.setattr(idempotency, "_FORGOTTEN_AT_ONCE", 2)
    for number in range(5):
        IdempotentAnswer.objects.create(
            storefront_id=storefront.pk, key=f"k{number}", fingerprint=b"", status=201, body=b"{}"
        )

    with interrupted_before("with", number=3):
        operations.forget_answers(before=timezone.now() + timedelta(seconds=1))

    assert IdempotentAnswer.objects.count() == 1
    assert operations.forget_answers(before=timezone.now() + timedelta(seconds=1)) == 1


def test_answers_are_forgotten_by_age(api, stock):
    stock(cup=10)
    send(api, ORDER)

    young = operations.forget_answers(before=timezone.now() - timedelta(days=7))
    old = operations.forget_answers(before=timezone.now() + timedelta(seconds=1))

    assert (young, old) == (0, 1)


def test_a_refused_first_try_leaves_nothing_held(api, stock):
    stock(cup=10)

    assert_refused(send(api, {**ORDER, "items": [{"product_id": "fork", "quantity": 1}]}), 422, "unknown_product")
    assert_nothing_held()
