"""The life of an order is one table; every refusal has one HTTP status."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orders import errors
from orders.api_errors import STATUS_CODES
from orders.models import Order
from orders.statuses import RULES, CancelReason, OrderStatus

# Rows: what it is. Columns: what it may become, in the order pending, confirmed, shipped, completed, canceled.
GRID = {
    "pending": "- y - - y",
    "confirmed": "- - y - y",
    "shipped": "- - - y -",
    "completed": "- - - - -",
    "canceled": "- - - - -",
}
# May be changed or done: contact, address, tracking, delete.
ALLOWED = {
    "pending": (True, True, True, True),
    "confirmed": (True, True, True, False),
    "shipped": (True, False, True, False),
    "completed": (False, False, False, True),
    "canceled": (False, False, False, True),
}
MOVES = {
    "confirmed": lambda order: order.confirm(),
    "shipped": lambda order: order.ship(),
    "completed": lambda order: order.complete(),
    "canceled": lambda order: order.cancel(CancelReason.CUSTOMER),
}


def test_the_table_knows_every_status():
    assert set(RULES) == set(OrderStatus)
    assert list(GRID) == [status.value for status in OrderStatus]


@pytest.mark.parametrize("current", GRID)
@pytest.mark.parametrize("wanted", MOVES)
def test_an_order_takes_exactly_the_steps_of_the_grid(current, wanted):
    order = Order(status=current)
    allowed = GRID[current].split()[list(GRID).index(wanted)] == "y"

    if allowed:
        MOVES[wanted](order)
        assert order.status == wanted
    else:
        with pytest.raises(errors.InvalidTransition):
            MOVES[wanted](order)
        assert order.status == current


@pytest.mark.parametrize("status", ALLOWED)
def test_what_may_be_changed_follows_the_status(status):
    rules = RULES[OrderStatus(status)]

    assert (rules.contact_editable, rules.address_editable, rules.tracking_editable, rules.deletable) == ALLOWED[status]


def _leaves(kind: type[errors.OrderError]) -> Iterator[type[errors.OrderError]]:
    if not kind.__subclasses__():
        yield kind
    for part in kind.__subclasses__():
        yield from _leaves(part)


def test_every_refusal_has_its_http_status_and_its_own_code():
    refusals = set(_leaves(errors.OrderError))

    assert refusals == set(STATUS_CODES)
    assert len({refusal.code for refusal in refusals}) == len(refusals)
    assert set(STATUS_CODES.values()) <= {400, 404, 409, 412, 413, 422, 503}
