"""Which processor a worker keeps to."""

from __future__ import annotations

import pytest

from orders_project.front.processors import choice

BOTH = {0, 1}


@pytest.mark.parametrize(
    ("allowed", "chosen"),
    [
        ({10: BOTH, 11: BOTH}, {10: 0, 11: 1}),
        # The first has chosen already.
        ({10: {0}, 11: BOTH}, {11: 1}),
        # One that has ended has a successor.
        ({11: {1}, 30: BOTH}, {30: 0}),
        ({10: BOTH, 11: BOTH, 12: BOTH, 13: BOTH}, {10: 0, 11: 1, 12: 0, 13: 1}),
        ({10: {0}, 11: {1}, 12: {0}, 13: BOTH}, {13: 1}),
        # Only some are the service's to use.
        ({10: {4, 6}, 11: {4, 6}}, {10: 4, 11: 6}),
    ],
)
def test_each_worker_has_its_own_and_none_has_two_before_all_have_one(allowed, chosen):
    assert {own: choice(own, allowed) for own in chosen} == chosen


@pytest.mark.parametrize("allowed", [{10: {0, 1, 2}, 11: {0, 1, 2}}, {10: {0}, 11: {1}}, {11: BOTH}, {}])
def test_it_stays_where_it_may_run_where_processors_are_left_or_it_has_only_one(allowed):
    assert choice(10, allowed) is None
