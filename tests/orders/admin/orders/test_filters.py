"""What the list of orders can be narrowed by, beside storefront, status and days."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.utils import timezone

from orders.models import Order, Storefront
from orders.rules.statuses import HoldKind
from tests.base import perform
from tests.orders.admin.conftest import listed
from tests.orders.asking import sell

LIST = "/admin/orders/order/"


@pytest.fixture
def narrowed(admin):
    return lambda **filters: listed(admin.get(LIST, filters))


def test_several_values_of_a_filter_are_either_and_several_filters_are_both(narrowed, sold):
    unpaid, paid, shipped = sold("confirm"), sold(), sold("confirm", "ship")
    perform("record_payment", paid.pk, kind="capture", amount=3000, psp_reference="p")

    assert narrowed(status=["pending", "confirmed"]) == [paid.number, unpaid.number]
    assert narrowed(payment_status=["unpaid", "paid"]) == [shipped.number, paid.number, unpaid.number]
    assert narrowed(payment_status="unpaid", fulfillment_status="fulfilled") == [shipped.number]
    assert narrowed(status="shipped", payment_status="paid") == []


def test_kinds_of_holds(narrowed, order_in):
    fraud, address, _ = (order_in("pending") for _ in range(3))
    perform("hold", fraud.pk, kind=HoldKind.FRAUD)
    perform("hold", address.pk, kind=HoldKind.ADDRESS)

    assert narrowed(held_up="yes") == [address.number, fraud.number]
    assert narrowed(held_up="fraud") == [fraud.number]
    assert narrowed(held_up=["fraud", "address"]) == [address.number, fraud.number]
    assert narrowed(held_up="fraud", status="confirmed") == []


def test_tags_and_carriers(narrowed, order_in):
    tagged, sent, _ = order_in("pending"), order_in("confirmed"), order_in("pending")
    Order.objects.filter(pk=tagged.pk).update(tags=["vip", "gift"])
    perform("ship", sent.pk, tracking_company="DHL")

    assert narrowed(tag="vip") == narrowed(tag=["gift", "none"]) == [tagged.number]
    assert narrowed(carrier="dhl") == [sent.number]
    assert narrowed(tag="VI", carrier="dhl") == []


def test_the_page_of_an_order_leads_to_the_others_of_its_customer(admin, order_in):
    first, second = order_in("pending", customer_id="a&b"), order_in("completed", customer_id="a&b")
    alone = order_in("pending", customer_id="c")

    def others(order):
        html = admin.get(f"{LIST}{order.pk}/change/").content.decode()
        (link,) = re.findall(r'href="([^"]*customer=[^"]*)"', html)
        return listed(admin.get(unescape(link)))

    assert others(first) == [second.number, first.number]
    assert others(alone) == [alone.number]


def test_refunds_and_returns_by_their_state(narrowed, sold, storefront):
    storefront.refund_approval_above = 0
    storefront.save()
    asked, returned, _ = sold("confirm"), sold("confirm", "ship"), sold()
    perform("record_payment", asked.pk, kind="capture", amount=3000, psp_reference="p")
    perform("request_refund", asked.pk, amount=500)
    perform("request_return", returned.pk, cause="unwanted")

    assert narrowed(refund="requested") == narrowed(refund=["requested", "settled"]) == [asked.number]
    assert narrowed(refund="settled") == narrowed(refund="approved") == []
    assert narrowed(**{"return": "requested"}) == [returned.number]
    perform("approve_return", returned.pk)
    assert narrowed(**{"return": "approved"}) == narrowed(**{"return": ["approved", "received"]}) == [returned.number]


def test_paid_but_not_confirmed(narrowed, sold):
    paid, confirmed, _ = sold(), sold("confirm"), sold()
    for order in (paid, confirmed):
        perform("record_payment", order.pk, kind="capture", amount=3000, psp_reference=order.number)

    assert narrowed(paid="unconfirmed") == [paid.number]
    assert narrowed(paid="unconfirmed", status="confirmed") == []


def test_late_is_what_should_have_been_shipped_by_its_promise_or_its_storefronts_usual_time(narrowed, order_in):
    usual, promised, kept = (order_in("confirmed") for _ in range(3))
    for status in ("shipped", "pending"):
        order_in(status)
    now = timezone.now()
    long_ago = now - timedelta(hours=49)
    Order.objects.exclude(pk=promised.pk).update(placed_at=long_ago)
    yesterday, tomorrow = ((now + timedelta(days=days)).isoformat() for days in (-1, 1))
    Order.objects.filter(pk=promised.pk).update(metadata={"estimated_delivery_at": yesterday})
    Order.objects.filter(pk=kept.pk).update(metadata={"estimated_delivery_at": tomorrow})

    assert narrowed(late="yes") == [promised.number]
    Storefront.objects.update(ship_within_hours=48)
    assert set(narrowed(late="yes")) == {promised.number, usual.number}
    Order.objects.filter(pk=promised.pk).update(metadata={"estimated_delivery_at": "soon"})
    assert narrowed(late="yes") == [usual.number]
    Storefront.objects.update(ship_within_hours=50)
    assert narrowed(late="yes") == []


def test_a_promised_day_is_over_when_it_is_over_where_the_storefront_is(order_in, client_of, other_storefront):
    sydney, new_york = order_in("confirmed"), Order.objects.get(pk=sell(client_of(other_storefront))["id"])
    perform("confirm", new_york.pk)
    Order.objects.update(metadata={"estimated_delivery_at": "2026-11-30"})
    Storefront.objects.filter(code="au").update(time_zone="Australia/Sydney")
    Storefront.objects.filter(code="nz").update(time_zone="America/New_York")

    def late(hour):
        storefronts = Storefront.objects.all()
        orders = Order.objects.late(storefronts, datetime(2026, 11, 30, 0, tzinfo=UTC) + timedelta(hours=hour))
        return set(orders.values_list("number", flat=True))

    assert late(12) == set()
    assert late(13) == {sydney.number}
    assert late(24 + 4) == {sydney.number}
    assert late(24 + 5) == {sydney.number, new_york.number}
