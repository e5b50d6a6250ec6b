"""Pages of reservations: what changed, however far apart, and holds that nobody touched."""

from datetime import timedelta
from uuid import UUID

import pytest

from inventory_client.models import AskedHold, Reservation
from inventory_client.stock import set_stock_levels
from inventory_client.values import HoldRequest

A = UUID("01920000-0000-7000-8000-00000000000a")
B = UUID("01920000-0000-7000-8000-00000000000b")
C = UUID("01920000-0000-7000-8000-00000000000c")
MILLISECOND = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _held_long_apart(ledger, database_now):
    """A two hours ago; B and C half an hour ago, soon after each other."""
    set_stock_levels({"cup": 5})
    ledger.hold([HoldRequest(reservation_id, {"cup": 1}) for reservation_id in (A, B, C)])
    now = database_now()
    for reservation_id, ago in ((A, 120 * MINUTE), (B, 30 * MINUTE), (C, 29.9 * MINUTE)):
        Reservation.objects.filter(pk=reservation_id).update(updated_at=now - ago)


def ids(reservations):
    return [reservation.reservation_id for reservation in reservations]


def test_nothing_is_listed_where_nothing_changed_since(inventory, database_now):
    assert inventory.changed_since(database_now()) == []


def test_what_changed_hours_apart_is_listed_from_the_time_asked_for(inventory, database_now):
    now = database_now()

    assert ids(inventory.changed_since(now - 121 * MINUTE)) == [A, B, C]
    assert ids(inventory.changed_since(now - 119 * MINUTE)) == [B, C]


def test_a_page_has_no_more_than_was_asked_for_however_far_its_changes_lie_apart(inventory, database_now):
    assert ids(inventory.changed_since(database_now() - 121 * MINUTE, limit=2)) == [A, B]


def test_a_full_page_is_read_no_further(ledger, database_now, django_assert_num_queries):
    since = database_now() - 121 * MINUTE

    with django_assert_num_queries(1):
        page = ledger.changed_since(since, limit=1)

    assert ids(page) == [A]


def test_a_page_has_a_thousand_unless_fewer_are_asked_for(inventory, database_now):
    start = database_now() - 10 * MINUTE
    touched = [(UUID(int=number), start + number * MILLISECOND) for number in range(1, 1002)]
    Reservation.objects.bulk_create(
        Reservation(reservation_id, 1, "held", ["cup"], [1], at, at) for reservation_id, at in touched
    )
    AskedHold.objects.bulk_create(AskedHold(reservation_id, "asked", at) for reservation_id, at in touched)

    changed = inventory.changed_since(start)
    untouched = inventory.untouched_holds(after=start, before=start + MINUTE)

    assert (len(changed), changed[-1].reservation_id) == (1000, UUID(int=1000))
    assert untouched == touched[:1000]
