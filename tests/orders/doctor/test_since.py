"""`doctor --since`: what was placed or changed since is examined, at a cost that all the rest has no part in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from events.models import OutboxEntry
from orders.doctor import answers, examine, examined_orders, feed, queue, strays, stuck
from orders.doctor.extent import Extent
from orders.models import IdempotentAnswer, OrderItem, Storefront
from tests.base import perform
from tests.orders.asking import sell
from tests.plans import statements_of

Api = Any
PAGES = [
    (examined_orders, "_ORDERS_AT_ONCE"),
    (strays, "_ROWS_AT_ONCE"),
    (stuck, "_ROWS_AT_ONCE"),
    (feed, "_EVENTS_AT_ONCE"),
    (queue, "_ROWS_AT_ONCE"),
    (answers, "_ANSWERS_AT_ONCE"),
]


@pytest.fixture
def lived(api: Api, storefront: Storefront) -> Callable[[], str]:
    """An order with a part of every kind, and a stored answer; all of it told. Returns its id."""

    def live() -> str:
        order_id: str = sell(api)["id"]
        perform("record_payment", order_id, kind="capture", amount=3000, psp_reference=f"c-{order_id}")
        perform("confirm", order_id)
        perform("ship", order_id)
        perform("deliver", order_id)
        perform("request_return", order_id, cause="unwanted")
        perform("approve_return", order_id)
        perform("receive_return", order_id)
        refund = perform("request_refund", order_id, amount=2500)["refunds"][0]
        perform(
            "record_payment",
            order_id,
            kind="refund",
            amount=2500,
            psp_reference=f"r-{order_id}",
            refund_id=UUID(refund["id"]),
        )
        IdempotentAnswer.objects.create(
            storefront_id=storefront.pk,
            key=order_id,
            fingerprint=b"",
            status=201,
            body=b'{"id": "%s"}' % order_id.encode(),
        )
        OutboxEntry.objects.all().delete()
        return order_id

    return live


def a_moment_later() -> datetime:
    """A time of which no id made so far can be."""
    made_so_far = timezone.now()
    while (now := timezone.now()) < made_so_far + timedelta(milliseconds=2):
        pass
    return now


def found(since: datetime) -> dict[str, int]:
    report = examine(Extent(since=since)).as_json()
    return {check["code"]: check["count"] for check in report["checks"] if check["count"]}


def test_damage_is_found_in_orders_that_were_changed_since_however_old_they_are(api, lived):
    changed, left_alone, canceled = sell(api)["id"], lived(), sell(api)["id"]
    since = a_moment_later()
    perform("confirm", changed)
    perform("record_payment", changed, kind="capture", amount=100, psp_reference="c-1")
    perform("cancel", canceled)
    OrderItem.objects.filter(order_id__in=[changed, left_alone]).update(unit_amount=7)

    assert found(since) == {"items_amount_not_as_items": 1, "event_not_as_order": 1}
    assert found(since - timedelta(days=1)) == {"items_amount_not_as_items": 2, "event_not_as_order": 2}
    assert examine(Extent(since=since)).orders == 2


def test_a_part_of_a_changed_order_that_was_given_to_another_storefront_is_found(api, other_storefront):
    changed, left_alone = sell(api)["id"], sell(api)["id"]
    since = a_moment_later()
    perform("confirm", changed)
    OrderItem.objects.filter(order_id__in=[changed, left_alone]).update(storefront_id=other_storefront.pk)

    assert found(since) == {"stray_row": 2}
    assert found(since - timedelta(days=1)) == {"stray_row": 4}


def test_what_it_costs_does_not_grow_with_what_was_not_changed(api, lived, monkeypatch):
    for module, name in PAGES:
        monkeypatch.setattr(module, name, 2)
    lived()
    asked = []
    for more in (0, 3):
        for _ in range(more):
            lived()
        since = a_moment_later()
        perform("deliver", sell_and_ship(api))
        OutboxEntry.objects.all().delete()
        asked.append(statements_of(partial(find_nothing, since)))

    assert asked[0] == asked[1]
    assert statements_of(partial(find_nothing, since - timedelta(days=1))) > 2 * asked[0]


def find_nothing(since: datetime) -> None:
    assert found(since) == {}


def sell_and_ship(api: Api) -> str:
    order_id: str = sell(api)["id"]
    perform("confirm", order_id)
    perform("ship", order_id)
    return order_id
