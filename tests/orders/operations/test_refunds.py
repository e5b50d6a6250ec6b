"""Captured money is given back: never more than was captured, and much of it only if somebody else agrees."""

from __future__ import annotations

import pytest

from orders.models import Refund, Storefront
from tests.base import perform
from tests.chaos.promises import broken_promises
from tests.orders.asking import ask, done, event_count, item_ids, last_event, read, sell
from tests.orders.refusals import assert_refused


@pytest.fixture
def paid(api, storefront):
    """An order of 3000, paid."""
    order_id = sell(api)["id"]
    return done(api, order_id, "record_payment", kind="capture", amount=3000, psp_reference="pi_1", psp="stripe")


@pytest.fixture
def other(client_of, storefront):
    """Another client of the same storefront."""
    return client_of(storefront)


@pytest.fixture
def strict(storefront):
    """Every refund of the storefront waits for approval."""
    Storefront.objects.update(refund_approval_above=0)


def states(order):
    return [(refund["amount"], refund["state"]) for refund in order["refunds"]]


def settle(api, order, refund, amount):
    return done(
        api,
        order["id"],
        "record_payment",
        kind="refund",
        amount=amount,
        psp_reference=f"re_{refund['id']}",
        refund_id=refund["id"],
    )


def send_back(api, order, **units):
    """Units that are shipped now have come back."""
    items = [{"item_id": item_ids(order)[product_id], "quantity": count} for product_id, count in units.items()]
    for operation, body in (
        ("confirm", {}),
        ("ship", {}),
        ("request_return", {"cause": "unwanted", "items": items}),
        ("approve_return", {}),
        ("receive_return", {}),
    ):
        done(api, order["id"], operation, **body)


# --- asked for ---------------------------------------------------------------------------------------


def test_a_refund_is_to_be_paid_out_at_once_where_nobody_has_to_approve_it(api, paid):
    response = ask(api, paid["id"], "request_refund", amount=1200, reason="scratched")

    order = response.json()
    assert (response.status_code, response.headers["ETag"]) == (200, '"3"')
    assert order == read(api, paid["id"])
    (refund,) = order["refunds"]
    assert refund == {
        "id": refund["id"],
        "amount": 1200,
        "goodwill_amount": 1200,
        "settled_amount": 0,
        "state": "approved",
        "return_id": None,
        "credit_id": None,
        "lines": [],
        "shipping_amount": 0,
        "requested_by": refund["requested_by"],
        "requested_at": refund["requested_at"],
        "decided_by": refund["requested_by"],
        "decided_at": refund["decided_at"],
    }
    assert refund["requested_by"].startswith("key:")
    assert (order["refunded_amount"], order["balance_amount"], order["payment_status"]) == (0, -1200, "paid")
    event = last_event(paid["id"])
    assert (event.data["operation"], event.told_reason) == ("request_refund", "scratched")
    (credit,) = order["credits"]
    assert (credit["cause"], credit["amount"], credit["refund_id"]) == ("goodwill", 1200, refund["id"])
    assert event.data["changes"] == {
        "refunds": [[], [refund]],
        "credits": [[], [credit]],
        "credited_amount": [0, 1200],
        "due_amount": [3000, 1800],
        "balance_amount": [0, -1200],
    }
    assert event.data["instructions"] == [
        {
            "kind": "refund",
            "refund_id": refund["id"],
            "amount": 1200,
            "currency": "AUD",
            "payments": [{"psp": "stripe", "psp_reference": "pi_1", "amount": 1200}],
        }
    ]


def test_without_an_amount_all_that_is_left_is_meant(api, paid):
    done(api, paid["id"], "request_refund", amount=1200)

    order = done(api, paid["id"], "request_refund")

    assert states(order) == [(1200, "approved"), (1800, "approved")]


def test_never_more_than_was_captured_is_given_back(api, paid):
    first = done(api, paid["id"], "request_refund", amount=1000)
    settle(api, paid, first["refunds"][0], 1000)
    before = done(api, paid["id"], "request_refund", amount=500)

    response = ask(api, paid["id"], "request_refund", amount=1501)

    problem = assert_refused(response, 409, "amount_exceeded")
    assert (problem["requested"], problem["available"]) == (1501, 1500)
    assert read(api, paid["id"]) == before
    assert (Refund.objects.count(), event_count()) == (2, 5)


