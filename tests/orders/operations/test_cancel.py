"""What has not been shipped is ended: its stock is given back, and its money is to be."""

from __future__ import annotations

import pytest

from inventory_client.models import Reservation
from orders import operations
from orders.models import Order, Storefront
from tests.base import perform
from tests.orders.asking import ask, counts, done, event_count, item_ids, last_event, on_shelf, read, reserved, sell
from tests.orders.refusals import assert_refused


def pay(api, order_id, kind="capture", amount=3000, reference="pi_1"):
    return done(api, order_id, "record_payment", kind=kind, amount=amount, psp_reference=reference, psp="stripe")


# --- units and stock ---------------------------------------------------------------------------------


def test_a_canceled_order_gives_all_its_stock_back(api, place_order):
    placed = place_order(cup=2, plate=1)

    response = ask(api, placed["id"], "cancel", reason="changed her mind")

    order = response.json()
    assert (response.status_code, response.headers["ETag"]) == (200, '"2"')
    assert order == read(api, placed["id"])
    assert (order["status"], order["cancel_reason"], order["fulfillment_status"]) == (
        "canceled",
        "customer",
        "unfulfilled",
    )
    assert counts(order, "canceled") == {"cup": 2, "plate": 1}
    assert (Reservation.objects.get().state, reserved()) == ("released", {})
    assert Order.objects.get().stock_action is None
    event = last_event(placed["id"])
    assert (event.type, event.data["operation"], event.told_reason) == ("order.updated", "cancel", "changed her mind")
    assert event.data["changes"]["status"] == ["pending", "canceled"]
    assert event.data["changes"]["cancel_reason"] == [None, "customer"]
    assert event.data["instructions"] == []


@pytest.mark.parametrize("cause", ["customer", "staff", "out_of_stock", "payment_failed", "fraud", "other"])
def test_the_cause_is_kept(api, place_order, cause):
    order_id = place_order(cup=1)["id"]

    assert done(api, order_id, "cancel", cause=cause)["cancel_reason"] == cause


def test_the_cause_of_canceling_some_units_stands_in_event_and_timeline(api, place_order):
    placed = place_order(cup=2)
    (item,) = placed["items"]

    order = done(
        api,
        placed["id"],
        "cancel",
        cause="out_of_stock",
        items=[{"item_id": item["id"], "quantity": 1}],
        reason="broken",
    )

    assert (order["status"], order["cancel_reason"]) == ("pending", None)
    assert last_event(placed["id"]).data["cause"] == "out_of_stock"
    entries = api.get(f"/api/v1/orders/{placed['id']}/timeline").json()["results"]
    assert [(entry["operation"], entry["cause"], entry["reason"]) for entry in entries] == [
        ("cancel", "out_of_stock", "broken"),
        ("place", None, ""),
    ]


def test_a_cause_that_is_none_is_refused(api, place_order):
    before = place_order(cup=1)

    for cause in ("expired", "boredom", "", None, 1):
        problem = assert_refused(ask(api, before["id"], "cancel", cause=cause), 400, "validation_error")

        assert (problem["errors"][0]["pointer"], cause) == ("/cause", cause)
    assert read(api, before["id"]) == before
    assert (event_count(), reserved()) == (1, {"cup": 1})


@pytest.mark.parametrize(("confirmed", "state"), [(False, "held"), (True, "confirmed")])
def test_exactly_the_canceled_units_are_given_back(api, place_order, confirmed, state):
    placed = place_order(cup=5, plate=1)
    ids = item_ids(placed)
    if confirmed:
        done(api, placed["id"], "confirm")

    order = done(
        api,
        placed["id"],
        "cancel",
        items=[{"item_id": ids["cup"], "quantity": 2}, {"item_id": ids["plate"], "quantity": 1}],
    )

    assert (order["status"], order["cancel_reason"]) == ("confirmed" if confirmed else "pending", None)
    assert (counts(order, "quantity"), counts(order, "canceled")) == ({"cup": 5, "plate": 1}, {"cup": 2, "plate": 1})
    assert (Reservation.objects.get().state, reserved()) == (state, {"cup": 3})
    assert Order.objects.get().stock_action is None


def test_the_order_ends_with_its_last_unit(api, place_order):
    placed = place_order(cup=2)
    units = {"item_id": item_ids(placed)["cup"], "quantity": 1}
    done(api, placed["id"], "cancel", items=[units], cause="out_of_stock")

    order = done(api, placed["id"], "cancel", items=[units], cause="staff")

    assert (order["status"], order["cancel_reason"]) == ("canceled", "staff")
    assert (Reservation.objects.get().state, reserved()) == ("released", {})


