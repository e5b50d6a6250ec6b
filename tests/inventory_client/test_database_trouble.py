"""The embedded ledger when its database makes trouble."""

from uuid import UUID

from django.db import connection

from inventory_client.errors import InventoryBusy, InventoryUnavailable, OutcomeUnknown
from inventory_client.stock import set_stock_levels
from inventory_client.values import Held, HoldRequest
from tests.outages import read_only_database

A = UUID("01920000-0000-7000-8000-00000000000a")


def test_stock_that_others_hold_too_long_is_unavailable_and_nothing_is_held(ledger, other_session, reserved):
    set_stock_levels({"cup": 5})
    other_session.execute("update inventory_stock set on_hand = 6")
    with connection.cursor() as cursor:
        cursor.execute("set lock_timeout = '50ms'")

    (outcome,) = ledger.hold([HoldRequest(A, {"cup": 1})])

    assert isinstance(outcome, InventoryBusy)
    other_session.rollback()
    assert ledger.get(A) is None
    connection.close()  # and with it the short timeout


def test_a_database_that_takes_no_changes_is_unavailable_and_nothing_is_held(transactional_db, ledger, reserved):
    set_stock_levels({"cup": 5})

    with read_only_database():
        (outcome,) = ledger.hold([HoldRequest(A, {"cup": 1})])

    assert isinstance(outcome, InventoryUnavailable)
    assert (ledger.get(A), reserved()) == (None, {})


def test_a_connection_lost_under_a_hold_is_an_unknown_outcome(ledger, other_session, reserved):
    set_stock_levels({"cup": 5})
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        (process_id,) = cursor.fetchone()
    other_session.execute("select pg_terminate_backend(%s, 5000)", [process_id])

    (outcome,) = ledger.hold([HoldRequest(A, {"cup": 1})])

    assert isinstance(outcome, OutcomeUnknown)
    connection.close()
    (again,) = ledger.hold([HoldRequest(A, {"cup": 1})])
    assert isinstance(again, Held)
    assert reserved() == {"cup": 1}