@pytest.mark.parametrize("facts", [[], [("authorization", 3000)], [("capture", 10), ("chargeback", 10)]])
def test_where_nothing_was_captured_nothing_is_given_back(api, storefront, facts):
    order_id = sell(api)["id"]
    for kind, amount in facts:
        perform("record_payment", order_id, kind=kind, amount=amount, psp_reference=kind)
    before = read(api, order_id)

    for asked in ({}, {"amount": 1}):
        assert_refused(ask(api, order_id, "request_refund", **asked), 409, "nothing_left")

    assert read(api, order_id) == before


@pytest.mark.parametrize("earlier", [["confirm", "ship", "complete"], ["confirm", "ship"], ["confirm"]])
def test_money_is_given_back_in_every_status(api, paid, earlier):
    for name in earlier:
        perform(name, paid["id"])

    assert states(done(api, paid["id"], "request_refund", amount=1)) == [(1, "approved")]


# --- approved by somebody else -----------------------------------------------------------------------


def test_a_refund_that_waits_is_approved_by_somebody_else(api, other, strict, paid):
    waiting = done(api, paid["id"], "request_refund", amount=1200)
    own = ask(api, paid["id"], "approve_refund")
    unchanged = read(api, paid["id"])

    order = done(other, paid["id"], "approve_refund", reason="agreed")

    (refund,) = waiting["refunds"]
    assert (refund["state"], refund["decided_by"], refund["decided_at"]) == ("requested", None, None)
    problem = assert_refused(own, 409, "own_request")
    assert problem["requested_by"] == refund["requested_by"]
    assert unchanged == waiting
    (approved,) = order["refunds"]
    assert (approved["state"], approved["decided_by"] == refund["requested_by"]) == ("approved", False)
    event = last_event(paid["id"])
    assert (event.data["operation"], event.told_reason) == ("approve_refund", "agreed")
    assert [instruction["refund_id"] for instruction in event.data["instructions"]] == [refund["id"]]


def test_only_the_approval_tells_to_pay_out(api, other, strict, paid):
    done(api, paid["id"], "request_refund", amount=1200)
    requested = last_event(paid["id"]).data["instructions"]
    done(other, paid["id"], "reject_refund")

    assert (requested, last_event(paid["id"]).data["instructions"]) == ([], [])


@pytest.mark.parametrize(
    ("operation", "strictly", "state"), [("reject_refund", True, "rejected"), ("fail_refund", False, "failed")]
)
def test_a_refund_that_is_not_paid_leaves_its_amount_to_be_refunded(api, paid, operation, strictly, state):
    Storefront.objects.update(refund_approval_above=0 if strictly else None)
    done(api, paid["id"], "request_refund", amount=3000)
    refused = ask(api, paid["id"], "request_refund", amount=1)

    order = done(api, paid["id"], operation)
    again = done(api, paid["id"], "request_refund", amount=3000)

    assert_refused(refused, 409, "nothing_left")
    assert states(order) == [(3000, state)]
    assert order["refunds"][0]["decided_by"].startswith("key:")
    assert last_event(paid["id"]).data["changes"]["refunds"][1][0]["amount"] == 3000
    assert len(again["refunds"]) == 2


@pytest.mark.parametrize("operation", ["approve_refund", "reject_refund"])
def test_of_several_the_one_meant_has_to_be_named(api, other, strict, paid, operation):
    done(api, paid["id"], "request_refund", amount=1000)
    before = done(api, paid["id"], "request_refund", amount=500)
    ids = [refund["id"] for refund in before["refunds"]]

    ambiguous = ask(other, paid["id"], operation)
    order = done(other, paid["id"], operation, refund_id=ids[1])
    rest = done(other, paid["id"], operation)

    problem = assert_refused(ambiguous, 422, "ambiguous")
    assert (problem["choices"], problem["errors"][0]["pointer"]) == (ids, "/refund_id")
    state = "approved" if operation == "approve_refund" else "rejected"
    assert states(order) == [(1000, "requested"), (500, state)]
    assert states(rest) == [(1000, state), (500, state)]


