"""What is owed is one calculation: total less credits. Nobody loses money by it, nobody gets more than they paid."""

from __future__ import annotations

from typing import Any

import pytest

from orders import operations
from orders.doctor import examination
from orders.doctor.extent import Extent
from orders.models import Storefront
from tests.orders.asking import ask, done, item_ids, last_event, read, sell
from tests.orders.refusals import assert_refused

CUPS = {"product_id": "cup", "quantity": 2, "unit_amount": 1000}


@pytest.fixture
def paid(api, storefront):
    """`paid(items…, **fields)`: an order that is paid in full and confirmed."""

    def place(*items: dict[str, Any], **fields: Any) -> Any:
        order = sell(api, *items, **fields)
        if order["total_amount"]:
            done(api, order["id"], "record_payment", kind="capture", amount=order["total_amount"], psp_reference="pi_1")
        return done(api, order["id"], "confirm")

    return place


def pay_out(api, order) -> Any:
    """Every refund that is to be paid out is."""
    for refund in order["refunds"]:
        if refund["state"] == "approved":
            amount = refund["amount"] - refund["settled_amount"]
            fact = {"kind": "refund", "amount": amount, "psp_reference": f"re_{refund['id']}"}
            order = done(api, order["id"], "record_payment", **fact, refund_id=refund["id"])
    return order


def take_back(api, order, **asked: Any) -> Any:
    done(api, order["id"], "request_return", cause="unwanted", **asked)
    done(api, order["id"], "approve_return")
    return done(api, order["id"], "receive_return")


def of(order, product: str, quantity: int) -> list[dict[str, Any]]:
    return [{"item_id": item_ids(order)[product], "quantity": quantity}]


def credits_of(order) -> list[tuple[str, int]]:
    return [(credit["cause"], credit["amount"]) for credit in order["credits"]]


def money(order) -> dict[str, Any]:
    names = ("total_amount", "credited_amount", "due_amount", "balance_amount", "payment_status")
    return {name.removesuffix("_amount"): order[name] for name in names}


@pytest.fixture(autouse=True)
def sound(database):
    """Whatever was done, the doctor finds no contradiction."""
    yield
    assert examination.examine(Extent()).as_json()["healthy"]


# --- nobody loses ------------------------------------------------------------------------------------


def test_what_comes_back_and_what_is_canceled_afterwards_are_both_given_back(api, paid):
    order = paid(CUPS)
    done(api, order["id"], "ship", items=of(order, "cup", 1))
    returned = take_back(api, order)
    assert money(returned)["balance"] == -1000
    pay_out(api, done(api, order["id"], "request_refund"))

    canceled = done(api, order["id"], "cancel", cause="out_of_stock")

    assert [(refund["amount"], refund["state"]) for refund in canceled["refunds"]] == [
        (1000, "settled"),
        (1000, "approved"),
    ]
    settled = pay_out(api, canceled)
    assert credits_of(settled) == [("returned", 1000), ("canceled", 1000)]
    assert money(settled) == {
        "total": 2000,
        "credited": 2000,
        "due": 0,
        "balance": 0,
        "payment_status": "refunded",
    }


def test_the_shipping_of_what_was_sent_stays_owed_when_all_comes_back(api, paid):
    order = paid(CUPS, shipping_amount=500)
    done(api, order["id"], "ship")
    take_back(api, order)

    refunded = done(api, order["id"], "request_refund")

    assert [refund["amount"] for refund in refunded["refunds"]] == [2000]
    settled = pay_out(api, refunded)
    assert money(settled) == {
        "total": 2500,
        "credited": 2000,
        "due": 500,
        "balance": 0,
        "payment_status": "partially_refunded",
    }


def test_a_canceled_item_takes_its_share_of_the_discount_along(api, paid):
    plate = {"product_id": "plate", "quantity": 1, "unit_amount": 500}
    order = paid({**CUPS, "quantity": 1}, plate, discount_amount=600)

    canceled = done(api, order["id"], "cancel", items=of(order, "cup", 1))

    assert [refund["amount"] for refund in canceled["refunds"]] == [600]
    assert (canceled["due_amount"], canceled["canceled_amount"]) == (300, 600)
    assert pay_out(api, canceled)["balance_amount"] == 0


def test_an_amendment_to_less_asks_for_what_is_too_much(api, paid):
    order = paid({**CUPS, "quantity": 3})

    amended = done(api, order["id"], "amend", items=of(order, "cup", 1))

    assert [(refund["amount"], refund["goodwill_amount"]) for refund in amended["refunds"]] == [(2000, 0)]
    (instruction,) = last_event(order["id"]).data["instructions"]
    assert (instruction["kind"], instruction["amount"]) == ("refund", 2000)
    assert money(pay_out(api, amended)) == {
        "total": 1000,
        "credited": 0,
        "due": 1000,
        "balance": 0,
        "payment_status": "paid",
    }


