"""What a storefront wants to happen by itself: confirmation, completion, and approval of refunds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from inventory_client.models import Reservation
from orders import operations
from orders.models import Order, Storefront
from tests.orders.asking import ask, done, event_count, item_ids, last_event, read, sell
from tests.orders.refusals import assert_refused


def pay(api, order_id, *facts):
    for number, (kind, amount) in enumerate(facts):
        order = done(api, order_id, "record_payment", kind=kind, amount=amount, psp_reference=f"{kind}-{number}")
    return order


# --- confirmation ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "facts", "status"),
    [
        ("manual", [("capture", 3000)], "pending"),
        ("on_authorization", [("authorization", 2999)], "pending"),
        ("on_authorization", [("authorization", 3000)], "confirmed"),
        ("on_authorization", [("authorization", 2000), ("authorization", 1000)], "confirmed"),
        ("on_authorization", [("capture", 3000)], "confirmed"),
        ("on_authorization", [("void", 3000)], "pending"),
        ("on_payment", [("authorization", 3000)], "pending"),
        ("on_payment", [("capture", 2999)], "pending"),
        ("on_payment", [("capture", 3000)], "confirmed"),
        ("on_payment", [("capture", 2000), ("capture", 1000)], "confirmed"),
        ("on_payment", [("capture", 3500)], "confirmed"),
        ("on_payment", [("refund", 500), ("capture", 3000)], "pending"),
    ],
)
def test_the_policy_decides_which_money_confirms(api, storefront, policy, facts, status):
    Storefront.objects.update(confirmation_policy=policy)

    order = pay(api, sell(api)["id"], *facts)

    assert order["status"] == status
    assert Reservation.objects.get().state == ("held" if status == "pending" else "confirmed")
    assert order["version"] == 1 + len(facts)


def test_the_payment_and_the_confirmation_are_one_change(api, storefront):
    Storefront.objects.update(confirmation_policy="on_payment")
    order_id = sell(api)["id"]

    pay(api, order_id, ("capture", 3000))

    event = last_event(order_id)
    assert (event.sequence, event.data["operation"]) == (2, "record_payment")
    assert event.data["changes"]["status"] == ["pending", "confirmed"]
    assert event_count() == 2


def test_a_policy_that_changes_counts_from_the_next_change_on(api, storefront):
    order_id = sell(api)["id"]
    assert pay(api, order_id, ("capture", 2999))["status"] == "pending"
    Storefront.objects.update(confirmation_policy="on_payment")

    order = done(api, order_id, "record_payment", kind="capture", amount=1, psp_reference="last")

    assert order["status"] == "confirmed"


@pytest.mark.parametrize("kind", ["fraud", "payment_review", "manual"])
def test_a_hold_keeps_the_order_pending_and_its_release_confirms_it(api, storefront, kind):
    Storefront.objects.update(confirmation_policy="on_payment")
    order_id = sell(api)["id"]
    done(api, order_id, "hold", kind=kind)
    paid = pay(api, order_id, ("capture", 3000))

    order = done(api, order_id, "release_hold")

    assert (paid["status"], paid["payment_status"]) == ("pending", "paid")
    assert (order["status"], order["holds"]) == ("confirmed", [])
    assert last_event(order_id).data["changes"]["status"] == ["pending", "confirmed"]
    assert Reservation.objects.get().state == "confirmed"


def test_the_release_of_one_of_two_holds_confirms_nothing(api, storefront):
    Storefront.objects.update(confirmation_policy="on_payment")
    order_id = sell(api)["id"]
    first = done(api, order_id, "hold", kind="fraud")["holds"][0]["id"]
    done(api, order_id, "hold", kind="manual")
    pay(api, order_id, ("capture", 3000))

    order = done(api, order_id, "release_hold", hold_id=first)

    assert order["status"] == "pending"


def test_a_hold_that_does_not_block_it_is_no_hindrance(api, storefront):
    Storefront.objects.update(confirmation_policy="on_payment")
    order_id = sell(api)["id"]
    done(api, order_id, "hold", kind="address")

    assert pay(api, order_id, ("capture", 3000))["status"] == "confirmed"


@pytest.mark.parametrize(
    ("policy", "facts"),
    [
        ("on_payment", [("capture", 3000), ("refund", 3000)]),
        ("on_payment", [("capture", 3000), ("chargeback", 1)]),
        ("on_authorization", [("authorization", 3000), ("void", 3000)]),
        ("on_authorization", [("authorization", 3000), ("capture", 3000), ("refund", 3000)]),
        ("on_authorization", [("authorization", 3000), ("capture", 3000), ("chargeback", 3000)]),
    ],
)
def test_money_that_was_given_back_meanwhile_confirms_nothing(api, storefront, policy, facts):
    Storefront.objects.update(confirmation_policy=policy)
    order_id = sell(api)["id"]
    done(api, order_id, "hold", kind="fraud")
    pay(api, order_id, *facts)

    order = done(api, order_id, "release_hold")

    assert order["status"] == "pending"
    assert Reservation.objects.get().state == "held"


def test_an_order_that_becomes_covered_by_canceling_some_units_is_confirmed(api, storefront):
    Storefront.objects.update(confirmation_policy="on_payment")
    placed = sell(api)
    pay(api, placed["id"], ("capture", 2000))

    order = done(api, placed["id"], "cancel", items=[{"item_id": item_ids(placed)["cup"], "quantity": 1}])

    assert (order["status"], order["payment_status"], order["refunds"]) == ("confirmed", "paid", [])
    assert Reservation.objects.get().state == "confirmed"


def test_an_order_without_prices_is_confirmed_by_any_payment(api, place_order):
    Storefront.objects.update(confirmation_policy="on_payment")

    assert pay(api, place_order(cup=1)["id"], ("capture", 1))["status"] == "confirmed"


def test_a_payment_never_moves_an_order_that_is_no_longer_pending(api, storefront):
    Storefront.objects.update(confirmation_policy="on_payment")
    order_id = sell(api)["id"]
    done(api, order_id, "cancel")

    assert pay(api, order_id, ("capture", 3000))["status"] == "canceled"


# --- completion --------------------------------------------------------------------------------------


@pytest.fixture
def delivered(api, place_order):
    """An order whose parcel arrived so many days ago."""

    def deliver(days):
        order_id = place_order(cup=1)["id"]
        done(api, order_id, "confirm")
        arrived = timezone.now() - timedelta(days=days)
        Order.objects.filter(pk=order_id).update(placed_at=arrived - timedelta(days=1))
        done(api, order_id, "ship", shipped_at=(arrived - timedelta(hours=1)).isoformat())
        return done(api, order_id, "deliver", delivered_at=arrived.isoformat())["id"]

    return deliver


def test_orders_delivered_so_many_days_ago_are_completed(api, delivered):
    Storefront.objects.update(complete_after_days=14)
    young, old = delivered(13.9), delivered(14.1)

    completed = [operations.complete_orders(now=timezone.now()) for _ in range(2)]

    assert completed == [1, 0]
    assert (read(api, young)["status"], read(api, old)["status"]) == ("shipped", "completed")
    event = last_event(old)
    assert (event.actor, event.told_reason, event.data["operation"]) == (
        "system:sweep",
        "delivered long enough ago",
        "complete",
    )


def test_zero_days_complete_at_once_and_none_never(api, delivered):
    order_id = delivered(1000)
    assert operations.complete_orders(now=timezone.now()) == 0

    Storefront.objects.update(complete_after_days=0)

    assert operations.complete_orders(now=timezone.now()) == 1
    assert read(api, order_id)["status"] == "completed"


def test_zero_days_complete_nothing_before_it_has_arrived(api, delivered):
    Storefront.objects.update(complete_after_days=0)
    delivered(0)

    assert operations.complete_orders(now=timezone.now() - timedelta(hours=1)) == 0


def test_each_storefront_has_its_own_days(api, delivered, other_storefront):
    order_id = delivered(30)
    Storefront.objects.filter(pk=other_storefront.pk).update(complete_after_days=1)

    assert operations.complete_orders(now=timezone.now()) == 0
    assert read(api, order_id)["status"] == "shipped"


@pytest.mark.parametrize(("kind", "completed"), [("manual", 0), ("fraud", 1)])
def test_a_hold_keeps_an_order_from_being_completed(api, delivered, kind, completed):
    Storefront.objects.update(complete_after_days=14)
    order_id = delivered(30)
    done(api, order_id, "hold", kind=kind)

    assert operations.complete_orders(now=timezone.now()) == completed
    if not completed:
        done(api, order_id, "release_hold")
        assert operations.complete_orders(now=timezone.now()) == 1


def test_an_order_with_a_parcel_on_its_way_is_not_completed(api, place_order):
    Storefront.objects.update(complete_after_days=0)
    order = place_order(cup=2)
    done(api, order["id"], "confirm")
    done(api, order["id"], "ship", items=[{"item_id": item_ids(order)["cup"], "quantity": 1}])
    done(api, order["id"], "deliver")
    done(api, order["id"], "ship")

    assert operations.complete_orders(now=timezone.now()) == 0


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_parcel_told_to_have_arrived_at_an_impossible_time_does_not_stop_the_sweep(api, delivered, place_order, when):
    Storefront.objects.update(complete_after_days=14)
    order_id = delivered(30)
    strange = place_order(cup=1)["id"]
    done(api, strange, "confirm")
    done(api, strange, "ship")
    before = read(api, strange)

    response = ask(api, strange, "deliver", delivered_at=when)

    problem = assert_refused(response, 400, "validation_error")
    assert problem["errors"][0]["pointer"] == "/delivered_at"
    assert read(api, strange) == before
    assert operations.complete_orders(now=timezone.now()) == 1
    assert read(api, order_id)["status"] == "completed"


# --- approval of refunds -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "amounts", "states"),
    [
        (None, [3000], ["approved"]),
        (0, [1], ["requested"]),
        (1000, [1000], ["approved"]),
        (1000, [1001], ["requested"]),
        (1000, [500, 500, 1], ["approved", "approved", "requested"]),
        (1000, [900, 900, 50], ["approved", "requested", "requested"]),
    ],
)
def test_the_limit_counts_all_refunds_of_an_order(api, storefront, limit, amounts, states):
    Storefront.objects.update(refund_approval_above=limit)
    order_id = sell(api)["id"]
    pay(api, order_id, ("capture", 3000))

    for amount in amounts:
        order = done(api, order_id, "request_refund", amount=amount)

    assert [refund["state"] for refund in order["refunds"]] == states


def test_what_was_paid_out_counts_too(api, storefront):
    Storefront.objects.update(refund_approval_above=1000)
    order_id = sell(api)["id"]
    pay(api, order_id, ("capture", 3000), ("refund", 1000))

    order = done(api, order_id, "request_refund", amount=1)

    assert [refund["state"] for refund in order["refunds"]] == ["requested"]


def test_what_was_rejected_does_not_count(api, storefront):
    Storefront.objects.update(refund_approval_above=1000)
    order_id = sell(api)["id"]
    pay(api, order_id, ("capture", 3000))
    done(api, order_id, "request_refund", amount=1500)
    done(api, order_id, "reject_refund")

    order = done(api, order_id, "request_refund", amount=1000)

    assert [refund["state"] for refund in order["refunds"]] == ["rejected", "approved"]