def test_canceling_the_rest_of_a_partly_shipped_order_makes_it_shipped(api, place_order):
    placed = place_order(cup=3, plate=1)
    done(api, placed["id"], "confirm")
    done(api, placed["id"], "ship", items=[{"item_id": item_ids(placed)["cup"], "quantity": 2}])
    done(api, placed["id"], "pack")

    order = done(api, placed["id"], "cancel", cause="out_of_stock")

    assert (order["status"], order["fulfillment_status"], order["cancel_reason"]) == ("shipped", "fulfilled", None)
    assert (counts(order, "shipped"), counts(order, "canceled")) == ({"cup": 2, "plate": 0}, {"cup": 1, "plate": 1})
    assert len(order["shipments"]) == 1
    assert Reservation.objects.get().state == "confirmed"
    assert on_shelf() == {"cup": (998, 0), "plate": (1000, 0)}


def test_units_that_are_shipped_or_canceled_cannot_be_canceled(api, place_order):
    placed = place_order(cup=5, plate=1)
    ids = item_ids(placed)
    done(api, placed["id"], "confirm")
    done(api, placed["id"], "ship", items=[{"item_id": ids["cup"], "quantity": 2}])
    before = done(api, placed["id"], "cancel", items=[{"item_id": ids["cup"], "quantity": 1}])

    response = ask(
        api,
        placed["id"],
        "cancel",
        items=[{"item_id": ids["cup"], "quantity": 2}, {"item_id": ids["cup"], "quantity": 1}],
    )

    assert assert_refused(response, 409, "quantity_exceeded")["items"] == [
        {"item_id": ids["cup"], "product_id": "cup", "requested": 3, "available": 2}
    ]
    assert read(api, placed["id"]) == before
    assert on_shelf() == {"cup": (998, 2), "plate": (1000, 1)}


@pytest.mark.parametrize(
    ("earlier", "current", "allowed"),
    [
        (["confirm", "ship"], "shipped", ["completed"]),
        (["confirm", "ship", "complete"], "completed", []),
        (["cancel"], "canceled", []),
    ],
)
def test_what_has_left_or_ended_is_not_canceled(api, place_order, earlier, current, allowed):
    order_id = place_order(cup=1)["id"]
    for name in earlier:
        perform(name, order_id)
    before = read(api, order_id)

    problem = assert_refused(ask(api, order_id, "cancel"), 409, "invalid_transition")

    assert (problem["current"], problem["wanted"], problem["allowed"]) == (current, "canceled", allowed)
    assert read(api, order_id) == before


def test_an_item_of_another_order_is_unknown(api, place_order):
    other, before = place_order(cup=1), place_order(cup=1)

    response = ask(api, before["id"], "cancel", items=[{"item_id": other["items"][0]["id"], "quantity": 1}])

    assert_refused(response, 422, "unknown_part")
    assert (read(api, before["id"]), read(api, other["id"])) == (before, other)
    assert reserved() == {"cup": 2}


def test_stock_that_the_inventory_could_not_be_given_back_is_given_later(api, place_order, settings):
    placed = place_order(cup=3)
    units = [{"item_id": item_ids(placed)["cup"], "quantity": 1}]
    settings.INVENTORY_URL = "http://127.0.0.1:9"
    done(api, placed["id"], "cancel", items=units)
    settings.INVENTORY_URL = ""
    assert reserved() == {"cup": 3}

    assert operations.settle_orders() == (1, 0)
    assert reserved() == {"cup": 2}

    settings.INVENTORY_URL = "http://127.0.0.1:9"
    done(api, placed["id"], "cancel")
    settings.INVENTORY_URL = ""
    assert operations.settle_orders() == (1, 0)
    assert reserved() == {}


# --- money -------------------------------------------------------------------------------------------


def test_captured_money_is_to_be_refunded(api, storefront):
    placed = sell(api)
    pay(api, placed["id"])

    order = done(api, placed["id"], "cancel")

    (refund,) = order["refunds"]
    assert (refund["amount"], refund["state"], refund["requested_by"]) == (3000, "approved", refund["decided_by"])
    assert (order["canceled_amount"], order["refunded_amount"], order["balance_amount"]) == (3000, 0, -3000)
    assert last_event(placed["id"]).data["instructions"] == [
        {
            "kind": "refund",
            "refund_id": refund["id"],
            "amount": 3000,
            "currency": "AUD",
            "payments": [{"psp": "stripe", "psp_reference": "pi_1", "amount": 3000}],
        }
    ]

    settled = done(
        api,
        placed["id"],
        "record_payment",
        kind="refund",
        amount=3000,
        psp_reference="re_1",
        refund_id=refund["id"],
    )

    assert (settled["refunds"][0]["state"], settled["payment_status"], settled["balance_amount"]) == (
        "settled",
        "refunded",
        0,
    )


