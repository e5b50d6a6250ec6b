"""The pauses between attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from events.webhooks.retrying import is_down, pause_before, pause_of_endpoint, retry_after
from events.webhooks.sending import Answer


def answered(status: int | None, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, "", "", "", 0.1)


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 5), (2, 300), (3, 1800), (4, 7200), (5, 18_000), (6, 36_000), (7, 50_400), (8, 72_000), (9, 86_400)],
)
def test_the_pauses_are_those_of_standard_webhooks_give_or_take_a_fifth(attempts, seconds):
    pauses = [pause_before(attempts, answered(500)) for _ in range(200)]

    assert all(0.8 * seconds <= pause <= 1.2 * seconds for pause in pauses)
    assert len(set(pauses)) > 100


def test_after_the_tenth_attempt_there_is_none():
    assert pause_before(10, answered(500)) is None
    assert pause_before(10, answered(429, retry_after="60")) is None


def test_retry_after_makes_a_pause_longer_and_never_shorter():
    assert pause_before(1, answered(503, retry_after="3600")) == 3600
    assert (pause_before(2, answered(503, retry_after="1")) or 0) >= 240


def test_retry_after_is_a_number_or_a_moment_and_a_day_at_most():
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)

    assert retry_after({"retry-after": "120"}) == 120
    assert 3500 < (retry_after({"retry-after": format_datetime(in_an_hour, usegmt=True)}) or 0) <= 3600
    assert retry_after({"retry-after": "99999999999999999999"}) == 86_400


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5", "²", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 99 Nov 2026"])
def test_a_retry_after_that_says_nothing_is_passed_over(text):
    assert retry_after({"retry-after": text}) is None


def test_down_is_who_does_not_answer_or_cannot():
    assert [is_down(answered(status)) for status in (None, 408, 429, 500, 503)] == [True] * 5
    assert [is_down(answered(status)) for status in (200, 301, 400, 404, 410)] == [False] * 5


def test_an_endpoint_that_is_down_is_asked_every_five_minutes_in_the_end():
    assert 0.5 <= pause_of_endpoint(1) <= 1
    assert 2 <= pause_of_endpoint(3) <= 4
    assert 150 <= pause_of_endpoint(1000) <= 300