def test_an_amendment_corrects_what_canceled_units_were_credited_with(api, paid):
    plate = {"product_id": "plate", "quantity": 1, "unit_amount": 500}
    order = paid({**CUPS, "quantity": 1}, plate, discount_amount=600)
    done(api, order["id"], "cancel", items=of(order, "cup", 1))

    amended = done(api, order["id"], "amend", items=of(order, "plate", 1), discount_amount=0)

    assert credits_of(amended) == [("canceled", 600), ("amended", 400)]
    assert (amended["total_amount"], amended["canceled_amount"], amended["due_amount"]) == (1500, 1000, 500)


def test_the_first_units_of_a_line_are_the_ones_that_were_canceled_and_are_corrected_to_the_cent(api, paid):
    order = paid({"product_id": "cup", "quantity": 3, "amount": 1000})
    done(api, order["id"], "cancel", items=of(order, "cup", 1))

    items = [{"item_id": item_ids(order)["cup"], "quantity": 3, "amount": 999}]
    amended = done(api, order["id"], "amend", items=items)

    assert credits_of(amended) == [("canceled", 334), ("amended", -1)]
    assert (amended["total_amount"], amended["canceled_amount"], amended["due_amount"]) == (999, 333, 666)


def test_an_order_that_is_credited_for_more_cannot_be_amended_below_that(api, paid):
    order = paid({**CUPS, "quantity": 3})
    done(api, order["id"], "request_refund", amount=2500)
    before = read(api, order["id"])

    refused = ask(api, order["id"], "amend", items=of(order, "cup", 2))

    problem = assert_refused(refused, 400, "validation_error")
    assert problem["errors"][0]["pointer"] == "/total_amount"
    assert "2500 have been credited already" in problem["errors"][0]["detail"]
    assert read(api, order["id"]) == before


def test_an_order_can_be_amended_to_just_what_it_is_credited_for(api, paid):
    order = paid({**CUPS, "quantity": 3})
    done(api, order["id"], "request_refund", amount=2500)

    amended = done(api, order["id"], "amend", items=of(order, "cup", 3), discount_amount=500)

    assert (amended["total_amount"], amended["credited_amount"], amended["due_amount"]) == (2500, 2500, 0)


@pytest.mark.parametrize("policy", ["on_payment", "on_authorization"])
def test_what_costs_nothing_is_paid_and_confirmed_when_it_is_placed(api, storefront, policy):
    Storefront.objects.update(confirmation_policy=policy)

    order = sell(api, {"product_id": "cup", "quantity": 1, "unit_amount": 1000}, discount_amount=1000)

    assert (order["status"], order["payment_status"], order["balance_amount"]) == ("confirmed", "paid", 0)
    assert read(api, order["id"]) == order
    assert operations.settle_orders() == (0, 0)  # the inventory knows already
    assert done(api, order["id"], "ship")["status"] == "shipped"


def test_what_costs_nothing_waits_where_orders_are_confirmed_by_hand(api, storefront):
    order = sell(api, {"product_id": "cup", "quantity": 1, "unit_amount": 0})

    assert (order["status"], order["payment_status"]) == ("pending", "paid")


# --- other amounts -----------------------------------------------------------------------------------


def test_a_fee_is_kept_of_what_is_canceled(api, paid):
    order = paid(CUPS)

    canceled = done(api, order["id"], "cancel", amount=1800)

    assert [refund["amount"] for refund in canceled["refunds"]] == [1800]
    settled = pay_out(api, canceled)
    assert (settled["status"], settled["due_amount"], settled["balance_amount"]) == ("canceled", 200, 0)


def test_a_fee_is_kept_of_what_comes_back_and_never_more_is_credited_than_is_owed(api, paid):
    order = paid(CUPS)
    done(api, order["id"], "ship")
    done(api, order["id"], "request_return", cause="unwanted")
    done(api, order["id"], "approve_return")

    refused = ask(api, order["id"], "receive_return", amount=2001)
    received = done(api, order["id"], "receive_return", amount=1500)

    problem = assert_refused(refused, 409, "amount_exceeded")
    assert (problem["requested"], problem["available"]) == (2001, 2000)
    assert (received["due_amount"], received["balance_amount"]) == (500, -1500)


