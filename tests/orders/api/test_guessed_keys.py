"""Somebody guesses keys: the database is not kept busy, and whoever has a key goes on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders.api.authentication import remembered_keys
from orders.api.keys import make_key, revoke_key
from orders.api.lookup_budget import LookupBudget
from orders.models import ApiKey
from tests.orders.refusals import assert_refused


def guesses() -> Iterator[str]:
    return (f"{number:08}.{'x' * 32}" for number in count())


def guess_until_refused(keys: Iterator[str]) -> tuple[int, Client]:
    """Return how many keys were looked up before, and the client that was refused."""
    for looked_up, key in enumerate(keys):
        client = Client(headers={"X-API-Key": key})
        if client.get("/api/v1/orders").status_code == 429:
            return looked_up, client
    raise AssertionError("Nothing was refused.")


@pytest.fixture
def small_budget(settings, database):
    settings.API_KEY_LOOKUPS_PER_SECOND = 0.5  # one each two seconds, and no more than two at once
    remembered_keys.clear()


def test_what_is_beyond_the_budget_is_told_to_come_back_without_a_query(small_budget):
    with CaptureQueriesContext(connection) as captured:
        looked_up, client = guess_until_refused(guesses())
    with CaptureQueriesContext(connection) as refused:
        answer = client.get("/api/v1/orders")

    assert looked_up >= 2
    assert len(captured) == looked_up
    if answer.status_code == 429:  # on a slow machine there is budget again
        assert len(refused) == 0
        assert_refused(answer, 429, "too_many_requests")
        assert answer.headers["Retry-After"] == "1"


def test_a_known_key_goes_on_working_also_when_it_is_looked_up_again(small_budget, settings, api):
    settings.API_KEY_CACHE_SECONDS = 0
    first = api.get("/api/v1/orders")
    keys = guesses()

    for _ in range(3):
        guess_until_refused(keys)
        assert api.get("/api/v1/orders").status_code == 200
    assert first.status_code == 200


def test_a_known_key_goes_on_working_when_another_is_revoked_meanwhile(small_budget, api, storefront):
    api.get("/api/v1/orders")
    other, _ = make_key(storefront, name="other", scopes=[])
    keys = guesses()
    guess_until_refused(keys)

    revoke_key(other)
    guess_until_refused(keys)

    assert api.get("/api/v1/orders").status_code == 200


def test_wrong_keys_push_no_known_one_out_of_memory(settings, api, monkeypatch):
    monkeypatch.setattr("orders.api.authentication._MOST_REMEMBERED", 10)
    settings.API_KEY_CACHE_SECONDS = 1000
    api.get("/api/v1/orders")
    for _, key in zip(range(30), guesses(), strict=False):
        assert Client(headers={"X-API-Key": key}).get("/api/v1/orders").status_code == 401

    with CaptureQueriesContext(connection) as captured:
        answer = api.get("/api/v1/orders")

    assert (answer.status_code, len(captured)) == (200, 1)


def test_a_key_that_was_known_and_is_revoked_is_as_any_other(small_budget, settings, api):
    settings.API_KEY_CACHE_SECONDS = 0
    assert api.get("/api/v1/orders").status_code == 200
    ApiKey.objects.update(revoked=True)

    statuses = [api.get("/api/v1/orders").status_code]
    guess_until_refused(guesses())
    statuses.append(api.get("/api/v1/orders").status_code)

    assert statuses[0] == 401
    assert statuses[1] in (401, 429)


def test_the_budget_is_so_many_a_second_and_four_seconds_are_saved_up(settings):
    settings.API_KEY_LOOKUPS_PER_SECOND = 10
    now = [0.0]
    budget = LookupBudget(lambda: now[0])

    at_once = sum(budget.take() for _ in range(100))
    now[0] += 0.5
    half_a_second_later = sum(budget.take() for _ in range(100))
    now[0] += 3600
    an_hour_later = sum(budget.take() for _ in range(100))

    assert (at_once, half_a_second_later, an_hour_later) == (40, 5, 40)
