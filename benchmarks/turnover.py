"""Fills the database of `growth.py`, turns it over, and tells what every periodic query, list and operation costs then.

A program of its own, because Django has to be told of the database before it is imported.
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import django

django.setup()

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client

from events.feed.numbering import number_what_waits
from events.inbox.forgetting import forget_settled
from events.inbox.standing import inbox_standing
from events.lag import feed_lag_seconds, queued_sinks, relay_lag
from events.webhooks.endpoints import create_endpoint
from events.webhooks.health import endpoints_by_state
from events.webhooks.pruning import prune
from inventory_client import journal
from inventory_client.current import get_inventory
from inventory_client.stock import set_stock_levels
from orders import operations
from orders.doctor import Extent, examine
from orders.models import FailedSignIns, Order, Storefront
from orders.operations.comparing_stock import stock_differences
from tests.base import perform
from tests.orders.examples import EXAMPLES

GENERATIONS = 3
AT_ONCE = 50_000
TIMES = 5
DAY = timedelta(days=1)
FILL = (Path(__file__).parent / "turnover.sql").read_text()
PAGES = "select pg_stat_get_db_blocks_fetched(oid) from pg_database where datname = current_database()"
Asked = dict[str, Any]


def fill(orders: int) -> None:
    """Up to three generations of orders; what a generation leaves to be forgotten is forgotten before the next one."""
    each = orders // GENERATIONS
    for generation in range(GENERATIONS):
        last = generation == GENERATIONS - 1
        for begun in range(0, each, AT_ONCE):
            values = {
                "orders": min(AT_ONCE, each - begun),
                "age": "1 hour" if last else "40 days",
                "expire": not last,
            }
            with connection.cursor() as cursor:
                for statement in FILL.split(";\n"):
                    cursor.execute(statement, values)
                while number_what_waits():
                    pass
        vacuum()
        if not last:
            forget(now())
            vacuum()


def vacuum() -> None:
    with connection.cursor() as cursor:
        cursor.execute("vacuum (analyze)")


def forget(moment: datetime) -> None:
    for step in (*forgetting(moment).values(), partial(number_what_waits)):
        step()


def forgetting(moment: datetime) -> dict[str, Callable[[], object]]:
    return {
        "forget answers": lambda: operations.forget_answers(before=moment - 7 * DAY),
        "forget incoming events": lambda: forget_settled(before=moment - 30 * DAY),
        "forget tombstones": lambda: get_inventory().forget_holds(before=moment - 7 * DAY),
        "forget the journal of holds": lambda: journal.forget(before=moment - 7 * DAY),
        "forget webhook deliveries": lambda: prune(before=moment - 30 * DAY),
        "forget failed sign-ins": lambda: FailedSignIns.objects.forget_older_than(DAY),
    }


def periodic(moment: datetime) -> dict[str, Callable[[], object]]:
    window = {"after": moment - timedelta(minutes=10), "before": moment - timedelta(minutes=9)}
    lately = moment - timedelta(seconds=1)
    return {
        "sweep holds": lambda: operations.sweep_holds(**window),
        "sweep the journal of holds": lambda: journal.untouched(**window, limit=1000),
        "settle orders": operations.settle_orders,
        "expire orders": lambda: operations.expire_orders(now=moment),
        "complete orders": lambda: operations.complete_orders(now=moment),
        **forgetting(moment),
        "number the feed": number_what_waits,
        "lag of the relay": relay_lag,
        "lag of the feed": feed_lag_seconds,
        "queued sinks": queued_sinks,
        "standing of the inbox": inbox_standing,
        "webhook endpoints": endpoints_by_state,
        "doctor --since, nothing changed": lambda: examine(Extent(since=moment)),
        "reconcile_stock --since, nothing changed": lambda: list(stock_differences(since=lately, storefront_id=None)),
    }


def lists(api: Client, admin: Client) -> dict[str, Callable[[], object]]:
    order = Order.objects.filter(status="completed").order_by("-pk")[20]
    orders, pages = "/api/v1/orders", "/admin/orders/order/"
    paths = {
        "GET one": f"{orders}/{order.pk}",
        "GET its timeline": f"{orders}/{order.pk}/timeline",
        "GET its actions": f"{orders}/{order.pk}/actions",
        "list": f"{orders}?limit=50",
        "list, completed": f"{orders}?status=completed&limit=50",
        "list, pending": f"{orders}?status=pending&limit=50",
        "list, of a customer": f"{orders}?customer_id={order.customer_id}",
        "list, by reference": f"{orders}?external_reference={order.external_reference}",
        "list, by number": f"{orders}?number={order.number}",
        "events": "/api/v1/events?limit=50",
    }
    seen = {
        "admin: list": pages,
        "admin: search a number": f"{pages}?q={order.number}",
        "admin: search a customer": f"{pages}?q={order.customer_id}",
        "admin: search an e-mail": f"{pages}?q={order.contact_email}",
        "admin: search nothing there": f"{pages}?q=nothing-there",
        "admin: first page": "/admin/",
    }
    return {
        **{name: partial(got, api, path) for name, path in paths.items()},
        **{name: partial(got, admin, path) for name, path in seen.items()},
    }


def got(client: Client, path: str) -> None:
    """A search of the back office that finds one order goes there: a 302."""
    answer = client.get(path)
    assert answer.status_code in (200, 302), (path, answer.status_code, answer.content[:300])


def placed(api: Client) -> str:
    body = {
        "customer_id": f"cus{uuid4().int % 1_000_000:06}",
        "currency": "AUD",
        "items": [{"product_id": f"p00{number}", "quantity": 1, "unit_amount": 1299} for number in (1, 2, 3)],
    }
    return str(posted(api, "/api/v1/orders", body)["id"])


def posted(api: Client, path: str, body: Asked) -> Asked:
    answer = api.post(path, body, content_type="application/json", headers={"Idempotency-Key": uuid4().hex})
    assert answer.status_code in (200, 201), (path, answer.status_code, answer.content[:300])
    told: Asked = answer.json()
    return told


def operation(api: Client, name: str) -> Callable[[], Callable[[], object]]:
    """Brings a new order to where the operation is possible; what is left to do is returned."""

    def get_ready() -> Callable[[], object]:
        order_id = placed(api)
        for earlier, asked in EXAMPLES[name].before:
            perform(earlier, order_id, by="staff:ann", **own(asked))
        return partial(posted, api, f"/api/v1/orders/{order_id}/{name}", own(EXAMPLES[name].body))

    return get_ready


def own(asked: Asked) -> Asked:
    return {**asked, "psp_reference": uuid4().hex} if "psp_reference" in asked else asked


def costs(get_ready: Callable[[], Callable[[], object]]) -> tuple[float, float]:
    """Pages touched and milliseconds, each the median of several times after a first one."""
    pages, milliseconds = [], []
    for _ in range(TIMES + 1):
        run = get_ready()
        before = touched()
        begun = time.perf_counter()
        run()
        milliseconds.append((time.perf_counter() - begun) * 1000)
        pages.append(touched() - before)
    return median(pages[1:]), median(milliseconds[1:])


def touched() -> int:
    """Pages that this database was asked for so far; nobody else asks while this runs."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_stat_force_next_flush()")
        cursor.execute("select pg_stat_clear_snapshot()")
        cursor.execute(PAGES)
        return int(cursor.fetchone()[0])


