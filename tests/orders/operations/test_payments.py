"""What the payment provider did is recorded, once and whatever has become of the order."""

from __future__ import annotations

import pytest

from inventory_client.models import Reservation
from orders.models import Order, PaymentRecord, Storefront
from tests.base import perform
from tests.orders.asking import ask, done, event_count, item_ids, last_event, read, reserved, sell
from tests.orders.refusals import assert_refused

MAX = 2**53 - 1


def pay(api, order_id, *facts, **more):
    """Record each (kind, amount) under a reference of its own; the last answer."""
    for number, (kind, amount) in enumerate(facts):
        response = ask(
            api, order_id, "record_payment", kind=kind, amount=amount, psp_reference=f"{kind}-{number}", **more
        )
        assert response.status_code == 200, response.content
    return response.json()


# --- recorded ----------------------------------------------------------------------------------------


def test_a_fact_is_recorded_with_what_the_provider_told(api, storefront):
    placed = sell(api)

    response = ask(
        api,
        placed["id"],
        "record_payment",
        kind="capture",
        amount=3000,
        psp="stripe",
        psp_reference="pi_1",
        currency="AUD",
        occurred_at="2026-02-01T10:00:00+10:00",
        reason="webhook evt_1",
    )

    order = response.json()
    assert (response.status_code, response.headers["ETag"]) == (200, '"2"')
    assert order == read(api, placed["id"])
    (payment,) = order["payments"]
    assert payment == {
        "id": payment["id"],
        "kind": "capture",
        "amount": 3000,
        "currency": "AUD",
        "psp": "stripe",
        "psp_reference": "pi_1",
        "parent_reference": None,
        "refund_id": None,
        "corrects": None,
        "late": False,
        "occurred_at": "2026-02-01T00:00:00.000000Z",
        "recorded_at": payment["recorded_at"],
    }
    assert (order["captured_amount"], order["balance_amount"], order["payment_status"]) == (3000, 0, "paid")
    assert order["status"] == "pending"
    event = last_event(placed["id"])
    assert (event.type, event.data["operation"], event.told_reason) == (
        "order.updated",
        "record_payment",
        "webhook evt_1",
    )
    assert event.data["changes"] == {
        "payments": [[], [payment]],
        "captured_amount": [0, 3000],
        "balance_amount": [3000, 0],
        "payment_status": ["unpaid", "paid"],
    }


@pytest.mark.parametrize(
    "again",
    [{}, {"reason": "sent twice"}, {"currency": "AUD"}, {"occurred_at": "2026-02-01T10:00:00Z"}],
)
def test_the_same_fact_again_is_no_version_and_no_event(api, storefront, again):
    placed = sell(api)
    fact = {"kind": "capture", "amount": 3000, "psp": "stripe", "psp_reference": "pi_1"}
    first = done(api, placed["id"], "record_payment", **fact)

    response = ask(api, placed["id"], "record_payment", **fact, **again)

    assert (response.status_code, response.json(), response.headers["ETag"]) == (200, first, '"2"')
    assert (PaymentRecord.objects.count(), event_count()) == (1, 2)


@pytest.mark.parametrize(
    "other",
    [{"kind": "refund", "amount": 10}, {"psp": "adyen"}, {"psp": ""}, {"psp_reference": "pi_2"}],
)
def test_kind_provider_and_reference_tell_facts_apart(api, storefront, other):
    placed = sell(api)
    fact = {"kind": "capture", "amount": 3000, "psp": "stripe", "psp_reference": "pi_1"}
    done(api, placed["id"], "record_payment", **fact)

    order = done(api, placed["id"], "record_payment", **{**fact, **other})

    assert (len(order["payments"]), order["version"]) == (2, 3)


def test_the_same_reference_with_another_amount_is_a_conflict(api, storefront):
    placed = sell(api)
    before = pay(api, placed["id"], ("capture", 3000))

    response = ask(api, placed["id"], "record_payment", kind="capture", amount=2999, psp_reference="capture-0")

    problem = assert_refused(response, 409, "payment_conflict")
    assert problem["errors"][0]["pointer"] == "/psp_reference"
    assert read(api, placed["id"]) == before
    assert (PaymentRecord.objects.count(), event_count()) == (1, 2)


def test_the_same_reference_in_another_currency_is_a_conflict(api, storefront):
    placed = sell(api)
    before = pay(api, placed["id"], ("capture", 3000))

    response = ask(
        api, placed["id"], "record_payment", kind="capture", amount=3000, psp_reference="capture-0", currency="NZD"
    )

    assert_refused(response, 409, "payment_conflict")
    assert read(api, placed["id"]) == before


def test_the_same_reference_for_another_order_is_a_conflict(api, storefront):
    first, second = sell(api), sell(api)
    pay(api, first["id"], ("capture", 3000))

    response = ask(api, second["id"], "record_payment", kind="capture", amount=3000, psp_reference="capture-0")

    assert_refused(response, 409, "payment_conflict")
    assert read(api, second["id"]) == second