@pytest.mark.parametrize(
    ("operation", "state", "expected"),
    [
        ("approve_refund", "approved", "requested"),
        ("reject_refund", "approved", "requested"),
        ("fail_refund", "requested", "approved"),
    ],
)
def test_a_refund_in_another_state_is_not_taken_further(api, other, strict, paid, operation, state, expected):
    done(api, paid["id"], "request_refund", amount=1000)
    done(other, paid["id"], "approve_refund")
    before = done(api, paid["id"], "request_refund", amount=500)
    wrong = next(refund["id"] for refund in before["refunds"] if refund["state"] == state)

    response = ask(other, paid["id"], operation, refund_id=wrong)

    problem = assert_refused(response, 409, "wrong_state")
    assert (problem["current"], problem["allowed"]) == (state, [expected])
    assert read(api, paid["id"]) == before


@pytest.mark.parametrize("operation", ["approve_refund", "reject_refund", "fail_refund"])
def test_where_there_is_no_refund_nothing_is_decided(api, paid, operation):
    assert_refused(ask(api, paid["id"], operation), 409, "nothing_left")

    assert read(api, paid["id"]) == paid


@pytest.mark.parametrize("operation", ["approve_refund", "reject_refund"])
def test_a_refund_of_another_order_is_unknown(api, other, strict, paid, operation):
    foreign = sell(api)["id"]
    perform("record_payment", foreign, kind="capture", amount=100, psp_reference="pi_2")
    foreign_refund = perform("request_refund", foreign)["refunds"][0]["id"]
    before = done(api, paid["id"], "request_refund")

    response = ask(other, paid["id"], operation, refund_id=foreign_refund)

    assert_refused(response, 422, "unknown_part")
    assert read(api, paid["id"]) == before
    assert states(read(api, foreign)) == [(100, "requested")]


# --- paid out ----------------------------------------------------------------------------------------


def test_the_fact_that_names_a_refund_settles_it(api, paid):
    (refund,) = done(api, paid["id"], "request_refund", amount=1200)["refunds"]

    order = settle(api, paid, refund, 1200)

    assert states(order) == [(1200, "settled")]
    assert order["payments"][1]["refund_id"] == refund["id"]
    assert (order["refunded_amount"], order["balance_amount"], order["payment_status"]) == (
        1200,
        0,
        "partially_refunded",
    )
    assert states(done(api, paid["id"], "request_refund")) == [(1200, "settled"), (1800, "approved")]
    assert_refused(ask(api, paid["id"], "fail_refund", refund_id=refund["id"]), 409, "wrong_state")


def test_the_same_fact_again_changes_nothing(api, paid):
    (refund,) = done(api, paid["id"], "request_refund", amount=1200)["refunds"]
    before = settle(api, paid, refund, 1200)

    assert settle(api, paid, refund, 1200) == before


@pytest.mark.parametrize(("operation", "state"), [(None, "requested"), ("reject_refund", "rejected")])
def test_what_is_paid_out_unapproved_is_recorded_and_missing_until_somebody_approves_it(
    api, other, strict, paid, operation, state
):
    send_back(api, paid, cup=1)
    (refund,) = done(api, paid["id"], "request_refund", amount=1200)["refunds"]
    if operation:
        done(other, paid["id"], operation)

    order = settle(api, paid, refund, 1200)

    assert (states(order), order["refunds"][0]["settled_amount"]) == ([(1200, state)], 1200)
    assert [credit["cause"] for credit in order["credits"]] == ["returned"]
    assert (order["refunded_amount"], order["due_amount"], order["balance_amount"]) == (1200, 2000, 200)
    assert_refused(ask(api, paid["id"], "approve_refund"), 409, "own_request")

    approved = done(other, paid["id"], "approve_refund")

    assert states(approved) == [(1200, "settled")]
    assert [(credit["cause"], credit["amount"]) for credit in approved["credits"]] == [
        ("returned", 1000),
        ("goodwill", 200),
    ]
    assert (approved["refunds"][0]["goodwill_amount"], approved["due_amount"], approved["balance_amount"]) == (
        200,
        1800,
        0,
    )
    assert last_event(paid["id"]).data["instructions"] == []
    assert_refused(ask(other, paid["id"], "approve_refund"), 409, "nothing_left")


