"""What was shipped before shipping took units off the shelf is taken off by a migration, and nothing else changes."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from inventory_client.models import Reservation, Stock
from tests.chaos.promises import broken_promises
from tests.inventory_client.test_turnover import RESERVATIONS
from tests.orders.asking import done, everything, item_ids, on_shelf
from tests.plans import cost_of_each, vacuum

MIGRATION = importlib.import_module("orders.migrations.0036_shipped_units_left_the_shelf")
# As the release before left it: shipped units are reserved, and on hand.
_AS_BEFORE = """
update inventory_reservation set shipped = '{}';
update inventory_stock set on_hand = on_hand + shipped, reserved = reserved + shipped, shipped = 0
"""


@pytest.fixture
def shipped_so_far(api: Any, place_order: Any) -> None:
    """Of 1000 cups and plates: three orders, of which one is open, one half shipped, one shipped and half back."""
    open_order, half, back = place_order(cup=1), place_order(cup=4), place_order(cup=2, plate=2)
    done(api, open_order["id"], "confirm")
    done(api, half["id"], "confirm")
    done(api, half["id"], "ship", items=[{"item_id": item_ids(half)["cup"], "quantity": 3}])
    done(api, back["id"], "confirm")
    done(api, back["id"], "ship")
    plate = {"item_id": item_ids(back)["plate"], "quantity": 1}
    done(api, back["id"], "request_return", cause="unwanted", items=[plate])
    done(api, back["id"], "approve_return")
    done(api, back["id"], "receive_return")
    with connection.cursor() as cursor:
        cursor.execute(_AS_BEFORE)
    assert on_shelf() == {"cup": (1000, 7), "plate": (1000, 1)}


def migrate() -> None:
    with connection.schema_editor(atomic=False) as editor:
        MIGRATION.take_off(apps, editor)


@pytest.mark.usefixtures("shipped_so_far")
@pytest.mark.parametrize("at_once", [1, 2, 2000])
def test_shipped_units_come_off_both_numbers_and_what_is_free_stays_as_it_was(monkeypatch, at_once):
    monkeypatch.setattr(MIGRATION, "ORDERS_AT_ONCE", at_once)

    migrate()

    assert on_shelf() == {"cup": (995, 2), "plate": (999, 0)}
    assert dict(Stock.objects.values_list("pk", "shipped")) == {"cup": 5, "plate": 1}
    assert sorted(Reservation.objects.values_list("shipped", flat=True)) == [[], [2, 1], [3]]
    assert broken_promises() == {}


@pytest.mark.usefixtures("shipped_so_far")
def test_a_second_run_changes_nothing():
    migrate()
    first = everything()

    migrate()

    assert everything() == first


@pytest.mark.usefixtures("shipped_so_far")
def test_a_product_that_is_counted_wrong_and_one_without_a_row_stop_nobody():
    Stock.objects.filter(pk="cup").update(on_hand=2, reserved=2)
    Stock.objects.filter(pk="plate").delete()

    migrate()

    assert Stock.objects.values_list("on_hand", "reserved", "shipped", "oversold").get() == (-3, 0, 5, 3)


@pytest.mark.usefixtures("shipped_so_far")
def test_a_reservation_that_is_not_as_its_order_is_left_to_the_reconciliation():
    Reservation.objects.filter(quantities=[4]).update(quantities=[2])

    migrate()

    assert sorted(Reservation.objects.values_list("shipped", flat=True)) == [[], [], [2, 1]]
    assert on_shelf() == {"cup": (998, 5), "plate": (999, 0)}


@pytest.mark.usefixtures("shipped_so_far")
def test_a_piece_looks_only_at_the_reservations_of_its_orders():
    with connection.cursor() as cursor:
        cursor.execute(RESERVATIONS)
    vacuum("inventory_reservation")

    pieces = cost_of_each(migrate, beginning="with ordered")

    assert len(pieces) == 2  # the last one finds no order any more
    assert all("inventory_reservation_pkey" in piece.indexes for piece in pieces)
