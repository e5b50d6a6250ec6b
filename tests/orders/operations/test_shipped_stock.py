"""What leaves the shelf with a parcel is neither on hand nor held any more, whichever inventory counts it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory_client.faults import Fault, FaultKind
from inventory_client.models import Reservation, Stock
from orders import operations
from orders.models import Order
from tests.chaos.promises import broken_promises
from tests.orders.asking import done, item_ids, on_shelf


@pytest.fixture(params=["embedded", "http"])
def either_inventory(request: pytest.FixtureRequest, database: None) -> None:
    if request.param == "http":
        request.getfixturevalue("remote")


@pytest.fixture
def confirmed(either_inventory, api, place_order):
    """Three cups and a plate, of a thousand each."""
    placed = place_order(cup=3, plate=1)
    return done(api, placed["id"], "confirm")


def units(order, **quantities):
    ids = item_ids(order)
    return [{"item_id": ids[product], "quantity": quantity} for product, quantity in quantities.items()]


def test_each_parcel_takes_its_units_off_what_is_on_hand_and_what_is_held(api, confirmed):
    done(api, confirmed["id"], "ship", items=units(confirmed, cup=2))
    first = on_shelf()
    done(api, confirmed["id"], "ship")

    assert first == {"cup": (998, 1), "plate": (1000, 1)}
    assert on_shelf() == {"cup": (997, 0), "plate": (999, 0)}
    assert broken_promises() == {}


def test_packed_parcels_that_leave_together_are_told_once(api, confirmed):
    done(api, confirmed["id"], "pack", items=units(confirmed, cup=1))
    done(api, confirmed["id"], "pack", items=units(confirmed, cup=1))

    done(api, confirmed["id"], "ship")

    assert on_shelf() == {"cup": (997, 0), "plate": (999, 0)}
    assert Order.objects.get().stock_revision == Reservation.objects.get().revision == 3


def test_what_has_not_left_is_free_when_it_is_canceled(api, confirmed):
    done(api, confirmed["id"], "ship", items=units(confirmed, cup=2))

    done(api, confirmed["id"], "cancel")

    assert on_shelf() == {"cup": (998, 0), "plate": (1000, 0)}
    assert broken_promises() == {}


def test_a_parcel_that_has_not_left_after_all_puts_its_units_back(api, confirmed):
    done(api, confirmed["id"], "ship")

    done(api, confirmed["id"], "undo_shipment", reason="still here")

    assert on_shelf() == {"cup": (1000, 3), "plate": (1000, 1)}
    assert broken_promises() == {}


def test_what_comes_back_as_new_is_on_hand_again_and_what_is_damaged_is_not(api, confirmed):
    done(api, confirmed["id"], "ship")
    done(api, confirmed["id"], "request_return", cause="unwanted")
    done(api, confirmed["id"], "approve_return")
    cup, plate = units(confirmed, cup=2, plate=1)

    done(api, confirmed["id"], "receive_return", items=[{**cup, "condition": "new"}, {**plate, "condition": "damaged"}])

    assert on_shelf() == {"cup": (999, 0), "plate": (999, 0)}
    assert broken_promises() == {}


def test_what_is_added_to_a_partly_shipped_order_is_held_beside_it(api, confirmed):
    done(api, confirmed["id"], "ship", items=units(confirmed, cup=2))

    done(api, confirmed["id"], "amend", items=units(confirmed, plate=4))

    assert on_shelf() == {"cup": (998, 1), "plate": (1000, 4)}
    assert broken_promises() == {}


@pytest.mark.parametrize("kind", [FaultKind.LOST_REPLY, FaultKind.UNAVAILABLE])
def test_a_shipment_that_the_inventory_was_not_told_of_is_told_later(remote, api, place_order, kind):
    placed = place_order(cup=3)
    done(api, placed["id"], "confirm")
    remote.faults.add(*[Fault(kind)] * 2)

    shipped = done(api, placed["id"], "ship", items=units(placed, cup=2))
    waiting = Order.objects.get().stock_action

    assert (shipped["items"][0]["shipped"], waiting) == (2, "adjust")
    assert operations.settle_orders() == (1, 0)
    assert on_shelf() == {"cup": (998, 1)}
    assert broken_promises() == {}


def test_the_ledger_is_told_in_the_transaction_that_ships_by_one_statement_more(api, place_order):
    placed = place_order(cup=3)
    done(api, placed["id"], "confirm")

    with CaptureQueriesContext(connection) as statements:
        done(api, placed["id"], "ship")

    assert len([each for each in statements if "inventory_" in each["sql"]]) == 1
    assert on_shelf() == {"cup": (997, 0)}


def test_more_than_was_counted_can_leave_all_the_same(api, place_order):
    """Two of three cups are on the shelf by the count; the third one was there."""
    placed = place_order(cup=3)
    done(api, placed["id"], "confirm")
    Stock.objects.filter(pk="cup").update(on_hand=2, oversold=1)

    done(api, placed["id"], "ship")

    assert on_shelf() == {"cup": (-1, 0)}
    assert Reservation.objects.get().shipped == [3]
