from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from orders.models import Order, Storefront
from tests.orders.admin.conftest import listed
from tests.orders.asking import sell

LIST = "/admin/orders/order/"


def test_shows_the_newest_order_first_with_its_money_and_statuses(admin, api, stock):
    stock(cup=10)
    numbers = [
        api.post(
            "/api/v1/orders",
            {
                "customer_id": customer,
                "currency": "AUD",
                "items": [{"product_id": "cup", "quantity": 2, "unit_amount": 1299}],
            },
            content_type="application/json",
        ).json()["number"]
        for customer in ("cus1", "cus2")
    ]

    page = admin.get(LIST)

    assert listed(page) == [numbers[1], numbers[0]]
    html = page.content.decode()
    for text in ("cus2", "25.98 AUD", "Pending", "Unpaid", "Unfulfilled", "au"):
        assert text in html


def test_hides_deleted_orders_until_asked(admin, order_in):
    live, deleted = order_in("pending"), order_in("deleted")

    assert listed(admin.get(LIST)) == [live.number]
    assert listed(admin.get(LIST, {"deleted": "shown"})) == [deleted.number, live.number]
    assert listed(admin.get(LIST, {"deleted": "only"})) == [deleted.number]


def test_is_narrowed_by_status_and_storefront(admin, order_in, other_storefront):
    pending, confirmed = order_in("pending"), order_in("confirmed")

    assert listed(admin.get(LIST, {"status": "confirmed"})) == [confirmed.number]
    assert listed(admin.get(LIST, {"storefront": "au"})) == [confirmed.number, pending.number]
    assert listed(admin.get(LIST, {"storefront": "nz"})) == []
    assert listed(admin.get(LIST, {"storefront": "au", "status": "pending"})) == [pending.number]


def test_is_narrowed_by_whole_days_of_placing(admin, order_in):
    order = order_in("pending")
    today = order.placed_at.date()
    tomorrow, yesterday = today + timedelta(days=1), today - timedelta(days=1)

    assert listed(admin.get(LIST, {"placed_at_from": str(today), "placed_at_to": str(today)})) == [order.number]
    assert listed(admin.get(LIST, {"placed_at_from": str(tomorrow)})) == []
    assert listed(admin.get(LIST, {"placed_at_to": str(yesterday)})) == []
    assert listed(admin.get(LIST, {"updated_at_from": str(today), "updated_at_to": str(today)})) == [order.number]
    assert listed(admin.get(LIST, {"updated_at_from": str(tomorrow)})) == []
    assert listed(admin.get(LIST, {"updated_at_to": str(yesterday)})) == []


def test_finds_orders_that_the_inventory_has_still_to_be_told_of(admin, order_in):
    told, untold = order_in("confirmed"), order_in("confirmed")
    Order.all_objects.filter(pk=untold.pk).update(stock_action="confirm")

    assert listed(admin.get(LIST, {"inventory": "waiting"})) == [untold.number]
    assert told.stock_action is None


def test_counts_no_rows_and_asks_as_many_queries_for_one_order_as_for_many(admin, order_in):
    order_in("pending")
    admin.get(LIST)

    with CaptureQueriesContext(connection) as one:
        admin.get(LIST)
    for _ in range(5):
        order_in("pending")
    with CaptureQueriesContext(connection) as six:
        page = admin.get(LIST)

    assert len(listed(page)) == 6
    # session, user, authenticator, storefronts with columns, orders, items, views
    assert len(six) == len(one) == 7
    assert not any("count(" in query["sql"].lower() for query in six.captured_queries if "OVER" not in query["sql"])


def test_goes_on_page_by_page_to_the_oldest_order_and_back(admin, place_order, monkeypatch):
    monkeypatch.setattr("orders.admin.orders.list_page.PAGE_ROWS", 2)
    numbers = [place_order(cup=1)["number"] for _ in range(5)][::-1]

    for asked in ({}, {"storefront": "au"}, {"status": ["pending", "confirmed"]}, {"payment_status": "unpaid"}):
        pages = [admin.get(LIST, asked)]
        while older := pages[-1].context["older"]:
            pages.append(admin.get(f"{LIST}?{older}"))
        newer = admin.get(f"{LIST}?{pages[-1].context['newer']}")

        assert [listed(page) for page in pages] == [numbers[:2], numbers[2:4], numbers[4:]], asked
        assert listed(newer) == numbers[2:4], asked
        assert listed(admin.get(f"{LIST}?{newer.context['newer']}")) == numbers[:2], asked


def test_what_no_index_answers_is_looked_for_stretch_by_stretch_until_the_time_is_up(admin, place_order, monkeypatch):
    monkeypatch.setattr("orders.admin.orders.pages._STRETCH", 2)
    tagged, *_, newest = [place_order(cup=1) for _ in range(6)]
    Order.objects.filter(pk=tagged["id"]).update(tags=["vip"])

    found = admin.get(LIST, {"tag": "vip"})
    monkeypatch.setattr("orders.admin.orders.pages._SECONDS", -1)
    ended_early = admin.get(LIST, {"tag": "vip"})
    pages = [ended_early]
    while older := pages[-1].context["older"]:
        pages.append(admin.get(f"{LIST}?{older}"))

    assert listed(found) == [tagged["number"]]
    assert [listed(page) for page in pages] == [[], [], [tagged["number"]], []]
    assert "None of the orders looked at so far passes the filters." in ended_early.content.decode()
    assert "Look further back" in ended_early.content.decode()
    assert newest["number"] not in found.content.decode()


