"""The first page: what waits for somebody, by what they may do about it, each a click from its list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.webhooks.endpoints import create_endpoint, delete_endpoint
from events.webhooks.models import WebhookDelivery
from orders.models import Order, Storefront
from orders.rules.statuses import HoldKind, PaymentKind, ReturnCause
from tests.base import perform
from tests.orders.admin.conftest import listed
from tests.orders.asking import sell

LIST = "/admin/orders/order/"


def cards(client: Client) -> dict[str, str]:
    return {card.title: card.shown for card in client.get("/admin/").context["cards"]}


def links(client: Client) -> dict[str, str]:
    return {card.title: card.href for card in client.get("/admin/").context["cards"]}


@pytest.fixture
def work(api: Client, sold: Any, storefront: Storefront) -> dict[str, Order]:
    """One order in each queue of orders."""
    storefront.refund_approval_above, storefront.ship_within_hours = 500, 24
    storefront.save()
    orders = {"pending": sold(), "confirmed": sold("confirm"), "late": sold("confirm")}
    orders["held"] = sold()
    perform("hold", orders["held"].pk, kind=HoldKind.FRAUD, reason="three cards")
    for name, approved in (("refund", False), ("approved", True)):
        orders[name] = sold("confirm", "ship")
        perform("record_payment", orders[name].pk, kind=PaymentKind.CAPTURE, amount=3000, psp_reference=f"pi_{name}")
        perform("request_refund", orders[name].pk, amount=2000, by="staff:bob")
        if approved:
            perform("approve_refund", orders[name].pk, by="staff:eve")
    for name, approved in (("return", False), ("back", True)):
        orders[name] = sold("confirm", "ship")
        perform("request_return", orders[name].pk, cause=ReturnCause.DAMAGED)
        if approved:
            perform("approve_return", orders[name].pk)
    two_days_ago = timezone.now() - timedelta(days=2)
    Order.objects.filter(pk=orders["late"].pk).update(placed_at=two_days_ago)
    Order.objects.update(reserved_until=timezone.now() + timedelta(days=3))
    Order.objects.filter(pk=orders["held"].pk).update(reserved_until=timezone.now() - timedelta(minutes=1))
    return orders


QUEUES = {
    "To confirm": ["held", "pending"],
    "Reservations that end today": ["held"],
    "Late to be shipped": ["late"],
    "To ship": ["late", "confirmed"],
    "On hold: Fraud suspected": ["held"],
    "Refunds to approve": ["refund"],
    "Refunds to pay out": ["approved"],
    "Returns to approve": ["return"],
    "Returns to receive": ["back"],
}
SEES = {
    "support": {"To confirm", "Reservations that end today", "On hold: Fraud suspected", "Returns to approve"},
    "warehouse": {"Late to be shipped", "To ship", "Returns to receive"},
    "finance": {"On hold: Fraud suspected", "Refunds to approve", "Refunds to pay out"},
    "lead": set(QUEUES) - {"Refunds to pay out"},
    "auditor": set(QUEUES),
}


def test_each_queue_counts_what_the_list_behind_it_shows(admin, work):
    counted, behind = cards(admin), links(admin)

    assert set(counted) == set(QUEUES)  # none of what has failed: nothing has
    for title, names in QUEUES.items():
        assert counted[title] == str(len(names)), title
        numbers = listed(admin.get(behind[title]))
        assert sorted(numbers) == sorted(work[name].number for name in names), title


@pytest.mark.parametrize("group", SEES)
def test_a_group_sees_the_queues_it_works_on_and_who_only_looks_all(staff, work, group):
    assert set(cards(staff(group))) == SEES[group]


def test_a_refund_that_somebody_has_asked_for_waits_for_others(staff, work):
    finance = staff("finance")
    User.objects.filter(username="finance").update(username="bob")  # who has asked for it

    assert cards(finance)["Refunds to approve"] == "0"
    assert listed(finance.get(LIST, {"refund": "for_me"})) == []
    assert listed(staff("lead").get(LIST, {"refund": "for_me"})) == [work["refund"].number]


def test_neither_does_one_they_have_asked_for_by_a_key_of_theirs(staff, work):
    work["refund"].refunds.update(requested_by="key:k555", requester="staff:finance")

    assert cards(staff("finance"))["Refunds to approve"] == "0"


def test_the_day_that_was_promised_decides_what_is_late(api, admin, sold):
    promised = {"metadata": {"estimated_delivery_at": "2026-01-02T10:00:00Z"}}
    broken, kept = Order.objects.get(pk=sell(api, **promised)["id"]), sold("confirm")
    perform("confirm", broken.pk)
    Storefront.objects.update(ship_within_hours=1)
    Order.objects.filter(pk=kept.pk).update(
        placed_at=timezone.now() - timedelta(days=9), metadata={"estimated_delivery_at": "2999-01-01"}
    )

    assert cards(admin)["Late to be shipped"] == "1"
    assert listed(admin.get(LIST, {"late": "yes"})) == [broken.number]


def test_staff_who_are_limited_count_their_storefronts_alone(staff, work, other_storefront):
    support, auditor = staff("support"), staff("auditor")
    User.objects.get(username="support").storefronts.set([other_storefront])
    User.objects.get(username="auditor").storefronts.set([other_storefront])

    assert set(cards(support).values()) == {"0"}
    # What is on hold is shown only where there is something.
    assert set(cards(auditor)) == set(QUEUES) - {"On hold: Fraud suspected"}
    assert set(cards(auditor).values()) == {"0"}


def test_no_count_goes_further_than_it_takes_to_say_many(admin, work, monkeypatch):
    monkeypatch.setattr("orders.reading.queues.MOST_COUNTED", 1)

    assert cards(admin)["To ship"] == "1+"


def test_the_page_asks_no_more_the_more_there_is(admin, work, sold):
    admin.get("/admin/")
    with CaptureQueriesContext(connection) as few:
        admin.get("/admin/")
    for _ in range(3):
        sold("confirm")
    with CaptureQueriesContext(connection) as many:
        admin.get("/admin/")

    assert len(many) == len(few) <= 32


def test_the_card_of_failed_webhooks_leads_to_exactly_those(admin: Client, api: Client, storefront: Storefront):
    kept, gone = (
        create_endpoint(
            storefront.pk, source="/storefronts/au", url=f"https://hooks.example.com/{name}", by="staff:eve"
        )[0]
        for name in ("kept", "gone")
    )
    sell(api)
    sell(api)
    (first, *_) = WebhookDelivery.objects.filter(endpoint_id=kept.pk)
    WebhookDelivery.objects.filter(pk=first.pk).update(state="delivered")
    WebhookDelivery.objects.exclude(state="delivered").update(state="failed", last_error="no answer")
    delete_endpoint(gone.pk, by="staff:eve")

    page = admin.get(links(admin)["Webhook deliveries failed"])

    assert cards(admin)["Webhook deliveries failed"] == "1"
    (row,) = page.context["cl"].result_list
    assert (row.endpoint_id, row.state) == (kept.pk, "failed")
    delivery = f"/admin/events/webhookendpoint/{kept.pk}/deliveries/{row.event_id}/"
    assert f'href="{delivery}"' in page.content.decode()
    assert admin.get(delivery).status_code == 200
