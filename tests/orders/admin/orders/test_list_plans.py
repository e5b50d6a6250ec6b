"""Every page of the list is read through an index: seen in the plans of the very queries it sends."""

from datetime import UTC, datetime
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.models import Order, Storefront
from orders.reading.listing import Cursor
from orders.reading.queues import View, queue_named
from orders.rules.ids import time_floor
from orders.rules.statuses import OrderStatus
from tests.plans import cost_of_each

LIST = "/admin/orders/order/"


# One a minute: nearly all of one storefront and canceled, a few confirmed, held up or deleted.
_WRITE_ORDERS = """
insert into orders_order (
    id, storefront_id, number, external_reference, version, status, cancel_reason, payment_status,
    fulfillment_status, customer_id, shipping_amount, tax_amount, discount_amount, contact_email,
    contact_phone_e164, shipping_address, note, metadata, tags, holds, placed_at, updated_at, deleted_at
)
select
    (lpad(to_hex((extract(epoch from placed_at) * 1000)::bigint), 12, '0') || '70008000'
        || lpad(to_hex(n), 12, '0'))::uuid,
    storefront.id,
    storefront.number_prefix || '-' || upper(left(md5(n::text), 10)),
    'web-' || n, 1, case when n % 601 = 0 then 'confirmed' else 'canceled' end, 'other', 'unpaid',
    'unfulfilled', 'cus' || n % 3000, 0, 0, 0, 'ada-' || n || '@example.com',
    '+6125550' || lpad(n::text, 4, '0'),
    jsonb_build_object('name', 'Ada Number' || n || ' Lovelace', 'postal_code', 'SW1A ' || n), '', '{}',
    case when n % 100 = 3 then array['vip'] else '{}' end,
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


_WRITE_ITEMS = """
insert into orders_orderitem (
    id, order_id, storefront_id, position, product_id, quantity, canceled, shipped, returned
)
select id, id, storefront_id, 0, 'cup-' || external_reference, 1, 0, 0, 0 from orders_order
"""
_WRITE_PAYMENTS = """
insert into orders_paymentrecord (
    id, order_id, storefront_id, kind, amount, psp, psp_reference, late, occurred_at, recorded_at
)
select id, id, storefront_id, 'capture', 100, case when id::text < '019b7f' then 'adyen' else 'stripe' end,
       'pay_' || external_reference, false, placed_at, placed_at from orders_order
"""
# One of every order; one in three hundred waits for somebody.
_WRITE_REFUNDS = """
insert into orders_refund (id, order_id, storefront_id, amount, state, requested_by, requested_at)
select id, id, storefront_id, 100,
       case when substr(external_reference, 5)::int % 300 = 2 then 'requested' else 'settled' end,
       'admin:ada', placed_at from orders_order
"""
_WRITE_RETURNS = """
insert into orders_return (id, order_id, storefront_id, state, cause, requested_at)
select id, id, storefront_id,
       case when substr(external_reference, 5)::int % 300 = 4 then 'approved' else 'received' end,
       'damaged', placed_at from orders_order
"""
# Of one in five somebody had taken care; of one in three hundred one of twenty does.
_WRITE_CLAIMS = """
insert into orders_claim (id, order_id, storefront_id, user_id, queue, claimed_at, ended_at)
select orders_order.id, orders_order.id, storefront_id, auth_user.id, '', placed_at,
       case when substr(external_reference, 5)::int % 300 <> 5 then placed_at end
