"""The life of an order is one table; every refusal has one HTTP status."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orders.api.errors import STATUS_CODES
from orders.operations import PERFORMERS
from orders.rules import errors
from orders.rules.lifecycle import OPERATIONS, Operation, statuses_of
from orders.rules.statuses import RULES, OrderStatus

# Rows: what it is. Columns: what it may become, in the order pending, confirmed, shipped, completed, canceled.
GRID = {
    "pending": "- y - - y",
    "confirmed": "- - y - y",
    "shipped": "- - - y -",
    "completed": "- - - - -",
    "canceled": "- - - - -",
}
# Rows: what is done. Columns: in which status it is possible, in the order of GRID.
OPERATIONS_GRID = {
    "confirm": "y - - - -",
    "extend": "y - - - -",
    "amend": "y y - - -",
    "change_details": "y y y y y",
    "change_contact": "y y y - -",
    "change_address": "y y - - -",
    "change_customer": "y y y y y",
    "pack": "y y - - -",
    "ship": "- y - - -",
    "track": "y y y - -",
    "deliver": "- y y - -",
    "complete": "- - y - -",
    "undo_shipment": "- y y - -",
    "undo_delivery": "- y y - -",
    "undo_completion": "- - - y -",
    "cancel": "y y - - -",
    "reinstate": "- - - - y",
    "record_payment": "y y y y y",
    "correct_payment": "y y y y y",
    "request_refund": "y y y y y",
    "approve_refund": "y y y y y",
    "reject_refund": "y y y y y",
    "fail_refund": "y y y y y",
    "request_return": "- y y y -",
    "approve_return": "- y y y -",
    "reject_return": "- y y y -",
    "receive_return": "- y y y -",
    "close_return": "- y y y -",
    "comment": "y y y y y",
    "hold": "y y y y y",
    "release_hold": "y y y y y",
    "delete": "y - - y y",
    "restore": "y y y y y",
    "expire": "y - - - -",
    "erase": "- - y y y",
}


def test_the_table_knows_every_status():
    assert set(RULES) == set(OrderStatus)
    assert list(GRID) == [status.value for status in OrderStatus]


@pytest.mark.parametrize("current", GRID)
def test_a_status_leads_where_the_grid_says(current):
    wanted = [status for status, mark in zip(GRID, GRID[current].split(), strict=True) if mark == "y"]

    assert {status.value for status in RULES[OrderStatus(current)].next_statuses} == set(wanted)


@pytest.mark.parametrize("operation", OPERATIONS_GRID)
def test_an_operation_is_possible_where_the_grid_says(operation):
    possible = [status for status, mark in zip(GRID, OPERATIONS_GRID[operation].split(), strict=True) if mark == "y"]

    assert statuses_of(Operation(operation)) == possible


def test_the_table_knows_every_operation_and_who_may_do_it():
    assert list(OPERATIONS) == list(Operation) == [Operation(name) for name in OPERATIONS_GRID]
    assert {operation for operation, rules in OPERATIONS.items() if rules.scope is None} == {
        Operation.EXPIRE,
        Operation.ERASE,
    }
    assert set(PERFORMERS) == set(Operation) - {Operation.CHANGE_CONTACT, Operation.CHANGE_ADDRESS}


def _leaves(kind: type[errors.OrderError]) -> Iterator[type[errors.OrderError]]:
    if not kind.__subclasses__():
        yield kind
    for part in kind.__subclasses__():
        yield from _leaves(part)


def test_every_refusal_has_its_http_status_and_its_own_code():
    refusals = set(_leaves(errors.OrderError))

    assert refusals == set(STATUS_CODES)
    assert len({refusal.code for refusal in refusals}) == len(refusals)
    assert set(STATUS_CODES.values()) <= {400, 403, 404, 409, 412, 413, 422, 503}