@pytest.mark.parametrize(
    ("captured", "cups", "refunded"),
    [
        (3000, 1, 1000),  # 2000 are still due
        (3000, 2, 2000),
        (2500, 1, 500),
        (2000, 1, None),
        (1500, 1, None),
        (3200, 1, 1200),
    ],
)
def test_of_a_partly_canceled_order_what_is_no_longer_due_is_to_be_refunded(api, storefront, captured, cups, refunded):
    placed = sell(api)
    pay(api, placed["id"], amount=captured)

    order = done(api, placed["id"], "cancel", items=[{"item_id": item_ids(placed)["cup"], "quantity": cups}])

    assert (order["canceled_amount"], order["total_amount"]) == (cups * 1000, 3000)
    assert order["balance_amount"] == 3000 - cups * 1000 - captured
    assert [refund["amount"] for refund in order["refunds"]] == ([] if refunded is None else [refunded])
    instructions = last_event(placed["id"]).data["instructions"]
    assert [instruction["amount"] for instruction in instructions] == ([] if refunded is None else [refunded])


def test_a_refund_that_was_asked_for_before_is_not_asked_for_again(api, storefront):
    placed = sell(api)
    pay(api, placed["id"])
    done(api, placed["id"], "request_refund", amount=1200)

    order = done(api, placed["id"], "cancel")

    assert [refund["amount"] for refund in order["refunds"]] == [1200, 1800]


def test_a_large_refund_waits_for_somebody_else_s_approval(api, client_of, storefront):
    Storefront.objects.update(refund_approval_above=2999)
    placed = sell(api)
    pay(api, placed["id"])

    order = done(api, placed["id"], "cancel")

    (refund,) = order["refunds"]
    assert (refund["state"], refund["decided_by"], refund["decided_at"]) == ("requested", None, None)
    assert last_event(placed["id"]).data["instructions"] == []

    assert_refused(ask(api, placed["id"], "approve_refund"), 409, "own_request")
    approved = done(client_of(storefront), placed["id"], "approve_refund")

    assert approved["refunds"][0]["state"] == "approved"
    (instruction,) = last_event(placed["id"]).data["instructions"]
    assert (instruction["kind"], instruction["refund_id"], instruction["amount"]) == ("refund", refund["id"], 3000)


def test_what_was_only_authorized_is_to_be_voided(api, storefront):
    placed = sell(api)
    pay(api, placed["id"], "authorization", 3000, "pi_1")

    order = done(api, placed["id"], "cancel")

    assert order["refunds"] == []
    assert last_event(placed["id"]).data["instructions"] == [
        {
            "kind": "void",
            "amount": 3000,
            "currency": "AUD",
            "payments": [{"psp": "stripe", "psp_reference": "pi_1", "amount": 3000}],
        }
    ]

    voided = pay(api, placed["id"], "void", 3000, "pi_1")

    assert (voided["payment_status"], voided["authorized_amount"], voided["balance_amount"]) == ("unpaid", 0, 0)


def test_an_authorization_of_an_order_that_goes_on_is_left_alone(api, storefront):
    placed = sell(api)
    pay(api, placed["id"], "authorization", 3000, "pi_1")

    done(api, placed["id"], "cancel", items=[{"item_id": item_ids(placed)["cup"], "quantity": 1}])

    assert last_event(placed["id"]).data["instructions"] == []


def test_without_prices_only_the_end_of_an_order_tells_what_to_give_back(api, place_order):
    placed = place_order(cup=2)
    pay(api, placed["id"], amount=700)
    units = [{"item_id": item_ids(placed)["cup"], "quantity": 1}]

    partly = done(api, placed["id"], "cancel", items=units)
    wholly = done(api, placed["id"], "cancel", items=units)

    assert (partly["refunds"], partly["balance_amount"]) == ([], None)
    assert ([refund["amount"] for refund in wholly["refunds"]], wholly["balance_amount"]) == ([700], -700)


def test_a_refusal_asks_for_no_refund(api, storefront):
    placed = sell(api)
    before = pay(api, placed["id"])

    assert_refused(
        ask(api, placed["id"], "cancel", items=[{"item_id": item_ids(placed)["cup"], "quantity": 3}]),
        409,
        "quantity_exceeded",
    )

    assert read(api, placed["id"]) == before
    assert event_count() == 2
