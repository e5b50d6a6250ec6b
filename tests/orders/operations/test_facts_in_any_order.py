"""Payments are facts: any order, any repeat, any correction."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.utils import timezone

from orders import operations
from orders.models import Order, Storefront
from tests.base import perform
from tests.chaos.promises import broken_promises
from tests.orders.asking import ask, done, event_count, last_event, read, reserved, sell
from tests.orders.refusals import assert_refused

SUMS = ("authorized_amount", "captured_amount", "refunded_amount", "charged_back_amount", "payment_status")
FACTS = [
    {"kind": "authorization", "amount": 3000, "psp_reference": "a"},
    {"kind": "capture", "amount": 2000, "psp_reference": "c", "parent_reference": "a"},
    {"kind": "void", "amount": 1000, "psp_reference": "a", "parent_reference": "a"},
    {"kind": "refund", "amount": 500, "psp_reference": "r"},
    {"kind": "chargeback", "amount": 700, "psp_reference": "b", "parent_reference": "c"},
    {"kind": "chargeback_won", "amount": 700, "psp_reference": "b", "parent_reference": "c"},
]


@pytest.mark.parametrize("facts", [FACTS[:4], FACTS[1:2] + FACTS[3:], FACTS[:3] + FACTS[4:5]])
def test_the_same_facts_make_the_same_order_whichever_comes_first(api, storefront, facts):
    found = set()
    for number, order_of_facts in enumerate(permutations(facts)):
        order_id = sell(api)["id"]
        for fact in order_of_facts:
            parent = {"parent_reference": f"{number}-{fact['parent_reference']}"} if "parent_reference" in fact else {}
            document = perform(
                "record_payment", order_id, **{**fact, **parent, "psp_reference": f"{number}-{fact['psp_reference']}"}
            )
        found.add(tuple(document[name] for name in SUMS))

    assert len(found) == 1


OF_A_REFUND: list[dict[str, Any]] = [
    {"kind": "capture", "amount": 500, "psp_reference": "c2"},
    {"kind": "refund", "amount": 1500, "psp_reference": "r"},
    {"kind": "chargeback", "amount": 400, "psp_reference": "b", "parent_reference": "c"},
]


@pytest.mark.parametrize("approved", [False, True])
def test_facts_about_a_refund_make_the_same_order_whichever_comes_first(api, client_of, storefront, approved):
    Storefront.objects.update(refund_approval_above=0)
    found = set()
    for number, order_of_facts in enumerate(permutations(OF_A_REFUND)):
        order_id = sell(api)["id"]
        perform("record_payment", order_id, kind="capture", amount=2500, psp_reference=f"{number}-c")
        done(api, order_id, "confirm")
        perform("request_refund", order_id, amount=1500)
        if approved:
            done(client_of(storefront), order_id, "approve_refund")
        for fact in order_of_facts:
            document = perform(
                "record_payment", order_id, **{**fact, "psp_reference": f"{number}-{fact['psp_reference']}"}
            )
        (refund,) = document["refunds"]
        amounts = (document["due_amount"], document["balance_amount"], document["credited_amount"])
        found.add((*amounts, refund["state"], refund["settled_amount"], refund["goodwill_amount"]))

    assert found == {(1500, 400, 1500, "settled", 1500, 1500) if approved else (3000, 1900, 0, "requested", 1500, 0)}


def test_a_refund_that_could_not_be_paid_out_has_failed_whether_that_is_told_before_or_after_its_approval(
    api, client_of, storefront
):
    Storefront.objects.update(refund_approval_above=0)
    found = []
    for number, approved_first in enumerate((True, False)):
        order_id = sell(api)["id"]
        done(api, order_id, "record_payment", kind="capture", amount=3000, psp_reference=f"{number}-c")
        (refund,) = done(api, order_id, "request_refund", amount=1000)["refunds"]
        if approved_first:
            done(client_of(storefront), order_id, "approve_refund")
        fact = {"kind": "refund_failed", "amount": 1000, "psp_reference": f"{number}-f", "refund_id": refund["id"]}
        failed = done(api, order_id, "record_payment", **fact)
        if not approved_first:
            failed = done(client_of(storefront), order_id, "approve_refund")
            assert last_event(order_id).data["instructions"] == []
        corrected = done(
            api, order_id, "correct_payment", payment_id=failed["payments"][1]["id"], reason="another order's"
        )
        found.append([(order["refunds"][0]["state"], order["balance_amount"]) for order in (failed, corrected)])

    assert found == [[("failed", -1000), ("approved", -1000)]] * 2
    assert broken_promises() == {}


def test_a_chargeback_that_was_won_is_kept_again(api, storefront):
    order_id = sell(api)["id"]
    done(api, order_id, "record_payment", kind="capture", amount=3000, psp_reference="c")
    lost = done(api, order_id, "record_payment", kind="chargeback", amount=3000, psp_reference="b")

    won = done(api, order_id, "record_payment", kind="chargeback_won", amount=3000, psp_reference="b")

    assert (lost["payment_status"], lost["balance_amount"]) == ("refunded", 3000)
    assert (won["payment_status"], won["balance_amount"], won["charged_back_amount"]) == ("paid", 0, 0)


# --- refunds and the facts about them ----------------------------------------------------------------


@pytest.fixture
def paid(api, storefront):
    order_id = sell(api)["id"]
    done(api, order_id, "record_payment", kind="capture", amount=2000, psp_reference="c1")
    return done(api, order_id, "record_payment", kind="capture", amount=1000, psp_reference="c2")["id"]


def states(order):
    return [(refund["amount"], refund["settled_amount"], refund["state"]) for refund in order["refunds"]]


def test_a_refund_without_an_id_settles_the_open_one_it_fits(api, paid):
    done(api, paid, "request_refund", amount=400)
    done(api, paid, "request_refund", amount=700)

    order = done(api, paid, "record_payment", kind="refund", amount=700, psp_reference="r")

    assert states(order) == [(400, 0, "approved"), (700, 700, "settled")]
    assert order["payments"][2]["refund_id"] == order["refunds"][1]["id"]


def test_a_refund_nobody_asked_for_is_recorded_all_the_same(api, paid):
    done(api, paid, "request_refund", amount=400)
    done(api, paid, "request_refund", amount=700)

    order = done(api, paid, "record_payment", kind="refund", amount=99, psp_reference="r")

    assert states(order) == [(400, 0, "approved"), (700, 0, "approved")]
    assert (order["payments"][2]["refund_id"], order["refunded_amount"]) == (None, 99)


def test_a_refund_that_failed_before_it_was_paid_out_eats_nothing_of_another_that_was_paid(api, paid):
    (first,) = done(api, paid, "request_refund", amount=200)["refunds"]
    done(api, paid, "record_payment", kind="refund_failed", amount=200, psp_reference="f", refund_id=first["id"])
    second = done(api, paid, "request_refund", amount=200)["refunds"][1]

    order = done(api, paid, "record_payment", kind="refund", amount=200, psp_reference="r", refund_id=second["id"])

    assert states(order) == [(200, 0, "failed"), (200, 200, "settled")]
    assert (order["refunded_amount"], order["balance_amount"]) == (200, 0)


def test_a_refund_that_is_told_failed_after_it_was_paid_can_be_asked_for_anew(api, paid):
    done(api, paid, "request_refund", amount=400)
    done(api, paid, "record_payment", kind="refund", amount=400, psp_reference="r")

    failed = done(api, paid, "record_payment", kind="refund_failed", amount=400, psp_reference="r")

    assert states(failed) == [(400, 0, "failed")]
    assert (failed["refunded_amount"], failed["balance_amount"]) == (0, -400)
    assert states(done(api, paid, "request_refund"))[1] == (400, 0, "approved")


def test_an_instruction_names_only_payments_that_still_have_the_money(api, paid):
    done(api, paid, "record_payment", kind="refund", amount=1900, psp_reference="r", parent_reference="c1")
    done(api, paid, "request_refund", amount=50)

    done(api, paid, "request_refund", amount=800)

    (instruction,) = last_event(paid).data["instructions"]
    assert [(payment["psp_reference"], payment["amount"]) for payment in instruction["payments"]] == [
        ("c1", 50),
        ("c2", 750),
    ]


# --- ending leaves no promise behind -----------------------------------------------------------------


def test_deleting_a_pending_order_asks_for_the_void(api, storefront):
    order_id = sell(api)["id"]
    done(api, order_id, "record_payment", kind="authorization", amount=3000, psp_reference="a")

    assert api.delete(f"/api/v1/orders/{order_id}").status_code == 204

    (instruction,) = last_event(order_id).data["instructions"]
    assert (instruction["kind"], instruction["amount"]) == ("void", 3000)
    assert [payment["psp_reference"] for payment in instruction["payments"]] == ["a"]


def test_canceling_a_partly_captured_order_asks_for_refund_and_void(api, storefront):
    order_id = sell(api)["id"]
    done(api, order_id, "record_payment", kind="authorization", amount=3000, psp_reference="a")
    done(api, order_id, "record_payment", kind="capture", amount=1000, psp_reference="c", parent_reference="a")

    done(api, order_id, "cancel")

    told = last_event(order_id).data["instructions"]
    assert [(instruction["kind"], instruction["amount"]) for instruction in told] == [("refund", 1000), ("void", 2000)]


def test_an_order_whose_money_has_all_gone_back_expires(api, place_order):
    order_id = place_order(cup=1)["id"]
    done(api, order_id, "record_payment", kind="authorization", amount=500, psp_reference="a")
    now = timezone.now()
    Order.objects.update(reserved_until=now - timedelta(seconds=1))
    assert operations.expire_orders(now=now) == 0

    done(api, order_id, "record_payment", kind="capture", amount=500, psp_reference="c", parent_reference="a")
    assert operations.expire_orders(now=now) == 0
    done(api, order_id, "record_payment", kind="refund", amount=500, psp_reference="r")

    assert operations.expire_orders(now=now) == 1
    assert reserved() == {}


# --- taken back --------------------------------------------------------------------------------------


def test_what_was_recorded_by_mistake_is_taken_back_and_can_be_recorded_right(api, storefront):
    order_id = sell(api)["id"]
    wrong = done(api, order_id, "record_payment", kind="capture", amount=30000, psp="acme", psp_reference="c")

    taken_back = done(api, order_id, "correct_payment", reason="a zero too much")
    right = done(api, order_id, "record_payment", kind="capture", amount=3000, psp="acme", psp_reference="c")

    assert wrong["payment_status"] == "overpaid"
    assert (taken_back["captured_amount"], taken_back["payment_status"]) == (0, "unpaid")
    correction = taken_back["payments"][1]
    assert (correction["kind"], correction["amount"], correction["corrects"]) == (
        "correction",
        30000,
        wrong["payments"][0]["id"],
    )
    assert (right["captured_amount"], right["payment_status"], len(right["payments"])) == (3000, "paid", 3)
    event = last_event(order_id)
    assert event.data["operation"] == "record_payment"


def test_a_correction_needs_a_reason_and_takes_back_once(api, storefront):
    order_id = sell(api)["id"]
    fact = done(api, order_id, "record_payment", kind="capture", amount=5, psp_reference="c")["payments"][0]

    without = ask(api, order_id, "correct_payment", payment_id=fact["id"], reason=" ")
    done(api, order_id, "correct_payment", payment_id=fact["id"], reason="twice")
    done(api, order_id, "record_payment", kind="capture", amount=6, psp_reference="d")
    again = ask(api, order_id, "correct_payment", payment_id=fact["id"], reason="twice")

    assert assert_refused(without, 400, "validation_error")["errors"][0]["pointer"] == "/reason"
    assert_refused(again, 409, "wrong_state")
    assert event_count() == 4


def test_a_correction_cannot_be_recorded_as_a_payment(api, storefront):
    order_id = sell(api)["id"]

    response = ask(api, order_id, "record_payment", kind="correction", amount=5, psp_reference="c")

    assert assert_refused(response, 400, "validation_error")["errors"][0]["pointer"] == "/kind"


def test_a_refund_whose_payment_is_taken_back_is_to_be_paid_out_still(api, paid):
    done(api, paid, "request_refund", amount=400)
    settled = done(api, paid, "record_payment", kind="refund", amount=400, psp_reference="r")

    order = done(api, paid, "correct_payment", payment_id=settled["payments"][2]["id"], reason="another order's")

    assert states(order) == [(400, 0, "approved")]
    assert (order["refunded_amount"], order["balance_amount"]) == (0, -400)
    assert read(api, paid) == order


def test_a_refund_stays_in_sight_when_the_capture_it_was_asked_of_is_taken_back(api, storefront):
    order_id = sell(api)["id"]
    done(api, order_id, "record_payment", kind="capture", amount=3000, psp_reference="c")
    done(api, order_id, "request_refund", amount=400)

    order = done(api, order_id, "correct_payment", reason="another order's")

    assert states(order) == [(400, 0, "approved")]
    assert (order["captured_amount"], order["balance_amount"]) == (0, 2600)


def test_a_payout_that_failed_and_was_never_made_puts_nothing_of_a_refund_back(api, place_order):
    order_id = place_order(bowl=1)["id"]
    for kind in ("capture", "refund_failed"):
        done(api, order_id, "record_payment", kind=kind, psp_reference="c", amount=1000)
    (refund,) = done(api, order_id, "request_refund")["refunds"]

    paid = {"kind": "refund", "psp_reference": "r", "amount": 1000, "refund_id": refund["id"]}
    order = done(api, order_id, "record_payment", **paid)

    assert (order["payment_status"], order["refunded_amount"]) == ("refunded", 1000)
    assert broken_promises() == {}
