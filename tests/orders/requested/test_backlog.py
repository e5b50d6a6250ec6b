"""However many wait: how they stand and what a storefront sees of them is read from few rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders.models import Order, RequestedOrder
from orders.operations import place_requested
from orders.reading.requested import page_of_requests, requests_standing

_FILL = """
insert into orders_requestedorder (
    id, storefront_id, state, customer_id, "order", actor, requested_at, rejected_at, rejection
)
select gen_random_uuid(), %(storefront)s::int, %(state)s::text, 'cus' || number,
       case %(state)s::text when 'requested' then '{}'::bytea end, 'key', now(),
       case %(state)s::text when 'rejected' then now() end, case %(state)s::text when 'rejected' then '{}'::jsonb end
  from generate_series(1, %(rows)s::int) as number
"""


def fill(storefront_id: int, state: str, rows: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FILL, {"storefront": storefront_id, "state": state, "rows": rows})
        cursor.execute("analyze orders_requestedorder")


def rows_read(ask: Callable[[], object]) -> int:
    """How many rows its one query looks at, those that it filters out included."""
    with CaptureQueriesContext(connection) as asked:
        ask()
    (query,) = asked.captured_queries
    return rows_read_by(query["sql"])


def rows_read_by(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"explain (analyze, format json) {sql}")
        (told,) = cursor.fetchone()
    plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    return sum(_read_by(node) for node in _nodes(plan) if "Relation Name" in node)


def _read_by(node: dict[str, Any]) -> int:
    filtered = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + filtered) * node["Actual Loops"])


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def test_how_they_stand_is_told_from_a_bounded_number_of_rows(storefront):
    fill(storefront.pk, "requested", 12_000)
    fill(storefront.pk, "rejected", 12_000)

    standing = requests_standing()

    assert standing[:3] == (10_001, 0, 10_001)
    assert rows_read(requests_standing) <= 2 * 10_001 + 1


def test_those_that_are_parked_make_nothing_longer(storefront, ask_for):
    fill(storefront.pk, "requested", 5_000)
    RequestedOrder.objects.update(next_attempt_at="9999-01-01T00:00:00Z")
    waiting = UUID(ask_for(cup=1).json()["id"])
    with connection.cursor() as cursor:
        cursor.execute("analyze orders_requestedorder")

    assert requests_standing()[:3] == (1, 5_000, 0)
    assert rows_read(requests_standing) <= 5_010
    assert RequestedOrder.objects.get(pk=waiting).attempts == 0


def test_one_storefronts_many_do_not_keep_anothers_single_one_waiting(storefront, other_storefront, ask_for, stock):
    stock(cup=1)
    fill(other_storefront.pk, "requested", 300)
    single = UUID(ask_for(cup=1).json()["id"])

    place_requested(most=2)

    assert Order.objects.get().pk == single
    assert RequestedOrder.objects.filter(attempts=1).count() == 1


def test_taking_reads_only_what_is_taken(storefront, other_storefront):
    fill(storefront.pk, "requested", 5_000)
    RequestedOrder.objects.update(next_attempt_at=timezone.now() + timedelta(hours=1))
    fill(other_storefront.pk, "requested", 5_000)

    with CaptureQueriesContext(connection) as asked:
        place_requested(most=5)
    RequestedOrder.objects.filter(storefront=other_storefront).update(next_attempt_at=timezone.now(), attempts=0)

    assert rows_read_by(asked.captured_queries[0]["sql"]) <= 30


def test_readiness_is_told_when_they_cannot_be_looked_at(database):
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("lock table orders_requestedorder in access exclusive mode")
        answer = Client().get("/readyz")

    told = answer.json()["checks"]
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert (told["database"]["status"], told["requested_orders"]["status"]) == ("ok", "degraded")


@pytest.mark.parametrize(
    "conditions",
    [{}, {"state": "requested"}, {"state": "rejected"}, {"external_reference": "x"}, {"customer_id": "cus7"}],
)
def test_a_storefront_lists_its_own_without_reading_anothers(storefront, other_storefront, conditions):
    fill(other_storefront.pk, "requested", 5_000)
    fill(other_storefront.pk, "rejected", 5_000)
    fill(storefront.pk, "requested", 10)
    fill(storefront.pk, "rejected", 10)

    def ask() -> None:
        page_of_requests(storefront.pk, conditions, before=None, limit=50)

    assert rows_read(ask) <= 30


def test_a_customers_requests_are_found_among_many_of_the_storefront(storefront):
    fill(storefront.pk, "requested", 5_000)

    def ask() -> None:
        page_of_requests(storefront.pk, {"customer_id": "cus7"}, before=None, limit=50)

    assert rows_read(ask) <= 10