def test_so_is_a_list_that_would_be_put_together_from_too_many(admin, api, client_of, other_storefront, monkeypatch):
    numbers = {code: sell(client)["number"] for code, client in (("au", api), ("nz", client_of(other_storefront)))}
    monkeypatch.setattr("orders.admin.orders.pages._MOST_LISTS", 1)

    assert listed(admin.get(LIST, {"status": ["pending", "confirmed"]})) == [numbers["nz"], numbers["au"]]
    assert listed(admin.get(LIST, {"status": ["shipped", "confirmed"]})) == []
    assert listed(admin.get(LIST, {"storefront": ["au", "nz"], "status": "pending"})) == [numbers["nz"], numbers["au"]]
    User.objects.get().storefronts.set(Storefront.objects.filter(code="nz"))
    assert listed(admin.get(LIST, {"status": ["pending", "confirmed"]})) == [numbers["nz"]]


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"storefront": "there-is-none"}, "“there-is-none” cannot be used for storefront: it takes au."),
        ({"status": ["pending", "lost"]}, "“lost” cannot be used for status"),
        ({"placed_at_from": "nonsense"}, "“nonsense” cannot be used for placed since: it takes a day such as"),
        ({"placed_at_to": "1815-12-10"}, "cannot be used for placed until"),
        ({"placed_at_to": "2026-02-30"}, "cannot be used for placed until"),
        ({"deleted": ["shown", "only"]}, "“only” cannot be used for deleted orders"),
        ({"tag": "x" * 201}, "cannot be used for tag: it takes at most 200 characters."),
        ({"note__icontains": "x"}, "There is no filter “note__icontains”."),
        ({"o": "1"}, "There is no filter “o”."),
        ({"cursor": "nope"}, "The address names a page that this list never had."),
    ],
)
def test_says_what_of_an_address_cannot_be_used_and_shows_no_orders_as_if_it_were_not_there(
    admin, order_in, parameters, told
):
    order_in("pending")

    page = admin.get(LIST, parameters)

    assert page.status_code == 400
    assert told in page.content.decode().replace("&#x27;", "'")
    assert listed(page) == []
    assert admin.get(f"{LIST}?{page.context['usable']}").status_code == 200


def test_filters_in_force_are_chips_that_can_be_taken_off_one_by_one(admin, order_in):
    order = order_in("confirmed")

    page = admin.get(LIST, {"status": ["confirmed", "pending"], "storefront": "au", "tag": ""})

    chips = {chip.label: off for chip, off in page.context["chips"]}
    assert listed(page) == [order.number]
    assert chips == {
        "Storefront: Australia (au)": "status=confirmed&status=pending",
        "Status: Pending": "status=confirmed&storefront=au",
        "Status: Confirmed": "status=pending&storefront=au",
    }


def test_shows_the_columns_somebody_has_chosen_to_nobody_else(admin, colleague, order_in):
    order = order_in("pending")

    back = admin.post(f"{LIST}columns/?status=pending", {"column": ["customer_id", "age", "nonsense"]})

    assert back.headers["Location"] == f"{LIST}?status=pending"
    assert [column.key for column in admin.get(LIST).context["columns"]] == ["age", "customer_id"]
    assert order.customer_id in admin.get(LIST).content.decode()
    assert len(colleague.get(LIST).context["columns"]) == 11
    admin.post(f"{LIST}columns/")
    assert len(admin.get(LIST).context["columns"]) == 11


def test_a_row_takes_no_more_than_one_and_a_half_kilobytes(admin, api, stock):
    stock(cup=500)
    order = {
        "customer_id": "6f1f9e0c-3b1f-4d5e-9a54-27d1c1d0b1c5",
        "external_reference": "web-2026-11-30-00001",
        "contact": {"email": "augusta.ada.lovelace@analytical-engines.example.com"},
        "shipping_address": {"name": "Augusta Ada King, Countess of Lovelace", "country": "GB"},
        "tags": ["vip", "gift", "from the fair", "express"],
        "items": [{"product_id": "cup", "name": "A cup of fine bone china", "quantity": 2, "unit_amount": 1299}] * 3,
        "currency": "AUD",
    }
    sizes = []
    for count in range(2):
        api.post("/api/v1/orders", order | {"external_reference": f"web-{count}"}, content_type="application/json")
        sizes.append(len(admin.get(LIST).content))

    assert 500 < sizes[1] - sizes[0] < 1_500


def test_an_empty_list_says_so_and_why(admin, order_in):
    assert "There are no orders yet." in admin.get(LIST).content.decode()
    order_in("pending")
    assert "No order passes the filters." in admin.get(LIST, {"status": "shipped"}).content.decode()
    assert admin.get(reverse("admin:orders_order_add")).status_code == 403
