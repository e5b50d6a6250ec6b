from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from orders.models import Order
from tests.orders.admin.conftest import listed

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
    assert listed(admin.get(LIST, {"storefront": "there-is-none"})) == []
    assert listed(admin.get(LIST, {"storefront": "au", "status": "pending"})) == [pending.number]


def test_is_narrowed_by_whole_days_of_placing(admin, order_in):
    order = order_in("pending")
    today = order.placed_at.date()
    tomorrow, yesterday = today + timedelta(days=1), today - timedelta(days=1)

    assert listed(admin.get(LIST, {"placed_at_from": str(today), "placed_at_to": str(today)})) == [order.number]
    assert listed(admin.get(LIST, {"placed_at_from": str(tomorrow)})) == []
    assert listed(admin.get(LIST, {"placed_at_to": str(yesterday)})) == []
    assert listed(admin.get(LIST, {"placed_at_from": "nonsense", "placed_at_to": "1815-12-10"})) == [order.number]


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
    # session, user, storefronts of the user, storefronts of the filter, orders
    assert len(six) == len(one) == 5
    assert not any("count(" in query["sql"].lower() for query in six.captured_queries)


def test_refuses_pages_so_deep_that_they_would_read_everything_before_them(admin, order_in):
    order_in("pending")

    assert admin.get(LIST, {"p": "200"}).status_code == 200
    assert admin.get(LIST, {"p": "201"}).headers["Location"].endswith("?e=1")


def test_counts_nothing_for_filters_either(admin, order_in):
    order_in("pending")

    with CaptureQueriesContext(connection) as queries:
        page = admin.get(LIST, {"_facets": "True"})

    assert page.status_code == 200
    assert not any("count(" in query["sql"].lower() for query in queries.captured_queries)


def test_takes_no_condition_but_its_filters(admin, order_in):
    order_in("pending")

    assert admin.get(LIST, {"note__icontains": "x"}).status_code == 400
    assert admin.get(LIST, {"storefront__code": "au"}).status_code == 400


def test_takes_no_ordering_and_adds_nothing(admin, order_in):
    first, second = order_in("pending"), order_in("pending")

    assert listed(admin.get(LIST, {"o": "1"})) == [second.number, first.number]
    assert admin.get(reverse("admin:orders_order_add")).status_code == 403
