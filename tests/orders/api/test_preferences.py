"""`Prefer: dry-run` (RFC 7240) is taken as it is meant, and what only may mean it is refused, not really done."""

from __future__ import annotations

import pytest

from tests.orders.asking import read

JSON = "application/json"


@pytest.mark.parametrize("text", ["dry-run", "Dry-Run", 'dry-run=""', "dry-run=", "handling=strict, dry-run"])
def test_a_rehearsal_does_nothing(api, place_order, text):
    order_id = place_order(cup=1)["id"]

    response = api.post(f"/api/v1/orders/{order_id}/confirm", {}, content_type=JSON, headers={"Prefer": text})

    assert (response.status_code, response.headers["Preference-Applied"]) == (200, "dry-run")
    assert read(api, order_id)["version"] == 1


@pytest.mark.parametrize(
    "text", ["dry-run=1", "dry_run", '"dry-run"', "dryrun", "wait=5; dry-run", "respond-async, dry-run=no"]
)
def test_what_may_mean_a_rehearsal_is_refused(api, place_order, text):
    order_id = place_order(cup=1)["id"]

    response = api.post(f"/api/v1/orders/{order_id}/confirm", {}, content_type=JSON, headers={"Prefer": text})

    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "Prefer")
    assert read(api, order_id)["version"] == 1


@pytest.mark.parametrize("text", ["respond-async", "return=minimal, wait=10", ""])
def test_other_preferences_are_not_looked_at(api, place_order, text):
    order_id = place_order(cup=1)["id"]

    response = api.post(f"/api/v1/orders/{order_id}/confirm", {}, content_type=JSON, headers={"Prefer": text})

    assert (response.status_code, "Preference-Applied" in response.headers) == (200, False)
    assert read(api, order_id)["version"] == 2


@pytest.mark.parametrize("reason", ["a%00b", "x" * 501])
def test_a_reason_that_cannot_be_kept_is_refused(api, place_order, reason):
    order_id = place_order(cup=1)["id"]

    response = api.delete(f"/api/v1/orders/{order_id}?reason={reason}")

    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "reason")
    assert read(api, order_id)["version"] == 1