def test_another_storefront_s_references_are_its_own(api, client_of, other_storefront, storefront):
    first = sell(api)
    pay(api, first["id"], ("capture", 3000))
    foreign = client_of(other_storefront)

    order = pay(foreign, sell(foreign)["id"], ("capture", 3000))

    assert (order["storefront"], order["captured_amount"]) == ("nz", 3000)


# --- late --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "late"),
    [("authorization", True), ("capture", True), ("void", False), ("refund", False), ("chargeback", False)],
)
def test_money_that_comes_in_for_a_canceled_order_is_recorded_as_late(api, storefront, kind, late):
    placed = sell(api)
    done(api, placed["id"], "cancel")

    order = pay(api, placed["id"], (kind, 3000))

    assert [payment["late"] for payment in order["payments"]] == [late]
    assert (order["status"], order["version"]) == ("canceled", 3)
    assert last_event(placed["id"]).data["changes"]["payments"] == [[], order["payments"]]


def test_what_was_paid_too_late_can_be_refunded(api, storefront):
    placed = sell(api)
    done(api, placed["id"], "cancel")
    late = pay(api, placed["id"], ("capture", 3000))

    order = done(api, placed["id"], "request_refund")

    assert (late["payment_status"], late["balance_amount"]) == ("overpaid", -3000)
    assert [refund["amount"] for refund in order["refunds"]] == [3000]


def test_a_payment_for_a_deleted_order_is_recorded_and_leaves_it_deleted(api, storefront):
    Storefront.objects.update(confirmation_policy="on_payment")
    placed = sell(api)
    api.delete(f"/api/v1/orders/{placed['id']}")

    response = ask(api, placed["id"], "record_payment", kind="capture", amount=3000, psp_reference="pi_1")
    again = ask(api, placed["id"], "record_payment", kind="capture", amount=3000, psp_reference="pi_1")

    assert (response.status_code, again.status_code) == (200, 200)
    assert (response.json()["status"], response.json()["version"]) == ("pending", 3)
    assert PaymentRecord.objects.get().late is True
    assert again.content == response.content
    assert_refused(api.get(f"/api/v1/orders/{placed['id']}"), 404, "order_not_found")
    order = Order.all_objects.get()
    assert (order.captured_amount, order.payment_status, order.deleted_at is None) == (3000, "paid", False)
    assert (event_count(), Reservation.objects.get().state, reserved()) == (3, "released", {})


def test_a_restored_order_that_was_paid_meanwhile_is_confirmed_where_the_storefront_wants_that(api, storefront):
    Storefront.objects.update(confirmation_policy="on_payment")
    placed = sell(api)
    api.delete(f"/api/v1/orders/{placed['id']}")
    pay(api, placed["id"], ("capture", 3000))

    order = done(api, placed["id"], "restore")

    assert (order["status"], order["payment_status"]) == ("confirmed", "paid")
    assert Reservation.objects.get(state="confirmed").pk == Order.objects.get().reservation_id


# --- what it makes of the order ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "status", "balance"),
    [
        ([("authorization", 3000)], "authorized", 3000),
        ([("authorization", 1)], "authorized", 3000),
        ([("authorization", 3000), ("void", 3000)], "unpaid", 3000),
        ([("authorization", 3000), ("void", 1000)], "authorized", 3000),
        ([("void", 3000)], "unpaid", 3000),
        ([("authorization", 3000), ("capture", 1000)], "partially_paid", 2000),
        ([("capture", 3000)], "paid", 0),
        ([("capture", 1000), ("capture", 2000)], "paid", 0),
        ([("capture", 3500)], "overpaid", -500),
        ([("capture", 3500), ("refund", 500)], "paid", 0),
        ([("capture", 3000), ("refund", 1000)], "partially_refunded", 1000),
        ([("capture", 3000), ("refund", 1000), ("refund", 2000)], "refunded", 3000),
        ([("capture", 3000), ("chargeback", 3000)], "refunded", 3000),
        ([("capture", 3000), ("chargeback", 1000)], "partially_refunded", 1000),
        ([("capture", 3000), ("refund", 1000), ("chargeback", 3000)], "refunded", 4000),
        ([("refund", 1000)], "unpaid", 4000),
        ([("capture", 3000), ("refund", 3000), ("capture", 3000)], "paid", 0),
    ],
)
def test_the_payment_status_is_drawn_from_all_facts(api, storefront, facts, status, balance):
    order = pay(api, sell(api)["id"], *facts)

    assert (order["payment_status"], order["balance_amount"]) == (status, balance)