def test_an_amount_of_an_order_without_prices_is_refused(api, place_order):
    order_id = place_order(cup=1)["id"]

    problem = assert_refused(ask(api, order_id, "cancel", amount=5), 400, "validation_error")

    assert problem["errors"][0]["pointer"] == "/amount"


def test_a_refund_says_how_much_of_it_is_goodwill(api, paid):
    order = paid(CUPS, shipping_amount=500)
    done(api, order["id"], "ship")
    take_back(api, order, items=of(order, "cup", 1))

    refunded = done(api, order["id"], "request_refund", amount=1200)

    (refund,) = refunded["refunds"]
    assert (refund["amount"], refund["goodwill_amount"]) == (1200, 200)
    assert credits_of(refunded) == [("returned", 1000), ("goodwill", 200)]
    assert money(pay_out(api, refunded))["balance"] == 0


def test_a_rejected_refund_shows_no_goodwill(api, client_of, storefront, paid):
    Storefront.objects.update(refund_approval_above=0)
    order = paid(CUPS)
    done(api, order["id"], "request_refund", amount=300)

    rejected = done(client_of(storefront), order["id"], "reject_refund")

    assert credits_of(rejected) == []
    assert (rejected["due_amount"], rejected["balance_amount"]) == (2000, 0)


def test_goodwill_is_granted_when_somebody_agrees_to_it_and_is_what_it_is_then(api, client_of, storefront, paid):
    Storefront.objects.update(refund_approval_above=0)
    order = paid(CUPS)
    asked = done(api, order["id"], "request_refund", amount=1500)
    canceled = done(api, order["id"], "cancel", items=of(order, "cup", 1))

    approved = done(client_of(storefront), order["id"], "approve_refund", refund_id=asked["refunds"][0]["id"])

    assert (asked["refunds"][0]["goodwill_amount"], credits_of(asked)) == (0, [])
    assert credits_of(canceled) == [("canceled", 1000)]
    assert approved["refunds"][0]["goodwill_amount"] == 500
    assert credits_of(approved) == [("canceled", 1000), ("goodwill", 500)]


@pytest.mark.parametrize("paid_out", [False, True])
def test_a_refund_that_is_not_agreed_to_makes_no_goodwill_of_another(api, client_of, storefront, paid, paid_out):
    Storefront.objects.update(refund_approval_above=0)
    order = paid(CUPS)
    done(api, order["id"], "cancel", items=of(order, "cup", 1))
    canceled_for, asked_for = done(api, order["id"], "request_refund", amount=300)["refunds"]
    if paid_out:
        fact = {"kind": "refund", "amount": 300, "psp_reference": "re_1", "refund_id": asked_for["id"]}
        done(api, order["id"], "record_payment", **fact)

    approved = done(client_of(storefront), order["id"], "approve_refund", refund_id=canceled_for["id"])

    assert [(refund["amount"], refund["goodwill_amount"]) for refund in approved["refunds"]] == [(1000, 0), (300, 0)]
    assert credits_of(approved) == [("canceled", 1000)]

    both = done(client_of(storefront), order["id"], "approve_refund", refund_id=asked_for["id"])

    assert [(refund["amount"], refund["goodwill_amount"]) for refund in both["refunds"]] == [(1000, 0), (300, 300)]
    assert both["due_amount"] == 700


def test_what_is_canceled_while_a_refund_waits_is_owed_no_more_when_that_is_rejected(api, client_of, storefront, paid):
    Storefront.objects.update(refund_approval_above=0)
    order = paid(CUPS)
    done(api, order["id"], "request_refund")
    done(api, order["id"], "cancel")

    rejected = done(client_of(storefront), order["id"], "reject_refund")

    assert (rejected["due_amount"], rejected["balance_amount"]) == (0, -2000)


def test_a_refund_that_failed_is_still_owed_and_asked_for_anew(api, paid):
    order = paid(CUPS)
    done(api, order["id"], "request_refund", amount=300)
    failed = done(api, order["id"], "fail_refund")
    assert failed["balance_amount"] == -300

    again = done(api, order["id"], "request_refund")

    assert [(refund["amount"], refund["goodwill_amount"]) for refund in again["refunds"]] == [(300, 300), (300, 0)]


def test_a_refund_for_a_return_is_what_that_was_credited_with(api, paid):
    order = paid(CUPS, shipping_amount=500)
    done(api, order["id"], "ship")
    returned = take_back(api, order, items=of(order, "cup", 1))
    return_id = returned["returns"][0]["id"]

    refunded = done(api, order["id"], "request_refund", return_id=return_id)

    assert [(refund["amount"], refund["return_id"]) for refund in refunded["refunds"]] == [(1000, return_id)]
    assert_refused(ask(api, order["id"], "request_refund", return_id=return_id), 409, "nothing_left")