def test_a_rejected_refund_of_which_a_part_was_paid_can_be_approved_while_its_rest_is_there(api, other, strict, paid):
    (refund,) = done(api, paid["id"], "request_refund", amount=2000)["refunds"]
    done(other, paid["id"], "reject_refund")
    settle(api, paid, refund, 500)
    (_, second) = done(api, paid["id"], "request_refund", amount=1200)["refunds"]

    problem = assert_refused(ask(other, paid["id"], "approve_refund", refund_id=refund["id"]), 409, "amount_exceeded")
    done(other, paid["id"], "reject_refund", refund_id=second["id"])
    order = done(other, paid["id"], "approve_refund", refund_id=refund["id"])

    assert "1300" in problem["detail"]
    assert states(order) == [(2000, "approved"), (1200, "rejected")]
    (instruction,) = last_event(paid["id"]).data["instructions"]
    assert (instruction["kind"], instruction["amount"]) == ("refund", 1500)
    assert (order["due_amount"], order["balance_amount"]) == (1000, -1500)


def test_an_approval_tells_to_pay_out_what_has_not_been_paid_out_yet(api, other, strict, paid):
    send_back(api, paid, cup=1)
    (refund,) = done(api, paid["id"], "request_refund", amount=1000)["refunds"]
    settle(api, paid, refund, 400)

    order = done(other, paid["id"], "approve_refund")

    assert (order["refunds"][0]["goodwill_amount"], order["due_amount"], order["balance_amount"]) == (0, 2000, -600)
    (instruction,) = last_event(paid["id"]).data["instructions"]
    assert (instruction["amount"], instruction["payments"]) == (
        600,
        [{"psp": "stripe", "psp_reference": "pi_1", "amount": 600}],
    )


def test_a_refund_that_had_failed_may_be_paid_after_all(api, paid):
    (refund,) = done(api, paid["id"], "request_refund", amount=1200)["refunds"]
    done(api, paid["id"], "fail_refund")

    order = settle(api, paid, refund, 1200)

    assert (states(order), order["refunded_amount"]) == ([(1200, "settled")], 1200)


def test_a_fact_of_less_leaves_the_rest_of_the_refund_open(api, paid):
    (refund,) = done(api, paid["id"], "request_refund", amount=1200)["refunds"]

    order = settle(api, paid, refund, 1100)

    assert (states(order), order["refunded_amount"]) == ([(1200, "approved")], 1100)
    assert order["refunds"][0]["settled_amount"] == 1100
    assert_refused(ask(api, paid["id"], "request_refund", amount=1801), 409, "amount_exceeded")
    rest = done(api, paid["id"], "record_payment", kind="refund", amount=100, psp_reference="re_rest")
    assert (states(rest), rest["refunds"][0]["settled_amount"]) == ([(1200, "settled")], 1200)
    assert (rest["refunded_amount"], rest["balance_amount"]) == (1200, 0)
    assert states(done(api, paid["id"], "request_refund"))[1] == (1800, "approved")


# --- paid out by mistake -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decided", "state"), [(None, "requested"), ("reject_refund", "rejected"), ("approve_refund", "approved")]
)
@pytest.mark.parametrize("kinds", [["refund"], ["refund", "refund_failed"], ["refund_failed"]])
def test_a_payment_that_is_taken_back_leaves_the_refund_as_it_was_decided(
    api, other, strict, paid, decided, state, kinds
):
    (refund,) = done(api, paid["id"], "request_refund", amount=1200)["refunds"]
    before = done(other, paid["id"], decided) if decided else read(api, paid["id"])
    facts = {"amount": 1200, "psp_reference": "re_1", "refund_id": refund["id"]}
    for kind in kinds:
        done(api, paid["id"], "record_payment", kind=kind, **facts)

    for payment in read(api, paid["id"])["payments"][1:]:
        order = done(api, paid["id"], "correct_payment", payment_id=payment["id"], reason="another order's")

    assert states(order) == [(1200, state)]
    assert order["refunds"] == before["refunds"]
    assert (order["due_amount"], order["balance_amount"]) == (before["due_amount"], before["balance_amount"])
    assert (order["credited_amount"], order["payment_status"]) == (before["credited_amount"], "paid")
    assert broken_promises() == {}


