"""What upkeep costs after rows were removed and their space was used again: as much as there is to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from inventory_client import database
from inventory_client.models import Reservation
from tests.plans import cost_of, cost_of_each, long_reader, vacuum

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# Every other row has been given up, three days ago; the others stay, from ten days ago.
RESERVATIONS = """
insert into inventory_reservation (id, revision, state, product_ids, quantities, created_at, updated_at)
select gen_random_uuid(), 1, case when n % 2 = 0 then 'released' else 'confirmed' end, '{cup,plate}', '{1,2}', moment,
       moment
  from generate_series(1, 8000) n
 cross join lateral (select now() - case when n % 2 = 0 then interval '3 days' else interval '10 days' end
                            + n * interval '1 second' as moment) as made
"""
NEW_RESERVATIONS = """
insert into inventory_reservation (id, revision, state, product_ids, quantities, created_at, updated_at)
select gen_random_uuid(), 1, 'held', '{cup,plate}', '{1,2}', now(), now() from generate_series(1, 4000)
"""
ASKED = """
insert into inventory_asked_hold (id, state, touched_at)
select gen_random_uuid(), case when n % 2 = 0 then 'released' else 'asked' end,
       now() - case when n % 2 = 0 then interval '3 days' else interval '1 day' end + n * interval '1 second'
  from generate_series(1, 8000) n
"""
NEW_ASKED = """
insert into inventory_asked_hold (id, state, touched_at) select gen_random_uuid(), 'asked', now()
  from generate_series(1, 4000)
"""


@pytest.fixture
def turned_over(inventory, request, database_now):
    """Full once, forgotten, and full again; returns the table's name."""
    embedded = "embedded" in request.node.name
    table = "inventory_reservation" if embedded else "inventory_asked_hold"
    with connection.cursor() as cursor:
        cursor.execute(RESERVATIONS if embedded else ASKED)
        vacuum(table)
        pages = pages_of(table)
        assert inventory.forget_holds(before=database_now() - 2 * DAY) == 4000
        vacuum(table)
        cursor.execute(NEW_RESERVATIONS if embedded else NEW_ASKED)
    vacuum(table)
    # The new rows have the space of the old.
    assert pages_of(table) == pages > 50
    return table


def pages_of(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_relation_size(%s) / current_setting('block_size')::integer", [table])
        return int(cursor.fetchone()[0])


def test_a_sweep_that_finds_nothing_touches_next_to_nothing(inventory, turned_over, database_now):
    now = database_now()

    cost = cost_of(
        lambda: inventory.untouched_holds(after=now - 2 * DAY, before=now - 2 * DAY + HOUR), naming=turned_over
    )

    assert cost.pages <= 8
    assert cost.indexes & {"reservation_held_by_touch", "asked_hold_by_age"}


def test_forgetting_nothing_touches_next_to_nothing(inventory, turned_over, database_now):
    cost = cost_of(lambda: inventory.forget_holds(before=database_now() - 2 * DAY), naming=turned_over)

    assert cost.pages <= 12
    assert cost.indexes & {"reservation_released_by_age", "asked_hold_by_age"}


def test_what_changed_lately_costs_as_much_as_has_changed(ledger, database_now):
    with connection.cursor() as cursor:
        cursor.execute(RESERVATIONS)
        cursor.execute("delete from inventory_reservation where state = 'released'")
        vacuum("inventory_reservation")
        cursor.execute(NEW_RESERVATIONS)
    vacuum("inventory_reservation")
    since = database_now()
    changed = Reservation.objects.filter(state="held").order_by("pk")[:3]
    for reservation in changed:
        ledger.confirm(reservation.pk)

    cost = cost_of(lambda: ledger.changed_since(since), naming="inventory_reservation")

    assert len(ledger.changed_since(since)) == 3
    assert cost.pages <= 20
    assert cost.indexes == {
        "reservation_held_by_touch",
        "reservation_confirmed_by_age",
        "reservation_released_by_age",
    }


def test_pieces_go_on_where_the_last_one_ended(inventory, database_now, monkeypatch):
    monkeypatch.setattr(database, "ROWS_IN_A_PIECE", 100)
    with connection.cursor() as cursor:
        cursor.execute(RESERVATIONS)
        cursor.execute(ASKED)
    vacuum("inventory_reservation", "inventory_asked_hold")

    with long_reader():
        pieces = cost_of_each(lambda: inventory.forget_holds(before=database_now() - 2 * DAY), beginning="with due")

    assert len(pieces) == 41
    assert max(piece.pages for piece in pieces) <= 1.5 * pieces[0].pages
