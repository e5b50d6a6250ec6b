"""What payment events tell is recorded as the API records it."""

from __future__ import annotations

from typing import Any

import pytest

from events.models import Event
from orders.models import Order, PaymentRecord
from tests.base import perform
from tests.orders.incoming.conftest import ComesIn


def captured(order: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"order_id": order["id"], "amount": 1000, "currency": "AUD", "psp_reference": "pi_1", **more}


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("payment.authorized", "authorization"),
        ("payment.captured", "capture"),
        ("payment.voided", "void"),
        ("payment.refunded", "refund"),
        ("payment.refund_failed", "refund_failed"),
        ("payment.charged_back", "chargeback"),
        ("payment.chargeback_won", "chargeback_won"),
    ],
)
def test_each_type_is_a_kind_of_payment(place_order, comes_in: ComesIn, event_type, kind):
    order = place_order(cup=1)

    event = comes_in(event_type, captured(order, psp="adyen"), time="2026-11-30T12:00:00Z")

    assert event.state == "handled", event.last_error
    payment = PaymentRecord.objects.get()
    assert (payment.kind, payment.amount, payment.currency, payment.psp_reference) == (kind, 1000, "AUD", "pi_1")
    assert f"{payment.occurred_at:%Y-%m-%d %H:%M}" == "2026-11-30 12:00"


def test_it_is_told_who_recorded_it_and_by_which_event(place_order, comes_in: ComesIn):
    order = place_order(cup=1)

    comes_in("payment.captured", captured(order), traceparent="00-abc")

    told = Event.objects.get(stream_id=order["id"], sequence=2)
    assert (told.actor, told.request_id, told.trace) == ("system:consume_events", "evt-1", "00-abc")


def test_an_order_is_named_by_storefront_and_number_too(place_order, comes_in: ComesIn):
    order = place_order(cup=1)
    data = captured(order, storefront="au", number=order["number"])
    del data["order_id"]

    comes_in("payment.captured", data)

    assert Order.objects.get().captured_amount == 1000


def test_the_same_payment_told_by_two_events_is_recorded_once(place_order, comes_in: ComesIn):
    order = place_order(cup=1)

    states = [comes_in("payment.captured", captured(order)).state for _ in range(2)]

    assert states == ["handled", "handled"]
    assert PaymentRecord.objects.count() == 1
    assert Order.objects.get().version == 2


def test_facts_are_recorded_in_any_order(place_order, comes_in: ComesIn):
    order = place_order(cup=1)

    comes_in("payment.refunded", captured(order, psp_reference="re_1"), subject=order["id"], sequence=2)
    comes_in("payment.captured", captured(order), subject=order["id"], sequence=1)

    assert sorted(PaymentRecord.objects.values_list("kind", flat=True)) == ["capture", "refund"]


def test_what_was_told_differently_before_is_a_dead_letter_at_once(place_order, comes_in: ComesIn):
    order = place_order(cup=1)
    comes_in("payment.captured", captured(order))

    event = comes_in("payment.captured", captured(order, amount=999))

    assert (event.state, event.attempts) == ("dead", 1)
    assert "has been recorded with another amount or currency" in event.last_error
    assert PaymentRecord.objects.get().amount == 1000


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"amount": -5}, "/amount: Expected `int` >= 1"),
        ({"amount": None}, "Expected `int`, got `null`"),
        ({"psp_reference": ""}, "/psp_reference: Expected"),
        ({"currency": "ZZZ"}, "currency"),
        ({"currency": "EUR"}, "EUR"),
        ({"psp": "a\0b"}, "U+0000"),
        ({"order_id": None}, "The event names no order: give its order_id, or its storefront and number."),
        ({"occurred_at": "1800-01-01T00:00:00Z"}, "occurred_at lies before 1970 or after 2200"),
    ],
)
def test_data_that_cannot_be_right_is_a_dead_letter_at_once(place_order, comes_in: ComesIn, change, told):
    order = place_order(cup=1)
    comes_in("payment.captured", captured(order, psp_reference="first"))  # the order's currency is known by it

    event = comes_in("payment.captured", {**captured(order), **change})

    assert (event.state, event.attempts, told in event.last_error) == ("dead", 1, True), event.last_error
    assert PaymentRecord.objects.count() == 1


@pytest.mark.parametrize(
    "name", [{"order_id": "01a2067f-0000-7000-8000-000000000000"}, {"storefront": "au", "number": "AU-NOSUCHORDER"}]
)
def test_an_order_that_is_not_there_may_still_come(storefront, comes_in: ComesIn, name):
    event = comes_in("payment.captured", {"amount": 1000, "psp_reference": "pi_1", **name})

    assert (event.state, event.attempts) == ("due", 1)


def test_a_payment_of_a_deleted_order_is_recorded_as_late(place_order, comes_in: ComesIn):
    order = place_order(cup=1)
    perform("delete", order["id"])

    comes_in("payment.captured", captured(order))

    assert PaymentRecord.objects.get().late