def test_a_refund_that_somebody_let_fail_has_failed_again_once_a_payment_of_it_is_taken_back(api, paid):
    (refund,) = done(api, paid["id"], "request_refund", amount=1200)["refunds"]
    done(api, paid["id"], "fail_refund")
    paid_out = settle(api, paid, refund, 1200)

    order = done(api, paid["id"], "correct_payment", payment_id=paid_out["payments"][1]["id"], reason="another order's")

    assert (states(paid_out), states(order)) == ([(1200, "settled")], [(1200, "failed")])
    assert (order["refunded_amount"], order["due_amount"], order["balance_amount"]) == (0, 1800, -1200)
    assert broken_promises() == {}


def test_what_was_decided_of_another_refund_since_says_nothing_of_one_whose_payment_is_taken_back(api, paid):
    (refund,) = done(api, paid["id"], "request_refund", amount=1200)["refunds"]
    paid_out = settle(api, paid, refund, 1200)
    done(api, paid["id"], "request_refund", amount=500)
    done(api, paid["id"], "fail_refund")

    order = done(api, paid["id"], "correct_payment", payment_id=paid_out["payments"][1]["id"], reason="another order's")

    assert states(order) == [(1200, "approved"), (500, "failed")]
    assert broken_promises() == {}


def test_a_failure_that_never_was_leaves_alone_what_has_been_refunded_instead(api, paid):
    (refund,) = done(api, paid["id"], "request_refund", amount=2000)["refunds"]
    failed = done(
        api,
        paid["id"],
        "record_payment",
        kind="refund_failed",
        amount=2000,
        psp_reference="re_1",
        refund_id=refund["id"],
    )
    done(api, paid["id"], "request_refund", amount=2000)

    order = done(api, paid["id"], "correct_payment", payment_id=failed["payments"][1]["id"], reason="it had not failed")

    assert states(order) == [(2000, "failed"), (2000, "approved")]
    assert broken_promises() == {}


def test_a_limit_says_nothing_of_refunds_in_another_currency(api, storefront):
    Storefront.objects.update(refund_approval_above=100_000, currency="JPY")
    euros = sell(api, currency="EUR")["id"]
    yen = sell(api, {"product_id": "cup", "quantity": 1, "unit_amount": 3000}, currency="JPY")["id"]
    for order_id, reference in ((euros, "pi_eur"), (yen, "pi_jpy")):
        done(api, order_id, "record_payment", kind="capture", amount=3000, psp_reference=reference, psp="stripe")

    asked = [ask(api, order_id, "request_refund", amount=3000).json() for order_id in (euros, yen)]

    assert [states(order) for order in asked] == [[(3000, "requested")], [(3000, "approved")]]


# --- for a cancellation, and for shipping ---------------------------------------------------------------


def test_what_a_cancellation_was_credited_with_is_paid_out_once(api, paid):
    canceled = done(api, paid["id"], "cancel", items=[{"item_id": item_ids(paid)["cup"], "quantity": 1}])
    done(api, paid["id"], "fail_refund")
    (credit,) = canceled["credits"]

    order = done(api, paid["id"], "request_refund", credit_id=credit["id"])
    again = ask(api, paid["id"], "request_refund", credit_id=credit["id"])

    assert states(order) == [(1000, "failed"), (1000, "approved")]
    assert [refund["credit_id"] for refund in order["refunds"]] == [credit["id"], credit["id"]]
    assert_refused(again, 409, "nothing_left")


@pytest.mark.parametrize("paid_out", [True, False])
def test_the_refund_that_a_cancellation_asked_for_itself_is_for_its_credit(api, paid, paid_out):
    canceled = done(api, paid["id"], "cancel", items=[{"item_id": item_ids(paid)["cup"], "quantity": 1}])
    (credit,), (refund,) = canceled["credits"], canceled["refunds"]
    if paid_out:
        settle(api, paid, refund, 1000)

    again = ask(api, paid["id"], "request_refund", credit_id=credit["id"])

    assert (refund["credit_id"], refund["amount"]) == (credit["id"], 1000)
    assert_refused(again, 409, "nothing_left")
    assert read(api, paid["id"])["due_amount"] == 2000


def test_of_an_order_that_was_paid_in_part_a_cancellation_gives_back_no_more_than_is_over(api, storefront):
    order = sell(api)
    done(api, order["id"], "record_payment", kind="capture", amount=2600, psp_reference="pi_1")
    canceled = done(api, order["id"], "cancel", items=[{"item_id": item_ids(order)["cup"], "quantity": 1}])
    (credit,), (refund,) = canceled["credits"], canceled["refunds"]

    again = ask(api, order["id"], "request_refund", credit_id=credit["id"])

    assert (credit["amount"], refund["amount"], refund["credit_id"]) == (1000, 600, credit["id"])
    assert_refused(again, 409, "nothing_left")


