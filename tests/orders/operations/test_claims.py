"""Claims: who works on an order. Two people never take the same one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from events.models import Event
from orders import operations
from orders.models import Claim, Order, Storefront
from orders.reading.queues import Queue, View, queue_named
from tests.base import perform


@pytest.fixture
def ann(database: None) -> User:
    return User.objects.create_user("ann")


@pytest.fixture
def ben(database: None) -> User:
    return User.objects.create_user("ben")


@pytest.fixture
def pending(place_order: Callable[..., dict[str, Any]]) -> list[Order]:
    """Three of them, the oldest first."""
    ids = [place_order(cup=1)["id"] for _ in range(3)]
    return [Order.objects.get(pk=order_id) for order_id in ids]


def queue(key: str) -> Queue:
    found = queue_named(key)
    assert found is not None
    return found


def view(**options: Any) -> View:
    return View(tuple(Storefront.objects.all()), **options)


def take(key: str, user: User) -> Order | None:
    claim = operations.claim_next(queue(key), view(), user.pk)
    return None if claim is None else Order.all_objects.get(pk=claim.order_id)


def held_by() -> dict[str, str]:
    claims = Claim.objects.in_force().select_related("user", "order")
    return {claim.order.number: claim.user.username for claim in claims}


def test_the_oldest_order_that_nobody_has_is_next(ann, ben, pending):
    first, second, third = pending

    taken = [take("to_confirm", user) for user in (ann, ben, ann, ben)]

    assert taken == [first, second, third, None]
    assert held_by() == {first.number: "ann", second.number: "ben", third.number: "ann"}
    assert Event.objects.count() == 3  # nobody outside is told


def test_what_is_late_is_shipped_first(ann, pending, storefront):
    for order in pending:
        perform("confirm", order.pk)
    Order.objects.filter(pk=pending[2].pk).update(metadata={"estimated_delivery_at": "2026-01-02"})

    assert [take("to_ship", ann) for _ in range(3)] == [pending[2], pending[0], pending[1]]


def test_whoever_holds_an_order_is_passed_over(ann, ben, pending):
    locked, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Order.objects.select_for_update().get(pk=pending[0].pk)
            locked.set()
            may_go.wait(30)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        locked.wait(30)
        taken = take("to_confirm", ben)
        may_go.set()
        holding.result()

    assert taken == pending[1]


def test_people_who_ask_at_the_same_time_never_get_the_same_order(ann, ben, place_order):
    orders = {place_order(cup=1)["number"] for _ in range(12)}
    start = threading.Barrier(4)

    def work(user: User) -> list[str]:
        start.wait(30)
        taken = []
        while (order := take("to_confirm", user)) is not None:
            taken.append(order.number)
        connection.close()
        return taken

    with ThreadPoolExecutor(4) as pool:
        each = list(pool.map(work, (ann, ben, ann, ben)))

    together = [number for numbers in each for number in numbers]
    assert sorted(together) == sorted(orders)
    assert len(held_by()) == 12


def test_an_order_is_claimed_given_back_and_taken_over(ann, ben, pending):
    order = pending[0]

    mine = operations.claim_order(order, ann.pk)
    again = operations.claim_order(order, ann.pk)
    refused = operations.claim_order(order, ben.pk)
    mistaken = operations.claim_order(order, ben.pk, instead_of=ben.pk)
    taken = operations.claim_order(order, ben.pk, instead_of=ann.pk)

    assert (again, refused, mistaken) == (mine, mine, mine)
    assert taken.user == ben
    assert not operations.give_back(order.pk, ann.pk)
    assert operations.give_back(order.pk, ben.pk)
    assert held_by() == {}
    assert [claim.user_id for claim in Claim.objects.order_by("pk")] == [ann.pk, ben.pk]


def test_claims_of_done_orders_and_of_what_has_left_its_queue_end_by_themselves(ann, pending):
    canceled, confirmed, kept = pending
    operations.claim_order(canceled, ann.pk)
    operations.claim_order(kept, ann.pk)
    perform("cancel", canceled.pk)
    assert take("to_confirm", ann) == confirmed
    perform("confirm", confirmed.pk)
    perform("confirm", kept.pk)

    call_command("sweep", "--once")

    assert held_by() == {kept.number: "ann"}
    assert Claim.objects.exclude(ended_at=None).count() == 2


def test_what_ends_today_where_somebody_works_is_not_taken_from_them_because_it_ends_tomorrow_elsewhere(
    ann, pending, monkeypatch
):
    noon = datetime(2026, 12, 1, 12, tzinfo=ZoneInfo("America/Los_Angeles"))
    monkeypatch.setattr("orders.operations.claiming.View", partial(View, now=noon))
    today = Order.objects.filter(pk=pending[0].pk)
    Order.objects.update(reserved_until=noon + timedelta(days=7))
    today.update(reserved_until=datetime(2026, 12, 2, 5, tzinfo=UTC))
    with timezone.override(noon.tzinfo):
        assert operations.claim_next(queue("reserved_today"), view(now=noon), ann.pk)

    assert operations.end_done_claims() == 0
    assert held_by() == {pending[0].number: "ann"}

    today.update(reserved_until=noon + timedelta(days=7))
    assert operations.end_done_claims() == 1


def test_what_ended_long_ago_is_forgotten(ann, pending):
    claim = operations.claim_order(pending[0], ann.pk)
    Claim.objects.filter(pk=claim.pk).update(ended_at=timezone.now() - timedelta(days=400))

    operations.end_done_claims()

    assert not Claim.objects.exists()