from orders_order join auth_user on username = 'colleague-' || substr(external_reference, 5)::int / 300
where substr(external_reference, 5)::int % 5 = 0
"""
_WRITE_REST = [_WRITE_CLAIMS, _WRITE_PARCELS, _WRITE_ITEMS, _WRITE_PAYMENTS, _WRITE_REFUNDS, _WRITE_RETURNS]
# All that a page may read: of an empty table its last analysis, in another test, tells nothing.
TABLES = [
    "orders_order",
    "orders_shipment",
    "orders_storefront",
    "orders_orderitem",
    "orders_paymentrecord",
    "orders_refund",
    "orders_return",
    "orders_claim",
    "auth_user",
]
_KNOWN = "select count(distinct tablename) from pg_stats where tablename = any(%s)"


@pytest.fixture
def many_orders(database):
    """Six thousand orders of two storefronts."""
    Storefront.objects.bulk_create(
        [Storefront(code=code, name=code, number_prefix=code.upper()) for code in ("au", "nz")]
    )
    User.objects.bulk_create([User(username=f"colleague-{number}") for number in range(20)])
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_ORDERS)
        for statement in _WRITE_REST:
            cursor.execute(statement)
        known = 0
        while known < len(
            TABLES
        ):  # seen once: an analysis of the server's own, at the same time, left nothing of this one
            cursor.execute(f"analyze {', '.join(TABLES)}")
            cursor.execute(_KNOWN, [TABLES])
            (known,) = cursor.fetchone()


def plans(client, parameters, most=10):
    """Plans of the queries on orders that a page of the list sends, and not many of them."""
    with CaptureQueriesContext(connection) as captured:
        response = client.get(LIST, parameters)
    assert response.status_code in (200, 302)
    assert len(captured) <= most, parameters
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
        "number": order.number.lower(),
        "number without prefix": f"# {order.number.partition('-')[2]}",
        "beginning": order.number[:6],
        "customer": order.customer_id,
        "reference": order.external_reference,
        "mail": order.contact_email.upper(),
        "phone": order.contact_phone_e164,
        "how a phone ends": f"02 {order.contact_phone_e164[4:]}",
        "parcel": f"JD{order.external_reference}",
        "payment": f"PAY_{order.external_reference}",
        "product": f"cup-{order.external_reference}",
        "name": order.shipping_address["name"].upper(),
        "postal code": order.shipping_address["postal_code"].replace(" ", ""),
        "nothing": "there is no such thing",
    }[what]


CURSOR = Cursor(datetime(2026, 1, 3, tzinfo=UTC), time_floor(datetime(2026, 1, 3, tzinfo=UTC)), False)
# Of two indexes that hold hardly more than these, either.
PAGES = [
    ({}, "orders_order_pkey"),
    ({"cursor": str(CURSOR)}, "orders_order_pkey"),
    ({"storefront": "nz"}, "order_list"),
    ({"storefront": "nz", "cursor": str(CURSOR)}, "order_list"),
    ({"storefront": ["au", "nz"]}, "order_list"),
    ({"status": "confirmed"}, "order_list_of_status"),
    ({"status": "confirmed", "storefront": "au"}, "order_list_of_status"),
    ({"status": ["confirmed", "canceled"], "cursor": str(CURSOR)}, "order_list_of_status"),
    ({"paid": "unconfirmed"}, "order_list_of_status"),
    ({"late": "yes"}, "order_to_ship|order_list_of_status"),
    ({"placed_at_from": "2026-01-02", "placed_at_to": "2026-01-02"}, "orders_order_pkey"),
    ({"held_up": "yes"}, "order_held_up"),
    ({"held_up": "fraud", "storefront": "au"}, "order_held_up"),
    ({"inventory": "waiting"}, "order_awaits_inventory"),
    ({"refund": ["requested", "approved"]}, "refund_open|refund_waits"),
    ({"return": "approved"}, "return_on_its_way|return_waits"),
    ({"return": ["requested", "approved"]}, "return_waits"),
    ({"reserved": "today"}, "order_expires"),
    ({"claimed": "mine"}, "claim_of_user|claim_in_force_once"),
    ({"claimed": "somebody"}, "claim_of_user|claim_in_force_once"),
    ({"customer": "cus2500"}, "order_list_of_customer"),
    ({"deleted": "shown"}, "orders_order_pkey"),
    ({"deleted": "shown", "storefront": "nz"}, "order_list"),
    ({"deleted": "shown", "status": "confirmed"}, "order_list_of_status"),
    ({"deleted": "only"}, "order_deleted"),
]
# What is tested on the way: a stretch of the list is read from the index of the list.
TESTED = [
    ({"payment_status": "paid"}, "orders_order_pkey"),
    ({"tag": "vip"}, "orders_order_pkey"),
    ({"carrier": "DHL"}, "orders_order_pkey"),
    ({"claimed": "nobody"}, "orders_order_pkey"),
    ({"updated_at_from": "2026-01-02"}, "orders_order_pkey"),
    ({"refund": "settled"}, "orders_order_pkey"),
    ({"tag": "vip", "storefront": "au"}, "order_list"),
    ({"fulfillment_status": "partial", "status": "confirmed"}, "order_list_of_status"),
]
SEARCHES = {
    "id": "orders_order_pkey",
    "number": "order_number_once",
    "number without prefix": "order_number_once",
    "beginning": "order_number_once",
    "customer": "order_list_of_customer",
    "reference": "order_reference_once",
    "mail": "order_contact_mail",
    "phone": "order_contact_phone",
    "how a phone ends": "order_contact_phone",
    "parcel": "shipment_tracking_number",
    "payment": "payment_reference_once",
    "product": "order_item_product",
    "name": "order_address_words",
    "postal code": "order_address_words",
    "nothing": "order_address_words",
}


def test_every_page_of_the_list_is_read_from_an_index(admin, many_orders):
    read = [(parameters, plans(admin, parameters)) for parameters, _ in PAGES]

    for (parameters, index), (_, found) in zip(PAGES, read, strict=True):
        assert any(one in found[-1] for one in index.split("|")), (parameters, found)
        assert not any("Seq Scan on orders_order" in plan for plan in found), (parameters, found)


def test_what_is_tested_on_the_way_is_read_from_an_index_a_stretch_at_a_time(admin, many_orders, monkeypatch):
    monkeypatch.setattr("orders.admin.orders.pages._STRETCH", 300)
    read = [(parameters, plans(admin, parameters, most=60)) for parameters, _ in TESTED]

    for (parameters, index), (_, found) in zip(TESTED, read, strict=True):
        for plan in found[:2]:  # where the first stretch ends, and what passes of it
            assert index in plan, (parameters, plan)
            assert "Seq Scan on orders_order" not in plan, (parameters, plan)


def test_every_search_is_answered_from_indexes_whatever_it_is(admin, many_orders):
    order = Order.objects.get(external_reference="web-2501")

    answered = {what: plans(admin, {"q": term_of(order, what)}) for what in SEARCHES}

    for what, found in answered.items():
        assert SEARCHES[what] in found[0], what
        for table in ("orders_order", "orders_orderitem", "orders_shipment", "orders_paymentrecord"):
            assert f"Seq Scan on {table}" not in "".join(found), (what, found)


def test_so_are_the_searches_of_staff_who_are_limited_or_see_nothing_of_persons(staff, many_orders):
    order = Order.objects.get(external_reference="web-2501")
    limited, blind = staff("support"), staff("auditor")
    User.objects.get(username="support").storefronts.set(Storefront.objects.filter(code="nz"))

    for client in (limited, blind):
        for what in SEARCHES:
            found = plans(client, {"q": term_of(order, what)})
            assert not any("Seq Scan on orders_" in line and "storefront" not in line for line in found), what
            assert ("order_address_words" in found[0]) is (client is limited), what
        assert len(plans(client, {"q": "cus2500"})) == 2  # a list, by eleven queries at most, one for the second factor


def test_the_lists_of_whoever_is_limited_to_storefronts_are_read_one_by_one(admin, many_orders):
    User.objects.get(is_superuser=True).storefronts.set(Storefront.objects.all())

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


# By the queue: what its count is read from, one or the other, depending on how many there are.
COUNTS = {
    "to_confirm": {"order_list_of_status", "order_expires"},
    "reserved_today": {"order_expires"},
    "late": {"order_to_ship", "order_list_of_status"},
    "to_ship": {"order_list_of_status"},
    "held_fraud": {"order_held_up"},
    "refunds_to_approve": {"refund_waits", "refund_open"},
    "refunds_to_pay_out": {"refund_waits", "refund_open"},
    "returns_to_approve": {"return_waits"},
    "returns_to_receive": {"return_waits", "return_on_its_way"},
}


def plans_of(ask):
    with CaptureQueriesContext(connection) as captured:
        ask()
    found = []
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            if "orders_order" in query["sql"] and query["sql"].lstrip().lower().startswith("select"):
                cursor.execute("explain " + query["sql"])
                found.append("\n".join(line for (line,) in cursor.fetchall()))
    return found


@pytest.fixture
def promising(many_orders):
    """One confirmed order in two has been promised for a day; the others are usually shipped within one or two."""
    Storefront.objects.filter(code="au").update(ship_within_hours=24)
    Storefront.objects.filter(code="nz").update(ship_within_hours=48)
    with connection.cursor() as cursor:
        cursor.execute(
            'update orders_order set metadata = \'{"estimated_delivery_at": "2026-01-03"}\' '
            "where status = 'confirmed' and get_byte(uuid_send(id), 15) % 2 = 0"
        )
        cursor.execute("analyze orders_order")


def test_every_queue_is_counted_and_worked_off_through_its_index(promising):
    view = View(tuple(Storefront.objects.all()), person="staff:ann")
    for key, indexes in COUNTS.items():
        queue = queue_named(key)
        assert queue is not None
        assert queue.urgent is not None

        counts, lists = plans_of(partial(queue.counts, view)), queue.urgent(view)
        firsts = [plan for orders in lists for plan in plans_of(orders.first)]

        assert any(index in counts[0] for index in indexes), (key, counts[0])
        for plan in counts + firsts:
            for table in ("orders_order", "orders_refund", "orders_return"):
                assert f"Seq Scan on {table}" not in plan, (key, plan)


def test_the_first_page_reads_no_table_through(admin, promising):
    for plan in plans_of(lambda: admin.get("/admin/")):
        assert "Seq Scan on orders_order" not in plan, plan


# Twenty thousand that are late: one in two was promised for a day that is over.
_WRITE_LATE = """
insert into orders_order (
    id, storefront_id, number, version, status, payment_status, fulfillment_status, customer_id, shipping_amount,
    tax_amount, discount_amount, note, metadata, tags, holds, placed_at, updated_at
)
select
    (lpad(to_hex((extract(epoch from placed_at) * 1000)::bigint), 12, '0') || '70008000'
        || lpad(to_hex(n), 12, '0'))::uuid,
    storefront.id, 'L-' || n, 1, 'confirmed', 'paid', 'unfulfilled', 'cus', 0, 0, 0, '',
    case when n % 2 = 0 then '{}'::jsonb
         else jsonb_build_object('estimated_delivery_at', to_char(placed_at + interval '2 days', 'YYYY-MM-DD')) end,
    '{}', '[]', placed_at, placed_at
from generate_series(1, 20000) n
cross join lateral (select timestamptz '2025-01-01 00:00Z' + n * interval '1 minute' as placed_at) times
join orders_storefront storefront on storefront.code = case when n % 20 = 0 then 'nz' else 'au' end
"""


@pytest.mark.parametrize("key", ["late", "to_ship"])
def test_the_next_late_order_costs_the_same_however_many_are_late(promising, key):
    queue, view = queue_named(key), View(tuple(Storefront.objects.all()), person="staff:ann")
    assert queue is not None
    assert queue.urgent is not None
    urgent = queue.urgent
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_LATE)
        cursor.execute("analyze orders_order")

    costs = cost_of_each(lambda: [orders.first() for orders in urgent(view)[:2]], beginning="SELECT")
    firsts = [orders.values_list("number", flat=True).first() for orders in urgent(view)[:2]]

    assert firsts == ["L-1", "L-2"]
    assert len(costs) == 2
    assert all("order_to_ship" in cost.indexes and cost.pages < 2500 for cost in costs), costs
