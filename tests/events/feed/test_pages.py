"""What stands on a page of the feed, and where it ends."""

from __future__ import annotations

from typing import Any

import pytest
from uuid_utils.compat import uuid7

from events.feed.numbering import number_arrivals
from events.feed.pages import FeedPage, read_page
from events.outbox import append

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def feed(settings, database, make_event) -> None:
    """Ten events, of which every fifth is `thing.ended`."""
    settings.EVENT_SINKS = []
    for number in range(1, 11):
        append([make_event(uuid7(), 1, type="thing.ended" if number % 5 == 0 else "thing.begun", data={"x": "y" * 90})])
    number_arrivals(1)


def read(**asked: Any) -> FeedPage:
    return read_page(1, **{"after": 0, "limit": 100, "most_bytes": 1_000_000, **asked})


def positions(page: FeedPage) -> list[int]:
    return [event.position for event in page.events]


def test_a_page_begins_behind_a_position_and_ends_where_it_is_full():
    page = read(after=3, limit=4)

    assert positions(page) == [4, 5, 6, 7]
    assert (page.position, page.head, page.has_more) == (7, 10, True)


def test_the_last_page_says_where_to_go_on():
    page = read(after=8)

    assert (positions(page), page.position, page.has_more) == ([9, 10], 10, False)
    assert (read(after=10).position, read(after=10).has_more) == (10, False)


def test_a_page_ends_before_it_is_too_large_but_has_one_event_at_least():
    assert positions(read(most_bytes=250)) == [1, 2]  # each has 99 bytes
    assert positions(read(most_bytes=10)) == [1]
    assert read(most_bytes=250).position == 2


def test_of_some_types_it_goes_on_behind_all_that_was_looked_at():
    page = read(types=("thing.ended",))

    assert (positions(page), page.position, page.has_more) == ([5, 10], 10, False)
    assert read(types=("thing.ended",), limit=1).position == 5


def test_looks_at_so_many_positions_however_few_are_wanted():
    page = read(types=("thing.ended",), looked_at=4)

    assert (positions(page), page.position, page.has_more) == ([], 4, True)
    assert positions(read(types=("thing.ended",), looked_at=4, after=4)) == [5]


def test_a_storefront_without_events_has_an_empty_page():
    page = read_page(2, after=0, limit=10, most_bytes=1000)

    assert (page.events, page.position, page.head, page.has_more) == ([], 0, 0, False)
