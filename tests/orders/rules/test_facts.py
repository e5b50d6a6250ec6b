"""The same facts of a payment provider come to the same, whichever comes first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest

from orders.rules.facts import Fact, Sums, left_to_refund, left_to_void, paid_out, sums_of, take

_START = datetime(2026, 3, 1, tzinfo=UTC)
REFUND = UUID(int=99)
OTHER_REFUND = UUID(int=98)


def fact(number: int, kind: str, amount: int, parent: str | None = None, **more: UUID) -> Fact:
    """They happened in the order of their numbers."""
    at = _START + timedelta(minutes=number)
    return Fact(UUID(int=number), kind, amount, at, "psp", f"{kind}-{number}", parent, **more)


SETS = {
    "voided twice over": ([fact(1, "authorization", 1000), fact(2, "void", 1500)], Sums(0, 0, 0, 0)),
    "two authorizations, one void": (
        [fact(1, "authorization", 1000), fact(2, "authorization", 700), fact(3, "void", 1500, "authorization-1")],
        Sums(200, 0, 0, 0),
    ),
    "captured in parts and given back": (
        [
            fact(1, "authorization", 1000),
            fact(2, "capture", 600, "authorization-1"),
            fact(3, "capture", 300, "authorization-1"),
            fact(4, "void", 100, "authorization-1"),
            fact(5, "refund", 200, "capture-2"),
            fact(6, "refund_failed", 200, "capture-2"),
        ],
        Sums(900, 900, 0, 0),
    ),
    "charged back and won": (
        [fact(1, "capture", 500), fact(2, "chargeback", 500), fact(3, "chargeback_won", 500), fact(4, "refund", 100)],
        Sums(0, 500, 100, 0),
    ),
    "a chargeback that was won twice": (
        [fact(1, "capture", 500), fact(2, "chargeback", 300), fact(3, "chargeback_won", 400)],
        Sums(0, 500, 0, 0),
    ),
    "a refund that failed before it was ever paid out, and another that was paid": (
        [
            fact(1, "capture", 500),
            fact(2, "refund_failed", 200, refund_id=OTHER_REFUND),
            fact(3, "refund", 200, refund_id=REFUND),
        ],
        Sums(0, 500, 200, 0),
    ),
    "a failure that names the payout by its reference alone": (
        [fact(1, "capture", 500), fact(2, "refund", 200, refund_id=REFUND), fact(3, "refund_failed", 200, "refund-2")],
        Sums(0, 500, 0, 0),
    ),
    "one that never was": (
        [fact(1, "capture", 500), fact(2, "capture", 700), fact(3, "correction", 700, corrects=UUID(int=2))],
        Sums(0, 500, 0, 0),
    ),
}


@pytest.mark.parametrize("name", SETS)
def test_every_permutation_comes_to_the_same(name):
    facts, sums = SETS[name]
    left = (left_to_void(facts), left_to_refund(facts))

    for order in permutations(facts):
        assert sums_of(order) == sums
        assert (left_to_void(order), left_to_refund(order)) == left


def told(left):
    return [(payment.fact.reference, payment.amount) for payment in left]


def test_what_can_still_be_voided_is_neither_captured_nor_void():
    facts = [
        fact(1, "authorization", 1000),
        fact(2, "authorization", 700),
        fact(3, "authorization", 50),
        fact(4, "capture", 600, "authorization-2"),
        fact(5, "void", 50, "authorization-3"),
        fact(6, "capture", 250),
    ]

    assert told(left_to_void(facts)) == [("authorization-1", 750), ("authorization-2", 100)]


def test_what_can_still_be_refunded_is_neither_given_back_nor_promised():
    facts = [
        fact(1, "capture", 1000),
        fact(2, "capture", 700),
        fact(3, "refund", 700, "capture-2"),
        fact(4, "chargeback", 100),
    ]

    assert told(left_to_refund(facts)) == [("capture-1", 900)]
    assert told(left_to_refund(facts, promised=850)) == [("capture-1", 50)]
    assert told(take(30, left_to_refund(facts))) == [("capture-1", 30)]
    assert told(take(5000, left_to_refund(facts))) == [("capture-1", 900)]


def test_a_payment_of_another_provider_with_the_same_reference_is_another_one():
    other = fact(2, "capture", 700)._replace(psp="other")
    facts = [fact(1, "capture", 1000), other, fact(3, "refund", 400, "capture-2")]

    assert told(left_to_refund(facts)) == [("capture-1", 600), ("capture-2", 700)]


def test_a_refund_is_paid_out_by_its_own_facts():
    facts = [
        fact(1, "refund", 300, refund_id=REFUND),
        fact(2, "refund", 200, refund_id=REFUND),
        fact(3, "refund", 50),
        fact(4, "refund_failed", 200, refund_id=REFUND),
    ]

    assert paid_out(facts, REFUND) == (300, True)
    assert paid_out(facts[:2], REFUND) == (500, False)
