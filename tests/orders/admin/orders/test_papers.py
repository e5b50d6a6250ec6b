"""Packing slips and order summaries, to be printed: of one order from its page, of many from the list."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from orders.admin.orders import papers
from orders.models import Order, Refund, StaffSettings, Storefront
from orders.requests.operations import Units
from orders.rules.statuses import HoldKind
from tests.base import perform
from tests.orders.admin.conftest import messages_of, page_of
from tests.orders.asking import sell

LIST = "/admin/orders/order/"
ADA = {
    "contact": {"email": "ada@example.com"},
    "shipping_address": {"name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "country": "GB"},
    "note": "Leave it at the back door.",
}


@pytest.fixture
def ada(api) -> Order:
    """Two cups and a plate, confirmed, one cup of it packed: 30.00 AUD."""
    order: Order = Order.objects.get(pk=sell(api, **ADA)["id"])
    perform("confirm", order.pk)
    cup = order.items.get(product_id="cup")
    perform("pack", order.pk, items=[Units(cup.pk, 1)])
    order.refresh_from_db()
    return order


def paper(slug, *orders):
    return papers.papers_url(papers.PAPERS[slug], [order.pk for order in orders])


def text_of(page):
    """What can be read of a page, blanks as one."""
    body = page.content.decode().partition("<main>")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_a_packing_slip_has_what_is_still_to_leave_parcel_by_parcel_and_no_price(admin, ada):
    page = admin.get(paper("packing_slip", ada))

    (sheet,) = page.context["papers"]
    assert [(parcel.title, [(unit.name, unit.quantity) for unit in parcel.units]) for parcel in sheet["parcels"]] == [
        (f"Parcel 1, packed {ada.shipments.get().packed_at:%Y-%m-%d}", [("cup", 1)]),
        ("Still to be packed", [("cup", 1), ("plate", 1)]),
    ]
    text = text_of(page)
    assert text.startswith(f"Australia Packing slip Order {ada.number}")
    assert (
        "Ship to Ada Lovelace 12 St James&#x27;s Square London United Kingdom Note Leave it at the back door." in text
    )
    assert "AUD" not in text
    assert not re.search(r"\d\.\d\d", text)


def parcels_on(page):
    (sheet,) = page.context["papers"]
    return [(parcel.title, [(unit.name, unit.quantity) for unit in parcel.units]) for parcel in sheet["parcels"]]


def test_a_packing_slip_has_no_more_of_a_packed_parcel_than_is_shipped_of_it(admin, sold):
    order = sold("confirm")
    cup, plate = order.items.get(product_id="cup"), order.items.get(product_id="plate")
    perform("pack", order.pk, items=[Units(cup.pk, 2)])
    perform("cancel", order.pk, items=[Units(cup.pk, 1), Units(plate.pk, 1)])

    ((_, packed),) = parcels_on(admin.get(paper("packing_slip", order)))
    perform("ship", order.pk)

    assert packed == [("cup", 1)]
    assert [line.quantity for line in order.shipments.get().items.all()] == [1]


def test_a_parcel_of_which_only_the_tracking_is_known_is_none_yet(admin, sold):
    order = sold("confirm")
    perform("track", order.pk, tracking_company="DHL", tracking_number="123")

    to_be_packed = parcels_on(admin.get(paper("packing_slip", order)))
    perform("cancel", order.pk)

    assert to_be_packed == [("To be packed", [("cup", 2), ("plate", 1)])]
    assert "Nothing of this order is to be shipped: it is canceled." in text_of(admin.get(paper("packing_slip", order)))


def test_each_sheet_has_its_days_in_the_zone_of_its_storefront(admin, sold, client_of, other_storefront):
    orders = [sold("confirm"), Order.objects.get(pk=sell(client_of(other_storefront))["id"])]
    perform("confirm", orders[1].pk)
    late = datetime(2026, 11, 30, 20, 30, tzinfo=UTC)
    Order.objects.update(placed_at=late)
    for order in orders:
        payment: dict[str, Any] = {"kind": "capture", "amount": 2500, "psp": "acme", "psp_reference": str(order.pk)}
        perform("record_payment", order.pk, **payment, occurred_at=late)
        perform("pack", order.pk, packed_at=late)
        perform("request_refund", order.pk, amount=500)
    Refund.objects.update(requested_at=late)
    Storefront.objects.filter(code="au").update(time_zone="Australia/Sydney")
    Storefront.objects.filter(code="nz").update(time_zone="America/Sao_Paulo")
    StaffSettings.objects.create(user=User.objects.get(username="ann"), time_zone="UTC")

    slips = text_of(admin.get(paper("packing_slip", *orders)))
    perform("ship", orders[0].pk, shipped_at=late)
    summaries = text_of(admin.get(paper("summary", *orders)))

    assert re.findall(r"Placed ([0-9-]+)|packed ([0-9-]+)", slips) == [
        ("2026-12-01", ""),
        ("", "2026-12-01"),
        ("2026-11-30", ""),
        ("", "2026-11-30"),
    ]
    assert re.findall(r"(?:Day|Left|Arrived) \(([^)]+)\)", summaries) == ["Sydney", "Sydney", "Sydney", "Sao Paulo"]
    assert re.findall(r"([0-9-]{10}) (Capture|Refund|–)", summaries) == [
        ("2026-12-01", "Capture"),
        ("2026-12-01", "Refund"),
        ("2026-12-01", "–"),
        ("2026-11-30", "Capture"),
        ("2026-11-30", "Refund"),
    ]


def test_what_has_left_stands_on_no_packing_slip(admin, ada):
    perform("ship", ada.pk)

    assert "Nothing of this order is to be shipped: all of it has left." in text_of(
        admin.get(paper("packing_slip", ada))
    )


@pytest.mark.parametrize(
    ("operation", "asked", "told"),
    [
        ("hold", {"kind": HoldKind.ADDRESS}, "Do not ship: on hold, address to be checked."),
        ("cancel", {}, "Nothing of this order is to be shipped: it is canceled."),
        ("delete", {}, "Do not ship: the order is deleted."),
        (None, {}, "Do not ship yet: the order is not confirmed."),
    ],
)
def test_a_packing_slip_says_what_keeps_the_order_from_leaving(admin, sold, operation, asked, told):
    order = sold() if operation in ("delete", None) else sold("confirm")
    if operation:
        perform(operation, order.pk, **asked)

    assert told in text_of(admin.get(paper("packing_slip", order)))


def test_a_summary_has_items_amounts_taxes_addresses_and_payments(admin, ada):
    perform("record_payment", ada.pk, kind="capture", amount=3000, psp="acme", psp_reference="pi_1")
    perform("request_refund", ada.pk, amount=500)

    text = text_of(admin.get(paper("summary", ada)))

    assert text.startswith(f"Australia Order summary Order {ada.number}")
    assert "Ship to Ada Lovelace" in text
    assert "Bill to As the shipping address. Contact ada@example.com" in text
    assert "cup 10.00 AUD 2 20.00 AUD plate 5.00 AUD 1 5.00 AUD" in text
    assert "Tax 0.00 AUD" in text
    assert "Total 30.00 AUD" in text
    assert "Captured 30.00 AUD" in text
    assert re.search(r"\d{4}-\d\d-\d\d Capture acme pi_1 30.00 AUD", text)
    assert re.search(r"\d{4}-\d\d-\d\d Refund, to be paid out 5.00 AUD", text)


@pytest.mark.parametrize("slug", papers.PAPERS)
def test_whoever_may_not_see_what_tells_of_a_person_prints_nothing_of_it(staff, ada, slug):
    html = staff("finance").get(paper(slug, ada)).content.decode()

    assert "Masked: your groups may not see what tells of a person." in html
    for personal in ("Ada", "St James", "ada@example.com", "back door"):
        assert personal not in html


@pytest.mark.parametrize("slug", papers.PAPERS)
def test_orders_of_other_storefronts_are_printed_for_nobody_who_does_not_see_them(
    staff, sold, client_of, other_storefront, storefront, slug
):
    own, foreign = sold(), Order.objects.get(pk=sell(client_of(other_storefront))["id"])
    client = staff("support")
    User.objects.get(username="support").storefronts.set([storefront])

    page = client.get(paper(slug, foreign, own))

    assert [sheet["order"] for sheet in page.context["papers"]] == [own]
    assert page.context["notices"] == ["1 of the orders is not known."]
    assert foreign.number not in page.content.decode()
    assert client.get(paper(slug, foreign)).status_code == 404
    assert staff(permissions=["view_stock"]).get(paper(slug, own)).status_code == 403


def test_ticked_orders_of_the_list_are_printed_each_on_its_own_sheet(admin, sold):
    orders = [sold("confirm") for _ in range(3)]

    page = admin.post(
        LIST, {"action": "packing_slip", "_selected_action": [str(order.pk) for order in orders]}, follow=True
    )

    assert [sheet["order"] for sheet in page.context["papers"]] == orders
    assert page.content.decode().count('<article class="sheet">') == 3


def test_all_of_a_list_is_printed_up_to_a_bound_that_is_said(admin, sold, monkeypatch):
    for module in ("papers", "list_page"):
        monkeypatch.setattr(f"orders.admin.orders.{module}.MOST_PAPERS", 2)
    orders = [sold("confirm") for _ in range(3)]
    sold()

    page = admin.post(f"{LIST}?status=confirmed", {"action": "summary", "select_across": "1"}, follow=True)

    assert [sheet["order"] for sheet in page.context["papers"]] == [orders[2], orders[1]]
    assert page.context["notices"] == ["No more than 2 are printed at once: these are the first of them."]


def test_a_forged_address_prints_no_more_than_the_bound(admin, sold, monkeypatch):
    monkeypatch.setattr(papers, "MOST_PAPERS", 1)

    page = admin.get(paper("summary", sold(), sold()))

    assert len(page.context["papers"]) == 1
    assert page.context["notices"] == ["No more than 1 are printed at once: these are the first of them."]


def test_without_an_order_there_is_no_paper(admin):
    assert admin.get(reverse("admin:orders_order_summary")).status_code == 404
    assert admin.get(reverse("admin:orders_order_summary") + "?orders=nope").status_code == 404
    assert messages_of(admin.post(LIST, {"action": "summary"}, follow=True)) == [
        "Tick the orders it is meant for, and choose what is to be done with them."
    ]


def test_the_page_of_an_order_leads_to_its_papers(staff, sold):
    order = sold()

    html = staff("auditor").get(page_of(order)).content.decode()

    for slug in papers.PAPERS:
        assert f'href="{paper(slug, order)}"' in html


@pytest.mark.parametrize("slug", papers.PAPERS)
def test_a_paper_needs_no_script_and_nothing_from_elsewhere(admin, sold, slug):
    html = admin.get(paper(slug, sold())).content.decode()

    assert "<script" not in html
    assert "style=" not in html
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', html) == []


@pytest.mark.parametrize("slug", papers.PAPERS)
def test_many_papers_ask_as_many_queries_as_one(admin, ada, sold, slug):
    orders = [ada, *(sold("confirm", "ship") for _ in range(3))]

    def asked(chosen):
        with CaptureQueriesContext(connection) as queries:
            assert len(admin.get(paper(slug, *chosen)).context["papers"]) == len(chosen)
        return len(queries)

    asked(orders)
    assert asked(orders[:1]) == asked(orders)
