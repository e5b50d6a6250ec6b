"""Telephone numbers: kept as they were typed, told in E.164 as well, and never in an order's way."""

from __future__ import annotations

import importlib

import pytest
from django.apps import apps

from events.models import Event
from orders.models import Order
from orders.rules.scopes import Scope

CUP = {"product_id": "cup", "quantity": 1}


@pytest.fixture
def place(api, stock):
    stock(cup=1000)

    def placed(phone, **body):
        response = api.post(
            "/api/v1/orders",
            {"customer_id": "c", "items": [CUP], "contact": {"phone": phone}, **body},
            content_type="application/json",
        )
        assert response.status_code == 201, response.content
        return response.json()

    return placed


def patched(api, order, **body):
    response = api.patch(f"/api/v1/orders/{order['id']}", body, content_type="application/json")
    assert response.status_code == 200, response.content
    return response.json()


@pytest.mark.parametrize(
    ("typed", "kept", "number"),
    [
        ("02 5550 1234", "02 5550 1234", "+61255501234"),
        ("\u202a+61 2 5550\u00a01234\u202c\n", "+61 2 5550 1234", "+61255501234"),
        ("０２　５５５０　１２３４", "02 5550 1234", "+61255501234"),
        ("٠٢٥٥٥٠١٢٣٤", "0255501234", "+61255501234"),
        ("call me", "call me", None),
        ("+49 800 123456789012", "+49 800 123456789012", None),
        ("ask for Ann: 02 5550 1234 (or the shop's, before nine in the morning)",) * 2 + (None,),
        ("1", "1", None),
        (" \u200b", None, None),
        (None, None, None),
    ],
)
def test_no_order_is_refused_for_its_number(api, place, typed, kept, number):
    order = place(typed, shipping_address={"country": "AU"})

    assert order["contact"] == {"email": None, "phone": kept, "phone_e164": number}
    assert api.get(f"/api/v1/orders/{order['id']}").json() == order
    stored = Order.objects.get()
    assert (stored.contact_phone, stored.contact_phone_e164) == (kept, number)


@pytest.mark.parametrize(
    ("addresses", "number"),
    [
        ({"shipping_address": {"country": "nz"}, "billing_address": {"country": "AU"}}, "+6495551234"),
        ({"shipping_address": {"city": "Berlin"}, "billing_address": {"country": "DE"}}, "+4995551234"),
        ({"billing_address": {"country": "DE"}}, "+4995551234"),
        ({}, None),
    ],
)
def test_a_number_without_its_countrys_code_is_read_in_that_of_the_addresses(place, addresses, number):
    assert place("09 555 1234", **addresses)["contact"] == {"email": None, "phone": "09 555 1234", "phone_e164": number}


def test_a_change_of_number_or_country_tells_it_anew(api, place):
    order = place("02 5550 1234")
    assert order["contact"]["phone_e164"] is None

    order = patched(api, order, shipping_address={"country": "AU"})
    assert order["contact"] == {"email": None, "phone": "02 5550 1234", "phone_e164": "+61255501234"}

    order = patched(api, order, contact={"phone": "03 5550 1234"})
    assert order["contact"]["phone_e164"] == "+61355501234"

    order = patched(api, order, shipping_address=None)
    assert order["contact"] == {"email": None, "phone": "03 5550 1234", "phone_e164": None}

    order = patched(api, order, contact={"phone": "+49 176 12345678"})
    assert order["contact"]["phone_e164"] == "+4917612345678"

    order = patched(api, order, contact={"phone": None})
    assert order["contact"] == {"email": None, "phone": None, "phone_e164": None}


def test_both_in_one_change_are_read_together(api, place):
    order = place("call me", shipping_address={"country": "AU"})

    order = patched(api, order, contact={"phone": "0176 12345678"}, shipping_address={"country": "DE"})

    assert order["contact"]["phone_e164"] == "+4917612345678"


def test_it_is_made_here_and_cannot_be_sent(api, place):
    order = place("02 5550 1234")

    response = api.patch(
        f"/api/v1/orders/{order['id']}", {"contact": {"phone_e164": "+1"}}, content_type="application/json"
    )

    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "unknown_field")


def test_whoever_may_not_see_people_sees_no_number_and_is_not_told_of_one(client_of, storefront, api, place):
    with_one = place("02 5550 1234")
    without = place(None)
    masked = client_of(storefront, Scope.ORDERS_READ, Scope.ORDERS_WRITE)

    told = [
        (
            patched(masked, order, shipping_address={"country": "AU"})["contact"],
            sorted(Event.objects.get(stream_id=order["id"], sequence=2).data["changes"]),
        )
        for order in (with_one, without)
    ]

    nothing = {"email": None, "phone": None, "phone_e164": None}
    assert told == [(nothing, ["contact", "shipping_address"])] * 2
    assert api.get(f"/api/v1/orders/{with_one['id']}").json()["contact"]["phone_e164"] == "+61255501234"


def test_no_event_has_it(place):
    place("02 5550 1234", shipping_address={"country": "AU"})

    assert "5550" not in str(Event.objects.get().data)


def test_orders_so_far_get_theirs_by_migration(place):
    read = place("02 5550 1234", billing_address={"country": "AU"})
    unread = place("call me", shipping_address={"country": "AU"})
    place(None)
    Order.objects.update(contact_phone_e164=None)

    importlib.import_module("orders.migrations.0015_phone_numbers")._read_phones(apps, None)

    known = {str(order_id): number for order_id, number in Order.objects.values_list("pk", "contact_phone_e164")}
    assert (known[read["id"]], known[unread["id"]]) == ("+61255501234", None)
    assert sorted(known.values(), key=str) == ["+61255501234", None, None]
