import pytest

from orders.models import Order
from tests.base import perform
from tests.orders.admin.conftest import listed

LIST = "/admin/orders/order/"


@pytest.fixture
def search(admin):
    return lambda term, **filters: listed(admin.get(LIST, {"q": term, **filters}))


def test_finds_an_order_by_its_id(search, order_in):
    order = order_in("pending")
    order_in("pending")

    assert search(str(order.pk)) == [order.number]
    assert search(f"  {str(order.pk).upper()} ") == [order.number]
    assert search("01a20691-d455-7421-9d19-ae886a27e193") == []


def test_finds_an_order_by_its_number_or_how_it_begins(search, order_in):
    order, other = order_in("pending"), order_in("pending")

    assert search(order.number) == [order.number]
    assert search(order.number.lower()) == [order.number]
    assert order.number in search(order.number[:6])
    assert search("AU-") == [other.number, order.number]
    assert search("NZ-7K3") == []


def test_finds_orders_by_customer(search, order_in):
    order = order_in("pending", customer_id="Cus-77")
    order_in("pending", customer_id="Cus-7")

    assert search("Cus-77") == [order.number]
    assert search("Cus-78") == []


def test_finds_an_order_by_external_reference(search, api, stock):
    stock(cup=5)
    order = api.post(
        "/api/v1/orders",
        {"customer_id": "c", "external_reference": "web-1", "items": [{"product_id": "cup", "quantity": 1}]},
        content_type="application/json",
    ).json()

    assert search("web-1") == [order["number"]]
    assert search("web-") == []


def test_finds_an_order_by_mail_address(search, api, stock):
    stock(cup=5)
    order = api.post(
        "/api/v1/orders",
        {
            "customer_id": "c",
            "contact": {"email": "ada@example.com"},
            "items": [{"product_id": "cup", "quantity": 1}],
        },
        content_type="application/json",
    ).json()

    assert search("ada@example.com") == [order["number"]]
    assert search("\u202aada@example.com\u202c\u200b") == [order["number"]]
    assert search("eva@example.com") == []


@pytest.mark.parametrize(
    "term",
    ["+61 2 5550 1234", "0061255501234", "(02) 5550-1234", "02 5550 1234", "5550 1234", "\u202a+61255501234\u202c"],
)
def test_finds_an_order_by_telephone_number_however_it_is_written(search, api, stock, term):
    stock(cup=5)
    numbers = [
        api.post(
            "/api/v1/orders",
            {
                "customer_id": "c",
                "contact": {"phone": phone},
                "shipping_address": {"country": "AU"},
                "items": [{"product_id": "cup", "quantity": 1}],
            },
            content_type="application/json",
        ).json()["number"]
        for phone in ("02 5550 1234", "02 5550 1235", "call me")
    ]

    assert search(term) == numbers[:1]
    assert search(f"{term}9") == []


def test_digits_are_a_customer_before_they_are_a_telephone_number(search, order_in):
    order, other = order_in("pending", customer_id="255501234"), order_in("pending")
    Order.objects.filter(pk=other.pk).update(contact_phone_e164="+61255501234")

    assert search("255501234") == [order.number]
    assert search("0255501234") == [other.number]


def test_finds_an_order_by_tracking_number(search, order_in):
    order = order_in("shipped")
    perform("track", order.pk, tracking_number="JD0140")

    assert search("JD0140") == [order.number]


def test_looks_only_at_what_the_filters_show(search, order_in):
    deleted = order_in("deleted")

    assert search(deleted.number) == []
    assert search(deleted.number, deleted="only") == [deleted.number]
    assert search(deleted.customer_id, deleted="shown") == [deleted.number]


@pytest.mark.parametrize("term", ["x" * 500, "%", "AU-%", "' or 1=1 --", "a@", "-", "😀"])
def test_odd_terms_find_nothing(search, order_in, term):
    order_in("pending")

    assert search(term) == []
