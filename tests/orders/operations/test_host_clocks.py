"""Hosts whose clocks are wrong, or are set while the service runs: orders keep the database's time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from events.models import Event
from orders.rules import clock
from orders.rules.ids import time_of

MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def host_ahead(database: None) -> Any:
    """Set this host's clock so many hours ahead of the database's; a negative number sets it back."""

    def put(*, hours: int) -> None:
        clock.follow(timezone.now() - timedelta(hours=hours), read_at=clock.steady())

    yield put
    put(hours=0)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("hours", [1, -1, 0])
def test_an_order_has_the_databases_time_in_all_its_parts(
    api, place_order, host_ahead: Callable[..., None], hours: int
):
    host_ahead(hours=hours)
    earliest = clock.now() - MILLISECOND  # ids have milliseconds
    if hours == 0:
        earliest -= timedelta(seconds=1)  # as good as right: then the host's own clock makes them

    order = place_order(cup=1)

    latest = clock.now() + (timedelta(seconds=1) if hours == 0 else timedelta())
    event = Event.objects.get()
    for moment in (at(order["placed_at"]), at(order["updated_at"]), time_of(UUID(order["id"])), event.occurred_at):
        assert earliest <= moment <= latest
    assert earliest <= time_of(event.id) <= latest
    assert at(order["reserved_until"]) - at(order["placed_at"]) == timedelta(minutes=1440)


@pytest.mark.parametrize("hours", [1, -1])
def test_a_change_has_the_databases_time(api, place_order, host_ahead, hours: int):
    host_ahead(hours=hours)
    order = place_order(cup=1)

    changed = api.patch(f"/api/v1/orders/{order['id']}", {"note": "n"}, content_type="application/json").json()

    assert at(order["placed_at"]) <= at(changed["updated_at"]) <= clock.now()


def test_a_new_connection_reads_the_databases_clock_when_it_was_not_read_for_a_minute(host_ahead):
    host_ahead(hours=3)
    connection.close()
    connection.ensure_connection()
    soon = clock.host_is_right()
    clock.follow(timezone.now() - timedelta(hours=3), read_at=clock.steady() - 61)
    connection.close()
    connection.ensure_connection()

    assert (soon, clock.host_is_right()) == (False, True)


def test_an_answer_that_may_be_the_time_that_is_counted_changes_nothing(host_ahead):
    host_ahead(hours=0)
    steady, counted = clock.steady(), clock.now()

    clock.follow(counted - timedelta(milliseconds=40), read_at=steady, within=0.05)
    agreeing = clock.now()
    clock.follow(counted - timedelta(seconds=60), read_at=steady, within=0.05)
    differing = clock.now()

    assert agreeing >= counted
    assert counted - timedelta(seconds=60) <= differing < counted


def test_no_change_is_earlier_than_the_one_before_it_although_the_time_was_set_back(api, place_order, host_ahead):
    order = place_order(cup=1)
    first = api.patch(f"/api/v1/orders/{order['id']}", {"note": "one"}, content_type="application/json").json()
    host_ahead(hours=3)

    second = api.patch(f"/api/v1/orders/{order['id']}", {"note": "two"}, content_type="application/json").json()

    assert second["updated_at"] == first["updated_at"]