def test_the_order_in_which_facts_arrive_makes_no_difference(api, storefront):
    facts = [("authorization", 3000), ("capture", 3000), ("refund", 1000)]

    orders = [pay(api, sell(api)["id"], *found, psp=f"psp-{n}") for n, found in enumerate([facts, facts[::-1]])]

    sums = ("authorized_amount", "captured_amount", "refunded_amount", "balance_amount", "payment_status")
    assert [orders[0][name] for name in sums] == [orders[1][name] for name in sums]


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ([("authorization", 100)], "authorized"),
        ([("capture", 100)], "paid"),
        ([("capture", 100), ("refund", 40)], "partially_refunded"),
        ([("capture", 100), ("refund", 100)], "refunded"),
    ],
)
def test_without_prices_whatever_was_captured_is_what_was_due(api, place_order, facts, status):
    order = pay(api, place_order(cup=1)["id"], *facts)

    assert (order["payment_status"], order["balance_amount"]) == (status, None)


def test_canceled_units_are_not_due(api, storefront):
    placed = sell(api)
    done(api, placed["id"], "cancel", items=[{"item_id": item_ids(placed)["cup"], "quantity": 2}])

    order = pay(api, placed["id"], ("capture", 1000))

    assert (order["payment_status"], order["balance_amount"]) == ("paid", 0)


@pytest.mark.parametrize("status", ["pending", "confirmed", "shipped", "completed"])
def test_a_payment_is_recorded_in_every_status(api, storefront, status):
    order_id = sell(api)["id"]
    for name in ["confirm", "ship", "complete"][: ["pending", "confirmed", "shipped", "completed"].index(status)]:
        perform(name, order_id)

    order = pay(api, order_id, ("capture", 3000))

    assert (order["status"], order["payment_status"], order["payments"][0]["late"]) == (status, "paid", False)


# --- refused -----------------------------------------------------------------------------------------


def test_a_payment_in_another_currency_is_refused(api, storefront):
    before = sell(api)

    response = ask(api, before["id"], "record_payment", kind="capture", amount=1, psp_reference="p", currency="NZD")

    problem = assert_refused(response, 422, "currency_mismatch")
    assert (problem["expected"], problem["got"]) == ("AUD", "NZD")
    assert read(api, before["id"]) == before
    assert PaymentRecord.objects.count() == 0


@pytest.mark.parametrize(("told", "taken"), [("NZD", "NZD"), (None, "AUD")])
def test_an_order_without_a_currency_takes_that_of_its_first_payment(api, place_order, told, taken):
    order_id = place_order(cup=1)["id"]

    order = pay(api, order_id, ("capture", 100), currency=told)

    assert (order["currency"], order["payments"][0]["currency"]) == (taken, taken)


@pytest.mark.parametrize(("currency", "code"), [("QQQ", "unknown_currency"), ("A$", "wrong_format")])
def test_a_currency_that_is_none_is_refused(api, place_order, currency, code):
    before = place_order(cup=1)

    response = ask(api, before["id"], "record_payment", kind="capture", amount=1, psp_reference="p", currency=currency)

    problem = assert_refused(response, 400, "validation_error")
    assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == ("/currency", code)
    assert read(api, before["id"]) == before


@pytest.mark.parametrize("kind", ["authorization", "capture", "void", "chargeback"])
def test_only_a_refund_settles_a_refund(api, storefront, kind):
    placed = sell(api)
    pay(api, placed["id"], ("capture", 3000))
    before = done(api, placed["id"], "request_refund", amount=1000)

    response = ask(
        api,
        placed["id"],
        "record_payment",
        kind=kind,
        amount=1000,
        psp_reference="x",
        refund_id=before["refunds"][0]["id"],
    )

    problem = assert_refused(response, 400, "validation_error")
    assert problem["errors"][0]["pointer"] == "/refund_id"
    assert read(api, placed["id"]) == before


def test_a_refund_of_another_order_is_unknown(api, storefront):
    other, placed = sell(api), sell(api)
    pay(api, other["id"], ("capture", 3000), psp="stripe")
    other = done(api, other["id"], "request_refund", amount=1000)
    before = pay(api, placed["id"], ("capture", 3000))

    response = ask(
        api,
        placed["id"],
        "record_payment",
        kind="refund",
        amount=1000,
        psp_reference="re_1",
        refund_id=other["refunds"][0]["id"],
    )

    assert_refused(response, 422, "unknown_part")
    assert (read(api, placed["id"]), read(api, other["id"])) == (before, other)


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("authorization", "authorized_amount"),
        ("capture", "captured_amount"),
        ("refund", "refunded_amount"),
        ("chargeback", "charged_back_amount"),
    ],
)
def test_sums_beyond_what_is_exact_are_refused(api, storefront, kind, field):
    order_id = sell(api)["id"]
    before = pay(api, order_id, (kind, MAX))

    response = ask(api, order_id, "record_payment", kind=kind, amount=1, psp_reference="one-more")

    problem = assert_refused(response, 400, "validation_error")
    assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == ("/amount", "out_of_range")
    assert before[field] == MAX
    assert read(api, order_id) == before
    assert PaymentRecord.objects.count() == 1


def test_an_order_takes_very_many_payments(api, storefront):
    order_id = sell(api)["id"]
    pay(api, order_id, ("capture", 1))
    Order.objects.update(payment_count=32_767)

    order = pay(api, order_id, ("authorization", 1))

    assert len(order["payments"]) == 2
