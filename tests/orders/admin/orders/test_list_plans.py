"""Every page of the list is read through an index: seen in the plans of the very queries it sends."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.models import Order, Storefront
from orders.rules.statuses import OrderStatus

LIST = "/admin/orders/order/"


# One a minute: nearly all of one storefront and canceled, a few confirmed, held up or deleted.
_WRITE_ORDERS = """
insert into orders_order (
    id, storefront_id, number, external_reference, version, status, cancel_reason, payment_status,
    fulfillment_status, customer_id, shipping_amount, tax_amount, discount_amount, contact_email,
    contact_phone_e164, note, metadata, holds, placed_at, updated_at, deleted_at
)
select
    (lpad(to_hex((extract(epoch from placed_at) * 1000)::bigint), 12, '0') || '70008000'
        || lpad(to_hex(n), 12, '0'))::uuid,
    storefront.id,
    storefront.number_prefix || '-' || upper(left(md5(n::text), 10)),
    'web-' || n, 1, case when n % 601 = 0 then 'confirmed' else 'canceled' end, 'other', 'unpaid',
    'unfulfilled', 'cus' || n % 3000, 0, 0, 0, 'ada-' || n || '@example.com',
    '+6125550' || lpad(n::text, 4, '0'), '', '{}',
    case when n % 1500 = 7 then '[{"blocks": []}]'::jsonb else '[]'::jsonb end,
    placed_at, placed_at, case when n % 1000 = 1 then placed_at end
from generate_series(0, 5999) n
cross join lateral (select timestamptz '2026-01-01 00:00Z' + n * interval '1 minute' as placed_at) times
join orders_storefront storefront on storefront.code = case when n % 20 = 0 then 'nz' else 'au' end
"""
_WRITE_PARCELS = """
insert into orders_shipment (id, order_id, storefront_id, tracking_number, created_at)
select id, id, storefront_id, 'JD' || external_reference, placed_at from orders_order
"""


_KNOWN = """
select count(distinct tablename) from pg_stats
 where tablename in ('orders_order', 'orders_shipment', 'orders_storefront')
"""


@pytest.fixture
def many_orders(database):
    """Six thousand orders of two storefronts."""
    Storefront.objects.bulk_create(
        [Storefront(code=code, name=code, number_prefix=code.upper()) for code in ("au", "nz")]
    )
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_ORDERS)
        cursor.execute(_WRITE_PARCELS)
        known = 0
        while known < 3:  # seen once: an analysis of the server's own, at the same time, left nothing of this one
            cursor.execute("analyze orders_order, orders_shipment, orders_storefront")
            cursor.execute(_KNOWN)
            (known,) = cursor.fetchone()


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
        "phone": order.contact_phone_e164,
        "how a phone ends": f"02 {order.contact_phone_e164[4:]}",
        "parcel": f"JD{order.external_reference}",
    }[what]


PAGES = [
    ({}, "orders_order_pkey"),
    ({"p": "20"}, "orders_order_pkey"),
    ({"storefront": "nz"}, "order_list"),
    ({"status": "confirmed"}, "order_list_of_status"),
    ({"status": "confirmed", "storefront": "au"}, "order_list_of_status"),
    ({"status": "canceled"}, "orders_order_pkey"),
    ({"placed_at_from": "2026-01-02", "placed_at_to": "2026-01-02"}, "orders_order_pkey"),
    ({"held_up": "yes"}, "order_held_up"),
    ({"inventory": "waiting"}, "order_awaits_inventory"),
    ({"deleted": "shown"}, "orders_order_pkey"),
    ({"deleted": "shown", "storefront": "nz"}, "order_list"),
    ({"deleted": "shown", "status": "confirmed"}, "order_list_of_status"),
    ({"deleted": "only"}, "order_deleted"),
]
SEARCHES = {
    "id": "orders_order_pkey",
    "number": "order_number_once",
    "prefix": "order_number_once",
    "customer": "order_list_of_customer",
    "reference": "order_reference_once",
    "mail": "order_contact_email",
    "phone": "order_contact_phone",
    "how a phone ends": "order_contact_phone",
    "parcel": "shipment_tracking_number",
}


def test_every_page_of_the_list_is_read_from_an_index(admin, many_orders):
    read = [(parameters, plans(admin, parameters)) for parameters, _ in PAGES]

    for (parameters, index), (_, found) in zip(PAGES, read, strict=True):
        (plan,) = found
        assert index in plan, parameters
        assert "Seq Scan on orders_order" not in plan, parameters


def test_every_search_is_answered_from_an_index(admin, many_orders):
    order = Order.objects.get(external_reference="web-2501")

    answered = {what: plans(admin, {"q": term_of(order, what)}) for what in SEARCHES}

    for what, found in answered.items():
        assert SEARCHES[what] in found[-1], what
        assert not any("Seq Scan on orders_order" in plan for plan in found), what


def test_the_lists_of_whoever_is_limited_to_storefronts_are_read_one_by_one(admin, many_orders):
    User.objects.get().storefronts.set(Storefront.objects.all())

    newest, confirmed = plans(admin, {})[0], plans(admin, {"status": "confirmed"})[0]

    assert newest.count("order_list") == 2
    assert confirmed.count("order_list_of_status") == 2
    assert "Seq Scan on orders_order" not in newest + confirmed


def test_a_statement_that_was_sent_often_is_still_read_from_its_index(many_orders):
    """After some times PostgreSQL makes one plan for all parameters, of which it then knows nothing."""
    orders = Order.objects.in_any_storefront()
    statements = {
        "order_list_of_status": orders.in_status(OrderStatus.CONFIRMED).order_by("-id")[:51],
        "order_held_up": Order.objects.held_up().order_by("-id")[:51],
    }

    found = {}
    with connection.cursor() as cursor:
        cursor.execute("set plan_cache_mode = force_generic_plan")
        for index, rows in statements.items():
            sql, parameters = rows.query.sql_with_params()
            for number, _ in enumerate(parameters, 1):
                sql = sql.replace("%s", f"${number}", 1)
            cursor.execute(f"prepare listed as {sql}")
            values = f"({', '.join(str(value) for value in parameters)})" if parameters else ""
            cursor.execute(f"explain execute listed {values}")
            found[index] = str(cursor.fetchall())
            cursor.execute("deallocate listed")
        cursor.execute("reset plan_cache_mode")

    for index, plan in found.items():
        assert index in plan


def test_the_overview_counts_through_indexes(admin, many_orders):
    with CaptureQueriesContext(connection) as captured:
        page = admin.get("/admin/")
    counts = [query["sql"] for query in captured.captured_queries if 'FROM "orders_order"' in query["sql"]]

    assert page.status_code == 200
    with connection.cursor() as cursor:
        for sql in counts:
            cursor.execute("explain " + sql)
            assert "Seq Scan on orders_order" not in str(cursor.fetchall())
    assert len(counts) == 6
