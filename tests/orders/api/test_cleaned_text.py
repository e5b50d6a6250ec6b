"""Contacts, addresses and currencies are taken as they were meant."""

from __future__ import annotations

import pytest

from orders.models import Order
from tests.orders.refusals import assert_nothing_happened, assert_refused

CUP = {"product_id": "cup", "quantity": 1}
TYPED = {
    "contact": {"email": "\u00a0ann@example.com\n"},
    "shipping_address": {
        "name": "\u202bمی\u200cخواهم\u202c",
        "line1": "\ufeff1\u00a0Main St\t",
        "line2": " \u200b",
        "city": "Pristina ",
        "region": "",
        "postal_code": "１００００",
        "country": " xk",
    },
    "billing_address": {"name": "\u3000", "city": " "},
}
MEANT = {
    "email": "ann@example.com",
    "shipping_address": {
        "name": "می\u200cخواهم",
        "line1": "1 Main St",
        "line2": None,
        "city": "Pristina",
        "region": None,
        "postal_code": "10000",
        "country": "XK",
    },
    "billing_address": None,
}


def told(order):
    return {
        "email": order["contact"]["email"],
        "shipping_address": order["shipping_address"],
        "billing_address": order["billing_address"],
    }


def stored():
    order = Order.objects.get()
    return {
        "email": order.contact_email,
        "shipping_address": order.shipping_address,
        "billing_address": order.billing_address,
    }


def test_placing_takes_them(api, stock):
    stock(cup=1)
    body = {"customer_id": "c", "currency": "aud\u200e", "items": [CUP], **TYPED}

    response = api.post("/api/v1/orders", body, content_type="application/json")

    assert response.status_code == 201
    assert (told(response.json()), stored()) == (MEANT, MEANT)
    assert response.json()["currency"] == Order.objects.get().currency == "AUD"


def test_a_batch_takes_them(api, stock):
    stock(cup=1)
    body = {"orders": [{"customer_id": "c", "currency": " aud", "items": [CUP], **TYPED}]}

    response = api.post("/api/v1/orders/batch", body, content_type="application/json")

    (result,) = response.json()["results"]
    assert (result["status"], told(result["order"]), result["order"]["currency"]) == (201, MEANT, "AUD")


def test_changing_details_takes_them(api, place_order):
    order = place_order(cup=1)

    response = api.patch(f"/api/v1/orders/{order['id']}", TYPED, content_type="application/json")

    assert response.status_code == 200
    assert (told(response.json()), stored()) == (MEANT, MEANT)


def test_what_shows_nothing_takes_away_what_was_there(api, place_order):
    order = place_order(cup=1)
    path = f"/api/v1/orders/{order['id']}"
    api.patch(path, {"contact": {"email": "a@b.co"}, "shipping_address": {"city": "Perth"}}, "application/json")

    changed = api.patch(
        path, {"contact": {"email": " "}, "shipping_address": {"city": "\u200b"}}, "application/json"
    ).json()

    assert (changed["contact"]["email"], changed["shipping_address"]["city"]) == (None, None)
    assert Order.objects.get().shipping_address is None


def test_the_same_typed_otherwise_is_no_change(api, place_order):
    order = place_order(cup=1)
    path = f"/api/v1/orders/{order['id']}"
    before = api.patch(path, {"shipping_address": {"country": "AU"}}, content_type="application/json").json()

    after = api.patch(path, {"shipping_address": {"country": "\u200eau"}}, content_type="application/json").json()

    assert after == before


def test_a_payment_names_its_currency_in_any_case(api, place_order):
    order = place_order(cup=1)
    payment = {"kind": "capture", "amount": 1, "psp_reference": "p", "currency": "usd "}

    response = api.post(f"/api/v1/orders/{order['id']}/record_payment", payment, content_type="application/json")

    assert (response.status_code, response.json()["payments"][0]["currency"]) == (200, "USD")


def test_a_repeat_that_was_typed_otherwise_is_the_same_order(api, stock):
    stock(cup=2)
    body = {"customer_id": "c", "items": [CUP], "shipping_address": {"country": "AU"}}
    again = {"customer_id": "c", "items": [CUP], "shipping_address": {"country": "au "}}
    key = {"Idempotency-Key": "k"}

    first = api.post("/api/v1/orders", body, content_type="application/json", headers=key)
    second = api.post("/api/v1/orders", again, content_type="application/json", headers=key)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert Order.objects.count() == 1


@pytest.mark.parametrize("email", ["nobody", "a b@example.com", "Ann <ann@example.com>", "ann@exa\u200bmple..com"])
def test_an_email_that_is_none_is_refused_whoever_sends_it(api, stock, place_order, email):
    stock(cup=1)
    body = {"customer_id": "c", "items": [CUP], "contact": {"email": email}}

    placing = api.post("/api/v1/orders", body, content_type="application/json")

    problem = assert_refused(placing, 400, "validation_error")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/contact/email", "wrong_format")]
    assert problem["errors"][0]["detail"].startswith("Expected one e-mail address, such as ann@example.com")
    assert_nothing_happened()
    order = place_order(cup=1)
    patch = api.patch(f"/api/v1/orders/{order['id']}", {"contact": {"email": email}}, content_type="application/json")
    assert (patch.status_code, patch.json()["errors"][0]["pointer"]) == (400, "/contact/email")


def test_a_bulk_change_of_details_is_refused_with_the_way_to_the_email(api, place_order):
    order = place_order(cup=1)
    body = {"operation": "change_details", "ids": [order["id"]], "arguments": {"contact": {"email": "nobody"}}}

    response = api.post("/api/v1/orders/bulk", body, content_type="application/json")

    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/arguments/contact/email")