def test_a_refund_of_more_than_a_cancellation_is_for_no_credit_and_leaves_none_to_pay_out(api, paid):
    cup = [{"item_id": item_ids(paid)["cup"], "quantity": 1}]
    first = done(api, paid["id"], "cancel", items=cup)
    done(api, paid["id"], "fail_refund")
    second = done(api, paid["id"], "cancel", items=cup)

    again = [ask(api, paid["id"], "request_refund", credit_id=credit["id"]) for credit in second["credits"]]

    assert states(second) == [(1000, "failed"), (2000, "approved")]
    assert [refund["credit_id"] for refund in second["refunds"]] == [first["credits"][0]["id"], None]
    for refused in again:
        assert_refused(refused, 409, "nothing_left")


def test_a_cancellation_that_was_taken_back_is_not_paid_out(api, paid):
    (credit,) = done(api, paid["id"], "cancel")["credits"]
    done(api, paid["id"], "reinstate", reason="by mistake")
    done(api, paid["id"], "record_payment", kind="capture", amount=500, psp_reference="pi_2", psp="stripe")

    response = ask(api, paid["id"], "request_refund", credit_id=credit["id"])

    assert_refused(response, 409, "nothing_left")


def test_shipping_that_waits_to_be_given_back_cannot_be_asked_back_again(api, strict, paid):
    first = done(api, paid["id"], "request_refund", shipping_amount=300)

    again = ask(api, paid["id"], "request_refund", shipping_amount=300)

    assert [(refund["shipping_amount"], refund["state"]) for refund in first["refunds"]] == [(300, "requested")]
    problem = assert_refused(again, 409, "amount_exceeded")
    assert (problem["requested"], problem["available"]) == (300, 200)
    assert problem["detail"] == (
        "300 was asked for, but only 200 (minor units) can be refunded of the shipping: what has not been credited yet."
    )
    assert read(api, paid["id"]) == first


def test_a_credit_of_another_order_is_unknown(api, paid):
    foreign = done(api, sell(api)["id"], "cancel")["credits"][0]["id"]

    assert_refused(ask(api, paid["id"], "request_refund", credit_id=foreign), 422, "unknown_part")


def test_shipping_is_refunded_once_and_stands_in_the_credit(api, paid):
    order = done(api, paid["id"], "request_refund", shipping_amount=300)
    again = ask(api, paid["id"], "request_refund", shipping_amount=201)

    assert (order["refunds"][0]["amount"], order["refunds"][0]["shipping_amount"]) == (300, 300)
    (credit,) = order["credits"]
    assert (credit["cause"], credit["amount"], credit["shipping_amount"], credit["lines"]) == ("goodwill", 300, 300, [])
    problem = assert_refused(again, 409, "amount_exceeded")
    assert (problem["requested"], problem["available"]) == (201, 200)
    assert done(api, paid["id"], "request_refund", shipping_amount=200)["due_amount"] == 2500


def test_units_and_shipping_together_are_dealt_to_both(api, paid):
    units = [{"item_id": item_ids(paid)["cup"], "quantity": 1}]

    order = done(api, paid["id"], "request_refund", items=units, shipping_amount=500)

    (credit,) = order["credits"]
    assert (order["refunds"][0]["amount"], credit["shipping_amount"]) == (1500, 500)
    assert [line["amount"] for line in credit["lines"]] == [1000]


@pytest.mark.parametrize("second", [{"return_id": "<return>"}, {"items": "<items>"}, {"shipping_amount": 100}])
def test_a_refund_is_for_one_thing(api, paid, second):
    nobody = "0192f0c4-7e55-7d3c-9a57-000000000000"
    values = {"<return>": nobody, "<items>": [{"item_id": item_ids(paid)["cup"], "quantity": 1}]}
    more = {name: values.get(value, value) if isinstance(value, str) else value for name, value in second.items()}

    response = ask(api, paid["id"], "request_refund", credit_id=nobody, **more)

    assert_refused(response, 400, "validation_error")
    assert read(api, paid["id"]) == paid
