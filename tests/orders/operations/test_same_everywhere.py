"""An operation is the same thing whoever asks: a storefront's key, staff, or whoever runs a command."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from events.models import Event
from inventory_client.models import Reservation, Stock
from orders.models import Order
from orders.rules.lifecycle import OPERATIONS, Operation
from tests.base import READY_FOR, make_ready

# What is asked for over the API and by the command, and what staff type into the page besides what it shows.
ASKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "amend": ({"items": [{"item_id": "<item>", "quantity": 1}]}, {"quantity_<item>": "1"}),
    "cancel": ({"cause": "fraud"}, {"cause": "fraud"}),
    # On their page staff write all there is to say.
    "comment": ({"text": "Rang twice."}, {"text": "Rang twice.\nwhy"}),
    "extend": ({"minutes": 2880}, {"number": "48", "unit": "60"}),
    "hold": ({"kind": "address"}, {"kind": "address"}),
    "pack": ({"items": [{"item_id": "<item>", "quantity": 1}]}, {"units_<item>": "1"}),
    "record_payment": (
        {"kind": "capture", "amount": 1250, "psp": "acme", "psp_reference": "<order>"},
        {"kind": "capture", "amount": "12.50", "psp": "acme", "psp_reference": "<order>"},
    ),
    "receive_return": (
        {"items": [{"item_id": "<item>", "quantity": 1, "condition": "damaged", "restock": False}]},
        {"units_<item>": "1", "condition_<item>": "damaged", "restock_<item>": ""},
    ),
    "change_customer": ({"customer_id": "cus456"}, {"customer_id": "cus456"}),
    "close_return": ({}, {}),
    "correct_payment": ({}, {}),
    "request_refund": ({"amount": 400}, {"amount": "4.00"}),
    "request_return": ({"cause": "damaged"}, {"cause": "damaged"}),
    "ship": (
        {"items": [{"item_id": "<item>", "quantity": 1}], "tracking_company": "DHL", "tracking_number": "JD1"},
        {"units_<item>": "1", "tracking_company": "DHL", "tracking_number": "JD1"},
    ),
    "track": (
        {"tracking_company": "UPS", "tracking_number": "1Z"},
        {"tracking_company": "UPS", "tracking_number": "1Z"},
    ),
    "change_details": ({"note": "Ring twice.", "tags": ["vip"]}, {"note": "Ring twice.", "tags": "vip"}),
    "delete": ({}, {}),
}
BY_STAFF = [operation for operation, rules in OPERATIONS.items() if rules.permission]
_PAGES = {"change_contact": "change_details", "change_address": "change_details"}


@pytest.fixture
def by_key(api: Client):
    def ask(operation: str, order: Order, asked: dict[str, Any]) -> None:
        path = f"/api/v1/orders/{order.pk}"
        match operation:
            case "change_details":
                response = api.patch(path, asked, content_type="application/json", query_params={"reason": "why"})
            case "delete":
                response = api.delete(path, query_params={"reason": "why"})
            case _:
                body = {**asked, "reason": "why"}
                response = api.post(f"{path}/{operation}", body, content_type="application/json")
        assert response.status_code in (200, 204), response.content

    return ask


@pytest.fixture
def by_staff(database: None):
    client = Client()
    client.force_login(User.objects.create_superuser("root"))

    def ask(operation: str, order: Order, typed: dict[str, Any]) -> None:
        address = reverse(f"admin:orders_order_operation_{operation}", args=[order.pk])
        form = client.get(address).context["form"]
        shown = {name: form[name].value() for name in form.fields}
        filled = {name: value for name, value in {**shown, **typed}.items() if value not in (None, "", False)}
        page = client.post(address, {**filled, "reason": "why"})
        assert page.status_code == 302, page.content.decode()

    return ask


def by_command(operation: str, order: Order, asked: dict[str, Any]) -> None:
    data = orjson.dumps(asked).decode()
    call_command("order", operation, str(order.pk), "--data", data, "--reason", "why", stdout=StringIO())


@pytest.mark.parametrize("operation", [name for name in BY_STAFF if name not in _PAGES])
def test_key_staff_and_command_do_the_same_and_tell_the_same(
    operation, storefront, place_order, by_key, by_staff, stock
):
    storefront.refund_approval_above = 0
    storefront.save()
    asked, typed = ASKED.get(operation, ({}, {}))
    told = []

    for ask, wanted in ((by_key, asked), (by_staff, typed), (by_command, asked)):
        order = Order.objects.get(pk=place_order(cup=2)["id"])
        if operation in READY_FOR:
            make_ready(operation, order.pk)
        version = Order.all_objects.get(pk=order.pk).version
        ask(operation.value, order, _filled_in(wanted, order))
        told.append(_told(order, version + 1))
        Stock.objects.update(reserved=0)

    assert told[0] == told[1] == told[2]
    assert told[0]["operation"] == operation


def test_every_operation_is_asked_for_in_all_three_ways():
    assert {*READY_FOR, "change_details", "delete"} | set(_PAGES) == {operation.value for operation in BY_STAFF}
    assert set(Operation) - set(BY_STAFF) == {Operation.EXPIRE, Operation.ERASE}


def _filled_in(wanted: dict[str, Any], order: Order) -> dict[str, Any]:
    text = orjson.dumps(wanted).decode()
    item = order.items.get()
    filled: dict[str, Any] = orjson.loads(text.replace("<item>", str(item.pk)).replace("<order>", str(order.pk)))
    return filled


def _told(order: Order, version: int) -> dict[str, Any]:
    """What the event says and where it has left order and stock, without ids, moments and who it was."""
    event = Event.objects.with_reasons().get(stream_id=order.pk, sequence=version)
    current = Order.all_objects.get(pk=order.pk)
    assert current.version == version
    reservation = Reservation.objects.get(pk=current.reservation_id)
    told = orjson.dumps(
        {
            "type": event.type,
            **event.data,
            "reason": event.told_reason.partition(" (")[0],
            "reservation": [reservation.state, reservation.quantities],
        }
    ).decode()
    told = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}(_\d)?", "<id>", told)
    told = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<moment>", told)
    told = re.sub(r'"(key|staff|system):[^"]*"', '"<actor>"', told)
    told = re.sub(r'"number":"[^"]*"', '"number":""', told)
    result: dict[str, Any] = orjson.loads(told)
    return result