def now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def measure(key: str) -> dict[str, tuple[float, float]]:
    api = Client(headers={"X-API-Key": key, "Host": "localhost"})
    admin = Client(headers={"Host": "localhost"})
    admin.force_login(get_user_model().objects.get_or_create(username="ann", is_staff=True, is_superuser=True)[0])
    cases: dict[str, Callable[[], Callable[[], object]]] = {"nothing": lambda: lambda: None}
    for name, run in {**periodic(now()), **lists(api, admin)}.items():
        cases[name] = lambda run=run: run  # type: ignore[misc]
    cases["place"] = lambda: partial(placed, api)
    cases |= {name: operation(api, name) for name in EXAMPLES}
    found = {name: costs(case) for name, case in cases.items()}
    nothing, _ = found.pop("nothing")
    return {name: (pages - nothing, milliseconds) for name, (pages, milliseconds) in found.items()}


def main() -> None:
    key, orders = sys.argv[1], int(sys.argv[2])
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('statement_timeout', '0', false), set_config('synchronous_commit', 'off', false)"
        )
        cursor.execute("select exists (select from events_webhook_endpoint)")
        if not cursor.fetchone()[0]:
            create_endpoint(1, source="/storefronts/au", url="https://example.com/", by="fill")
    # What the operations of `EXAMPLES` ask for.
    set_stock_levels({"cup": 10**9})
    Storefront.objects.update(refund_approval_above=50)
    fill(orders - Order.objects.count())
    with connection.cursor() as cursor:
        cursor.execute("reset statement_timeout")
        # As the relay leaves it: what waits in the queue is no part of what grows.
        cursor.execute("delete from events_outbox")
        cursor.execute("vacuum (analyze) events_outbox")
        cursor.execute("checkpoint")
        cursor.execute("update events_webhook_endpoint set disabled_at = now(), disabled_because = 'by_hand'")
    call_command("collectstatic", interactive=False, verbosity=0)
    print(json.dumps(measure(key)))


if __name__ == "__main__":
    main()
