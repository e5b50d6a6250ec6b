"""Fills the database of `back_office.py` with copies of its orders, and tells what each page costs then.

A program of its own, because Django has to be told of the database before it is imported.
"""

import json
import logging
import re
import sys
import time
from pathlib import Path
from statistics import median

import django

django.setup()

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.db.models import Count
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders.models import Order, PaymentRecord, Storefront
from tests.orders.admin.orders.test_list_plans import LIST, PAGES, SEARCHES, TESTED, term_of

AT_ONCE = 20
TIMES = 5
FILL = (Path(__file__).parent / "copies.sql").read_text()
# Not of refunds and returns, of which there are few: for a stretch of orders the planner may rather read those.
LARGE = ["orders_order", "orders_orderitem", "orders_shipment", "orders_paymentrecord"]
TOUCHED = "select pg_stat_get_db_blocks_fetched(oid) from pg_database where datname = current_database()"
# A large table's indexes are made after it was filled, but for those that keys and constraints need.
INDEXES = """
select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
 where indrelid = any(%s::text[]::regclass[]) and not indisunique
"""
# As the sweeper keeps them.
DAYS = """
insert into orders_sales_day (storefront_id, day, currency, placed, revenue)
select storefront_id, (placed_at at time zone 'UTC')::date, currency, count(*), sum(total_amount)
  from orders_order where placed_at > now() - interval '20 days' group by 1, 2, 3
    on conflict do nothing
"""


def fill(orders: int) -> None:
    originals = Order.objects.count()
    copies = orders // originals - 1
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("set statement_timeout = 0")
        cursor.execute("set synchronous_commit = off")
        cursor.execute("set maintenance_work_mem = '1GB'")
        cursor.execute(INDEXES, [[*LARGE, "orders_shipmentitem", "orders_refund", "orders_return"]])
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"drop index {name}")
        for first in range(1, copies + 1, AT_ONCE):
            for statement in FILL.split(";\n\n"):
                cursor.execute(statement, {"first": first, "last": min(first + AT_ONCE - 1, copies)})
            print(f"{first * originals:,} orders after {time.monotonic() - began:,.0f} s", file=sys.stderr)
        for name, definition in indexes:
            cursor.execute(definition)
            print(f"{name} after {time.monotonic() - began:,.0f} s", file=sys.stderr)
        cursor.execute(DAYS)
        cursor.execute("vacuum (analyze)")
        cursor.execute("checkpoint")
        cursor.execute("reset statement_timeout")


def pages() -> dict[str, tuple[str, dict[str, object]]]:
    """By what it is called: its address and parameters."""
    order = Order.objects.filter(fulfillment_status="fulfilled", number__contains="-C").order_by("-pk")[200]
    payment = PaymentRecord.objects.filter(order=order).exclude(psp_reference="").first()
    found: dict[str, tuple[str, dict[str, object]]] = {
        "home": ("/admin/", {}),
        "order": (f"/admin/orders/order/{order.pk}/change/", {}),
    }
    for parameters, _ in [*PAGES, *TESTED]:
        parameters = {**parameters, "customer": order.customer_id} if "customer" in parameters else parameters
        told = " ".join(f"{name}={value}" for name, value in parameters.items())
        found[f"list {told}".strip()] = (LIST, parameters)
    for what in SEARCHES:
        term = term_of(order, what)
        if what == "parcel":
            term = order.shipments.first().tracking_number
        if what == "payment" and payment is not None:
            term = payment.psp_reference
        if what == "product":
            term = order.items.first().product_id
        found[f"search: {what}"] = (LIST, {"q": term})
    return found


def cost(client: Client, path: str, parameters: dict[str, object]) -> tuple[int, float, int, list[str]]:
    """Queries, milliseconds, pages of the database, and large tables of which a query reads all."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path, parameters)
        asked = list(captured)  # the next request clears what was captured
    assert answer.status_code in (200, 302), (path, parameters, answer.status_code)
    milliseconds, touched = [], []
    for _ in range(TIMES):
        before = blocks()
        began = time.perf_counter()
        client.get(path, parameters)
        milliseconds.append((time.perf_counter() - began) * 1000)
        touched.append(blocks() - before)
    return len(asked), median(milliseconds), int(median(touched)), read_through(asked)


def read_through(queries: list[dict[str, str]]) -> list[str]:
    found = set()
    with connection.cursor() as cursor:
        for query in queries:
            if query["sql"].lstrip("( ").lower().startswith(("select", "with")):
                cursor.execute("explain " + query["sql"])
                plan = "\n".join(line for (line,) in cursor.fetchall())
                found |= {table for table in LARGE if re.search(rf"Seq Scan on {table}\b", plan)}
    return sorted(found)


def blocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_stat_force_next_flush()")
        cursor.execute("select pg_stat_clear_snapshot()")
        cursor.execute(TOUCHED)
        return int(cursor.fetchone()[0])


def name_storefronts() -> None:
    """As the tests call a large and a small one."""
    by_size = Storefront.objects.annotate(placed=Count("orders")).order_by("-placed")
    for storefront, code in zip([by_size[0], by_size.reverse()[0]], ["au", "nz"], strict=True):
        Storefront.objects.filter(pk=storefront.pk).update(code=code)


def main() -> None:
    logging.disable(logging.CRITICAL)
    name_storefronts()
    fill(int(sys.argv[1]))
    call_command("collectstatic", interactive=False, verbosity=0)
    client = Client(headers={"Host": "localhost"})
    client.force_login(get_user_model().objects.create(username="ann", is_staff=True, is_superuser=True))
    client.get("/admin/")
    nothing = -blocks() + blocks()
    print(
        json.dumps(
            [
                [name, queries, milliseconds, touched - nothing, through]
                for name, (path, parameters) in pages().items()
                for queries, milliseconds, touched, through in [cost(client, path, parameters)]
            ]
        )
    )


if __name__ == "__main__":
    main()
