"""Every page of the list is read through an index: seen in the plans of the very queries it sends."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.ids import new_id_at, new_number
from orders.models import Order, Shipment, Storefront
from orders.statuses import CancelReason, OrderStatus

LIST = "/admin/orders/order/"
ORDERS = 6000


@pytest.fixture
def many_orders(database):
    """Orders, one a minute: nearly all of one storefront and canceled, a few confirmed, a few deleted."""
    storefronts = Storefront.objects.bulk_create(
        [Storefront(code=code, name=code, number_prefix=code.upper()) for code in ("au", "nz")]
    )
    start = datetime(2026, 1, 1, tzinfo=UTC)
    orders = []
    for n in range(ORDERS):
        storefront, placed_at = storefronts[n % 20 == 0], start + timedelta(minutes=n)
        orders.append(
            Order(
                id=new_id_at(placed_at),
                storefront=storefront,
                number=new_number(storefront.number_prefix),
                customer_id=f"cus{n % 3000}",
                external_reference=f"web-{n}",
                contact_email=f"ada-{n}@example.com",
                status=OrderStatus.CONFIRMED if n % 601 == 0 else OrderStatus.CANCELED,
                cancel_reason=CancelReason.OTHER,
                placed_at=placed_at,
                updated_at=placed_at,
                deleted_at=placed_at if n % 1000 == 1 else None,
            )
        )
    Order.all_objects.bulk_create(orders)
    Shipment.objects.bulk_create(
        Shipment(order=order, storefront=order.storefront, tracking_number=f"JD{order.external_reference}")
        for order in orders
    )
    with connection.cursor() as cursor:
        cursor.execute("analyze orders_order, orders_shipment")
    return orders


def plans(client, parameters):
    """Plans of the queries on orders that a page of the list sends."""
    with CaptureQueriesContext(connection) as captured:
        response = client.get(LIST, parameters)
    assert response.status_code == 200
    found = []
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            if 'FROM "orders_order"' in query["sql"]:
                cursor.execute("explain " + query["sql"])
                found.append("\n".join(line for (line,) in cursor.fetchall()))
    return found


def term_of(order, what):
    return {
        "id": str(order.pk),
        "number": order.number,
        "prefix": order.number[:6],
        "customer": order.customer_id,
        "reference": order.external_reference,
        "mail": order.contact_email,
        "parcel": f"JD{order.external_reference}",
    }[what]


@pytest.mark.parametrize(
    ("parameters", "index"),
    [
        ({}, "orders_order_pkey"),
        ({"p": "20"}, "orders_order_pkey"),
        ({"storefront": "nz"}, "order_list"),
        ({"status": "confirmed"}, "order_list_of_status"),
        ({"status": "confirmed", "storefront": "au"}, "order_list_of_status"),
        ({"status": "canceled"}, "orders_order_pkey"),
        ({"placed_at_from": "2026-01-02", "placed_at_to": "2026-01-02"}, "orders_order_pkey"),
        ({"inventory": "waiting"}, "order_awaits_inventory"),
        ({"deleted": "shown"}, "orders_order_pkey"),
        ({"deleted": "shown", "storefront": "nz"}, "order_list"),
        ({"deleted": "shown", "status": "confirmed"}, "order_list_of_status"),
        ({"deleted": "only"}, "order_deleted"),
    ],
)
def test_a_page_of_the_list_is_read_from_an_index(admin, many_orders, parameters, index):
    (plan,) = plans(admin, parameters)

    assert index in plan
    assert "Seq Scan on orders_order" not in plan


@pytest.mark.parametrize(
    ("what", "index"),
    [
        ("id", "orders_order_pkey"),
        ("number", "order_number_once"),
        ("prefix", "order_number_once"),
        ("customer", "order_list_of_customer"),
        ("reference", "order_reference_once"),
        ("mail", "order_contact_email"),
        ("parcel", "shipment_tracking_number"),
    ],
)
def test_a_search_is_answered_from_an_index(admin, many_orders, what, index):
    order = many_orders[2501]

    answered = plans(admin, {"q": term_of(order, what)})

    assert index in answered[-1]
    assert not any("Seq Scan on orders_order" in plan for plan in answered)


def test_the_overview_counts_through_indexes(admin, many_orders):
    with CaptureQueriesContext(connection) as captured:
        page = admin.get("/admin/")
    counts = [query["sql"] for query in captured.captured_queries if 'FROM "orders_order"' in query["sql"]]

    assert page.status_code == 200
    with connection.cursor() as cursor:
        for sql in counts:
            cursor.execute("explain " + sql)
            assert "Seq Scan on orders_order" not in str(cursor.fetchall())
    assert len(counts) == 5
