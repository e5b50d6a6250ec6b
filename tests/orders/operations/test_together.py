"""One operation for several orders ends in time."""

from __future__ import annotations

from uuid import UUID

from orders import operations
from orders.models import Order
from orders.operations import Call
from orders.requests.operations import Plain
from orders.rules.callers import Caller
from orders.rules.errors import NoTimeLeft, OrderError
from orders.rules.lifecycle import Operation


def confirm_together(ids, **time):
    """The code of each order's refusal; None where it was done."""
    calls = [(UUID(order_id), Call(Caller("system:test"))) for order_id in ids]
    return [
        outcome.code if isinstance(outcome, OrderError) else None
        for _, outcome in operations.perform_together(Operation.CONFIRM, calls, Plain(), **time)
    ]


def test_what_there_is_no_time_for_is_not_touched_and_can_be_asked_for_anew(place_order):
    ids = sorted(place_order(cup=1)["id"] for _ in range(5))
    seconds = iter([100.0, 100.0, 125.0, 150.0, 175.0, 200.0])  # each order takes 25

    first = confirm_together(ids, within_seconds=60, now=lambda: next(seconds))
    versions = list(Order.objects.order_by("pk").values_list("version", flat=True))
    rest = confirm_together(ids[3:], within_seconds=60)

    assert first == [None, None, None, "no_time_left", "no_time_left"]
    assert versions == [2, 2, 2, 1, 1]
    assert rest == [None, None]


def test_without_a_bound_there_is_time_for_all(place_order):
    seconds = iter([0.0, *[1e9] * 3])

    assert confirm_together([place_order(cup=1)["id"] for _ in range(3)], now=lambda: next(seconds)) == [None] * 3


def test_the_refusal_says_what_to_do():
    assert str(NoTimeLeft(60)) == (
        "The orders before it took the 60 seconds of a request, so nothing was done with this one. "
        "Ask for those that are left in another request."
    )