def test_a_refund_for_units_is_their_share_and_their_return_is_not_credited_again(api, paid):
    order = paid(CUPS)
    done(api, order["id"], "ship")

    refunded = done(api, order["id"], "request_refund", items=of(order, "cup", 1))
    returned = take_back(api, order, items=of(order, "cup", 1))

    (refund,) = refunded["refunds"]
    assert (refund["amount"], refund["goodwill_amount"]) == (1000, 1000)
    assert refund["lines"] == of(order, "cup", 1)
    assert returned["credited_amount"] == 2000  # the second cup's share is what the line has left
    assert_refused(ask(api, order["id"], "request_refund", items=of(order, "cup", 3)), 409, "quantity_exceeded")


# --- what was sold -----------------------------------------------------------------------------------


def test_items_tell_what_they_cost_and_their_part_of_discount_and_tax(api, paid):
    cups = {"product_id": "cup", "quantity": 3, "amount": 1000, "discount_amount": 100, "tax_amount": 171}
    bowl = {"product_id": "bowl", "quantity": 1, "unit_amount": 500, "tax_amount": 95}

    order = paid(cups, bowl, shipping_amount=500, tax_amount=361)

    assert (order["items_amount"], order["discount_amount"], order["total_amount"]) == (1500, 100, 2261)
    assert [(item["amount"], item["discount_amount"], item["tax_amount"]) for item in order["items"]] == [
        (1000, 100, 171),
        (500, None, 95),
    ]
    canceled = done(api, order["id"], "cancel", items=of(order, "cup", 1))
    assert canceled["canceled_amount"] == 357  # of 1071, the largest third
    assert done(api, order["id"], "cancel")["due_amount"] == 0


def test_prices_with_their_tax_make_the_total_without_it(api, paid):
    order = paid({**CUPS, "tax_amount": 319}, shipping_amount=500, tax_included=True)

    assert (order["tax_amount"], order["tax_included"], order["total_amount"]) == (319, True, 2500)
    assert done(api, order["id"], "cancel")["canceled_amount"] == 2500


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"discount_amount": 99}, "/discount_amount", "totals_mismatch"),
        ({"tax_amount": 9}, "/tax_amount", "totals_mismatch"),
        ({"items_amount": 2000}, "/items_amount", "totals_mismatch"),
        ({"tax_included": None}, "/tax_included", "validation_error"),
        ({"total_amount": 911, "tax_included": True}, "/total_amount", "totals_mismatch"),
    ],
)
def test_sums_that_do_not_hold_what_the_items_tell_are_refused(api, stock, fields, pointer, code):
    stock(cup=9)
    item = {"product_id": "cup", "quantity": 3, "amount": 1000, "discount_amount": 100, "tax_amount": 10}

    response = api.post(
        "/api/v1/orders", {"customer_id": "c", "items": [item], **fields}, content_type="application/json"
    )

    problem = assert_refused(response, 400 if code == "validation_error" else 422, code)
    assert problem["errors"][0]["pointer"] == pointer


def test_a_discount_of_more_than_the_item_costs_is_refused(api, stock):
    stock(cup=9)
    item = {"product_id": "cup", "quantity": 1, "unit_amount": 100, "discount_amount": 101}

    response = api.post("/api/v1/orders", {"customer_id": "c", "items": [item]}, content_type="application/json")

    problem = assert_refused(response, 400, "validation_error")
    assert problem["errors"][0]["pointer"] == "/items/0/discount_amount"


def test_an_amended_quantity_takes_its_part_of_amount_discount_and_tax(api, storefront):
    order = sell(api, {"product_id": "cup", "quantity": 3, "amount": 1000, "discount_amount": 100, "tax_amount": 90})

    fewer = done(api, order["id"], "amend", items=of(order, "cup", 1))

    (item,) = fewer["items"]
    assert (item["amount"], item["discount_amount"], item["tax_amount"]) == (334, 34, 30)
    assert (fewer["discount_amount"], fewer["tax_amount"], fewer["total_amount"]) == (34, 30, 330)


def test_what_is_canceled_once_nothing_is_owed_is_credited_with_nothing(api, paid):
    order = paid(CUPS)
    refunded = done(api, order["id"], "request_refund", amount=2000)
    assert (credits_of(refunded), refunded["due_amount"]) == ([("goodwill", 2000)], 0)

    canceled = done(api, order["id"], "cancel", items=of(order, "cup", 1))

    assert (credits_of(canceled), canceled["due_amount"]) == ([("goodwill", 2000)], 0)
