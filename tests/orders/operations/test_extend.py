"""The stock of a pending order is held for longer, or no longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from inventory_client.models import Reservation
from orders import operations
from orders.models import Order
from tests.base import perform
from tests.orders.asking import ask, done, event_count, last_event, read, reserved
from tests.orders.refusals import assert_refused


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def run_out() -> datetime:
    """Every hold ran out a second ago; return now."""
    now = timezone.now()
    Order.objects.update(reserved_until=now - timedelta(seconds=1))
    return now


def test_the_hold_lasts_so_many_minutes_from_now(api, place_order):
    placed = place_order(cup=1)
    before = timezone.now()

    response = ask(api, placed["id"], "extend", minutes=6000, reason="bank transfer")

    order = response.json()
    assert (response.status_code, response.headers["ETag"]) == (200, '"2"')
    assert order == read(api, placed["id"])
    assert before <= moment(order["reserved_until"]) - timedelta(minutes=6000) <= timezone.now()
    event = last_event(placed["id"])
    assert (event.data["operation"], event.told_reason) == ("extend", "bank transfer")
    assert event.data["changes"] == {"reserved_until": [placed["reserved_until"], order["reserved_until"]]}
    assert event_count() == 2


def test_a_hold_that_lasts_longer_is_not_shortened(api, place_order):
    placed = place_order(cup=1)
    before = done(api, placed["id"], "extend", minutes=6000)

    response = ask(api, placed["id"], "extend", minutes=5999)

    assert (response.status_code, response.json(), response.headers["ETag"]) == (200, before, '"2"')
    assert event_count() == 2


def test_an_extended_order_does_not_expire(api, place_order):
    order_id = place_order(cup=1)["id"]
    now = run_out()
    done(api, order_id, "extend", minutes=1)

    assert operations.expire_orders(now=now) == 0
    assert (read(api, order_id)["status"], reserved()) == ("pending", {"cup": 1})


def test_minutes_that_cannot_be_are_refused(api, place_order):
    before = place_order(cup=1)

    for minutes in (0, -1, 43_201, 2**63, 1.5, "10", None, True):
        problem = assert_refused(ask(api, before["id"], "extend", minutes=minutes), 400, "validation_error")

        assert (problem["errors"][0]["pointer"], minutes) == ("/minutes", minutes)
    assert read(api, before["id"]) == before


def test_thirty_days_are_the_most(api, place_order):
    order_id = place_order(cup=1)["id"]

    assert moment(done(api, order_id, "extend", minutes=43_200)["reserved_until"]) > timezone.now() + timedelta(days=29)


@pytest.mark.parametrize(
    ("earlier", "status"),
    [
        (["confirm"], "confirmed"),
        (["confirm", "ship"], "shipped"),
        (["confirm", "ship", "complete"], "completed"),
        (["cancel"], "canceled"),
    ],
)
def test_only_the_hold_of_a_pending_order_is_extended(api, place_order, earlier, status):
    order_id = place_order(cup=1)["id"]
    for name in earlier:
        perform(name, order_id)
    before = read(api, order_id)

    problem = assert_refused(ask(api, order_id, "extend", minutes=6000), 409, "not_allowed_in_status")

    assert (problem["operation"], problem["current"], problem["allowed"]) == ("extend", status, ["pending"])
    assert read(api, order_id) == before


def test_an_imported_order_has_no_hold_to_extend(api, place_order):
    before = place_order(cup=1)
    Order.objects.update(reservation_id=None)

    assert_refused(ask(api, before["id"], "extend", minutes=6000), 409, "nothing_left")

    assert read(api, before["id"]) == before


# --- run out -----------------------------------------------------------------------------------------


def test_an_order_whose_hold_has_run_out_is_canceled_with_its_stock_given_back(api, place_order):
    placed = place_order(cup=2)
    now = run_out()

    assert operations.expire_orders(now=now) == 1

    order = read(api, placed["id"])
    assert (order["status"], order["cancel_reason"], order["items"][0]["canceled"]) == ("canceled", "expired", 2)
    event = last_event(placed["id"])
    assert (event.actor, event.told_reason, event.data["operation"]) == (
        "system:sweep",
        "not confirmed in time",
        "expire",
    )
    assert event.data["instructions"] == []
    assert (Reservation.objects.get().state, reserved()) == ("released", {})


@pytest.mark.parametrize("kind", ["authorization", "capture"])
def test_an_order_for_which_money_came_in_does_not_expire(api, place_order, kind):
    order_id = place_order(cup=1)["id"]
    done(api, order_id, "record_payment", kind=kind, amount=1, psp_reference="pi_1")
    now = run_out()

    assert operations.expire_orders(now=now) == 0
    assert (read(api, order_id)["status"], reserved()) == ("pending", {"cup": 1})


def test_an_order_whose_authorization_was_voided_expires(api, place_order):
    order_id = place_order(cup=1)["id"]
    for kind in ("authorization", "void"):
        done(api, order_id, "record_payment", kind=kind, amount=100, psp_reference="pi_1")
    now = run_out()

    assert operations.expire_orders(now=now) == 1


def test_one_that_cannot_be_expired_does_not_keep_the_others(api, place_order):
    first, second = (place_order(cup=1)["id"] for _ in range(2))
    now = run_out()
    Order.objects.filter(pk=first).update(holds=[{"id": first, "kind": "manual", "blocks": ["expire"]}])

    assert operations.expire_orders(now=now) == 1
    assert (read(api, first)["status"], read(api, second)["status"]) == ("pending", "canceled")
