"""A canceled order is reinstated as it was before, while its stock can be held and no money has gone back."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command
from django.db import connection

from events.models import Event
from inventory_client.models import Reservation, Stock
from inventory_client.stock import set_stock_levels
from orders import operations
from orders.doctor import Extent, Severity, examine
from orders.models import Order, Storefront
from orders.rules.errors import InventoryDown
from tests.base import perform
from tests.chaos.promises import broken_promises
from tests.orders.asking import ask, counts, done, event_count, item_ids, last_event, read, reserved, sell
from tests.orders.refusals import assert_refused


def reinstate(api, order_id, **asked):
    return done(api, order_id, "reinstate", reason="they want it after all", **asked)


def pay(api, order_id, kind="capture", amount=3000):
    return done(api, order_id, "record_payment", kind=kind, amount=amount, psp_reference=f"{kind}-{amount}")


def money(order):
    names = ("credited_amount", "canceled_amount", "due_amount", "balance_amount", "payment_status")
    return {name.removesuffix("_amount"): order[name] for name in names}


def tell_as_earlier_releases_did():
    """Their events had no settled amount of a refund. Events are never changed, so they are written anew."""
    events = list(Event.objects.order_by("pk"))
    for event in events:
        event.data = without(event.data, "settled_amount")
    with connection.cursor() as cursor:
        cursor.execute(f"truncate {Event._meta.db_table}")
    Event.objects.bulk_create(events)


def without(value, name):
    if isinstance(value, dict):
        return {key: without(part, name) for key, part in value.items() if key != name}
    return [without(part, name) for part in value] if isinstance(value, list) else value


def test_a_pending_order_is_pending_again_on_a_new_hold(api, storefront):
    order = sell(api)
    first = Order.objects.get().reservation_id
    done(api, order["id"], "cancel", cause="fraud")
    assert reserved() == {}

    after = reinstate(api, order["id"])

    assert (after["status"], after["cancel_reason"]) == ("pending", None)
    assert after["reserved_until"] > order["reserved_until"]
    assert counts(after, "canceled") == {"cup": 0, "plate": 0}
    assert money(after) == money(order)
    assert [(credit["cause"], credit["amount"]) for credit in after["credits"]] == [
        ("canceled", 3000),
        ("reinstated", -3000),
    ]
    assert Order.objects.get().reservation_id != first
    assert (reserved(), Reservation.objects.filter(state="held").count()) == ({"cup": 2, "plate": 1}, 1)
    assert broken_promises() == {}


def test_a_confirmed_order_is_confirmed_again_and_its_refund_is_withdrawn(api, storefront):
    order = sell(api)
    pay(api, order["id"])
    confirmed = done(api, order["id"], "confirm")
    canceled = done(api, order["id"], "cancel")
    (refund,) = canceled["refunds"]
    assert (refund["state"], money(canceled)["balance"]) == ("approved", -3000)

    after = reinstate(api, order["id"])

    assert (after["status"], money(after)) == ("confirmed", money(confirmed))
    assert after["refunds"][0]["state"] == "rejected"
    (instruction,) = last_event(order["id"]).data["instructions"]
    assert instruction == {
        "kind": "withdraw_refund",
        "refund_id": refund["id"],
        "amount": 3000,
        "currency": "AUD",
        "payments": [{"psp": "", "psp_reference": "capture-3000", "amount": 3000}],
    }
    assert Reservation.objects.get(state="confirmed").pk == Order.objects.get().reservation_id
    assert operations.expire_orders(now=Order.objects.get().updated_at.replace(year=2200)) == 0
    shipped = done(api, order["id"], "ship")
    assert shipped["status"] == "shipped"
    assert broken_promises() == {}


def test_a_refund_that_waits_for_approval_is_withdrawn_without_a_word_to_the_provider(api, storefront):
    storefront.refund_approval_above = 0
    storefront.save()
    order = sell(api)
    pay(api, order["id"])
    assert done(api, order["id"], "cancel")["refunds"][0]["state"] == "requested"

    after = reinstate(api, order["id"])

    assert (after["status"], after["refunds"][0]["state"]) == ("pending", "rejected")
    assert last_event(order["id"]).data["instructions"] == []
    assert done(api, order["id"], "request_refund", amount=100)["refunds"][1]["amount"] == 100


def test_once_money_has_gone_back_it_stays_canceled(api, storefront):
    order = sell(api)
    pay(api, order["id"])
    refund = done(api, order["id"], "cancel")["refunds"][0]["id"]
    fact = {"kind": "refund", "amount": 1000, "psp_reference": "re_1", "refund_id": refund}
    canceled = done(api, order["id"], "record_payment", **fact)

    problem = assert_refused(ask(api, order["id"], "reinstate", reason="after all"), 409, "refund_paid_out")

    assert problem["refunded"] == 1000
    assert (read(api, order["id"]), reserved()) == (canceled, {})
    actions = {row["operation"]: row for row in api.get(f"/api/v1/orders/{order['id']}/actions").json()["actions"]}
    assert [reason["code"] for reason in actions["reinstate"]["reasons"]] == ["refund_paid_out"]


def test_an_earlier_refund_that_fails_does_not_make_up_for_one_that_is_paid_out(api, storefront):
    order = sell(api)
    pay(api, order["id"])
    earlier = done(api, order["id"], "request_refund", amount=500)["refunds"][0]["id"]
    fact = {"kind": "refund", "amount": 500, "psp_reference": "re_1", "refund_id": earlier}
    done(api, order["id"], "record_payment", **fact)
    refund = done(api, order["id"], "cancel")["refunds"][1]["id"]
    done(api, order["id"], "record_payment", **{**fact, "kind": "refund_failed"})
    paid = {"kind": "refund", "amount": 400, "psp_reference": "re_2", "refund_id": refund}
    canceled = done(api, order["id"], "record_payment", **paid)

    problem = assert_refused(ask(api, order["id"], "reinstate", reason="after all"), 409, "refund_paid_out")

    assert problem["refunded"] == 400
    assert (read(api, order["id"]), reserved()) == (canceled, {})


def test_money_that_went_back_for_no_refund_in_particular_is_told_from_what_went_back_earlier(api, storefront):
    order = sell(api)
    pay(api, order["id"])
    earlier = done(api, order["id"], "request_refund", amount=500)["refunds"][0]["id"]
    fact = {"kind": "refund", "amount": 500, "psp_reference": "re_1", "refund_id": earlier}
    done(api, order["id"], "record_payment", **fact)
    assert len(done(api, order["id"], "cancel", amount=0)["refunds"]) == 1
    done(api, order["id"], "record_payment", kind="refund", amount=400, psp_reference="re_2")

    problem = assert_refused(ask(api, order["id"], "reinstate", reason="after all"), 409, "refund_paid_out")

    assert (problem["refunded"], reserved()) == (400, {})


def test_each_refund_is_withdrawn_from_the_payments_it_was_to_be_paid_out_of(api, storefront):
    order = sell(api)
    pay(api, order["id"])
    done(api, order["id"], "cancel")
    first = last_event(order["id"]).data["instructions"]
    done(api, order["id"], "record_payment", kind="capture", amount=500, psp="stripe", psp_reference="pi_late")
    done(api, order["id"], "request_refund")
    second = last_event(order["id"]).data["instructions"]

    reinstate(api, order["id"])

    told = [{**instruction, "kind": "withdraw_refund"} for instruction in [*second, *first]]
    assert last_event(order["id"]).data["instructions"] == told
    assert [[payment["psp_reference"] for payment in each["payments"]] for each in told] == [
        ["pi_late"],
        ["capture-3000"],
    ]


def test_a_withdrawn_refund_that_was_on_its_way_makes_the_order_unpaid_and_not_free(api, storefront):
    order = sell(api)
    pay(api, order["id"])
    refund = done(api, order["id"], "cancel")["refunds"][0]["id"]
    reinstated = reinstate(api, order["id"])
    fact = {"kind": "refund", "amount": 3000, "psp_reference": "re_1", "refund_id": refund}

    paid_out = done(api, order["id"], "record_payment", **fact)

    assert (paid_out["refunds"][0]["state"], paid_out["credits"]) == ("rejected", reinstated["credits"])
    assert (paid_out["due_amount"], paid_out["balance_amount"], paid_out["payment_status"]) == (3000, 3000, "refunded")
    wrong = paid_out["payments"][-1]["id"]
    corrected = done(api, order["id"], "correct_payment", payment_id=wrong, reason="another order's")
    assert (corrected["refunds"], money(corrected)) == (reinstated["refunds"], money(reinstated))
    assert broken_promises() == {}


def test_goodwill_of_a_refund_that_was_paid_before_and_approved_after_the_cancellation_is_drawn_anew(
    api, client_of, storefront
):
    Storefront.objects.update(refund_approval_above=0)
    order = sell(api)
    pay(api, order["id"])
    refund = done(api, order["id"], "request_refund", amount=500)["refunds"][0]["id"]
    fact = {"kind": "refund", "amount": 500, "psp_reference": "re_1", "refund_id": refund}
    done(api, order["id"], "record_payment", **fact)
    done(api, order["id"], "cancel")
    approved = done(client_of(storefront), order["id"], "approve_refund", refund_id=refund)
    assert (approved["refunds"][0]["state"], approved["refunds"][0]["goodwill_amount"]) == ("settled", 0)

    after = reinstate(api, order["id"])

    assert (after["refunds"][0]["state"], after["refunds"][0]["goodwill_amount"]) == ("settled", 500)
    assert (after["due_amount"], after["balance_amount"]) == (2500, 0)
    assert broken_promises() == {}


def test_what_was_refunded_before_it_was_canceled_is_no_hindrance(api, storefront):
    order = sell(api)
    pay(api, order["id"])
    refund = done(api, order["id"], "request_refund", amount=500)["refunds"][0]["id"]
    fact = {"kind": "refund", "amount": 500, "psp_reference": "re_1", "refund_id": refund}
    before = done(api, order["id"], "record_payment", **fact)
    done(api, order["id"], "cancel")

    after = reinstate(api, order["id"])

    assert (
        money(after)
        == money(before)
        == {
            "credited": 500,
            "canceled": 0,
            "due": 2500,
            "balance": 0,
            "payment_status": "partially_refunded",
        }
    )
    assert [refund["state"] for refund in after["refunds"]] == ["settled", "rejected"]
    assert broken_promises() == {}


def test_what_was_refunded_before_is_known_of_events_that_tell_only_the_state_of_a_refund(api, storefront):
    order = sell(api)
    pay(api, order["id"])
    refund = done(api, order["id"], "request_refund", amount=500)["refunds"][0]["id"]
    fact = {"kind": "refund", "amount": 500, "psp_reference": "re_1", "refund_id": refund}
    done(api, order["id"], "record_payment", **fact)
    done(api, order["id"], "cancel")
    tell_as_earlier_releases_did()

    assert reinstate(api, order["id"])["status"] == "pending"


def test_what_was_canceled_earlier_stays_canceled(api, storefront):
    order = sell(api)
    before = done(api, order["id"], "cancel", items=[{"item_id": item_ids(order)["cup"], "quantity": 1}], amount=700)
    done(api, order["id"], "cancel")

    after = reinstate(api, order["id"])

    assert (counts(after, "canceled"), reserved()) == ({"cup": 1, "plate": 0}, {"cup": 1, "plate": 1})
    assert money(after) == money(before)
    assert money(after)["credited"] == 700
    assert broken_promises() == {}
    again = done(api, order["id"], "cancel")
    assert (again["status"], again["due_amount"], reserved()) == ("canceled", 300, {})
    assert reinstate(api, order["id"])["due_amount"] == 2300


def test_no_hold_is_asked_for_an_item_that_was_canceled_whole_earlier(api, storefront):
    order = sell(api)
    done(api, order["id"], "cancel", items=[{"item_id": item_ids(order)["plate"], "quantity": 1}])
    done(api, order["id"], "cancel")

    after = reinstate(api, order["id"])

    assert counts(after, "canceled") == {"cup": 0, "plate": 1}
    hold = Reservation.objects.get(state="held")
    assert (hold.product_ids, hold.quantities) == (["cup"], [2])


def test_goodwill_given_since_is_taken_back_with_its_refund(api, storefront):
    order = sell(api)
    pay(api, order["id"])
    before = done(api, order["id"], "confirm")
    done(api, order["id"], "cancel", amount=2000)
    canceled = done(api, order["id"], "request_refund", amount=1000)
    assert [credit["cause"] for credit in canceled["credits"]] == ["canceled", "goodwill"]

    after = reinstate(api, order["id"])

    assert money(after) == money(before)
    assert {refund["state"] for refund in after["refunds"]} == {"rejected"}
    assert broken_promises() == {}


def test_without_stock_it_stays_canceled(api, storefront):
    order = sell(api)
    canceled = done(api, order["id"], "cancel")
    set_stock_levels({"cup": 1})
    events = event_count()

    problem = assert_refused(ask(api, order["id"], "reinstate", reason="after all"), 409, "out_of_stock")

    assert "The order stays canceled" in problem["detail"]
    assert (read(api, order["id"]), reserved(), event_count()) == (canceled, {}, events)


def test_an_expired_order_can_be_reinstated(api, storefront):
    order = sell(api)
    Order.objects.update(reserved_until=Order.objects.get().placed_at)
    assert operations.expire_orders(now=Order.objects.get().placed_at.replace(year=2200)) == 1

    assert reinstate(api, order["id"])["status"] == "pending"


def test_an_order_that_is_paid_meanwhile_is_confirmed_by_its_storefronts_policy(api, storefront):
    storefront.confirmation_policy = "on_payment"
    storefront.save()
    order = sell(api)
    done(api, order["id"], "cancel")
    assert pay(api, order["id"])["payments"][0]["late"] is True

    after = reinstate(api, order["id"])

    assert (after["status"], after["payment_status"]) == ("confirmed", "paid")
    assert broken_promises() == {}


def test_the_same_request_again_is_one_reinstatement(api, storefront):
    order = sell(api)
    done(api, order["id"], "cancel")
    headers = {"Idempotency-Key": "again"}

    first, second = (done(api, order["id"], "reinstate", headers, reason="after all") for _ in range(2))

    assert first == second
    assert (reserved(), Reservation.objects.count()) == ({"cup": 2, "plate": 1}, 2)
    assert_refused(ask(api, order["id"], "reinstate", reason="once more"), 409, "not_allowed_in_status")


def test_what_the_ledger_counts_too_low_is_a_refusal_in_words_until_it_is_counted_anew(api, storefront):
    order = sell(api)
    Stock.objects.filter(pk="cup").update(reserved=1)
    canceled = done(api, order["id"], "cancel")

    problem = assert_refused(ask(api, order["id"], "reinstate", reason="after all"), 503, "inventory_unavailable")

    assert "The inventory counts fewer units as reserved than are to be given back." in problem["detail"]
    assert "`manage.py reconcile_stock --repair`" in problem["detail"]
    assert problem["detail"].endswith("The order stays canceled.")
    assert read(api, order["id"]) == canceled
    assert operations.settle_orders() == (0, 1)
    found = {finding.code for severity in Severity for finding in examine(Extent()).of(severity)}
    assert found == {"stock_not_as_reservations", "upkeep_fails"}
    call_command("reconcile_stock", "--repair", stdout=io.StringIO())
    assert reinstate(api, order["id"])["status"] == "pending"
    assert broken_promises() == {}


def test_a_deleted_order_is_restored_only_once_its_stock_is_counted_anew(api, storefront):
    order = sell(api)
    Stock.objects.filter(pk="cup").update(reserved=1)
    api.delete(f"/api/v1/orders/{order['id']}")

    with pytest.raises(InventoryDown, match=r"reconcile_stock --repair.*The order stays deleted\.$"):
        perform("restore", order["id"])


def test_a_rehearsal_holds_nothing(api, storefront):
    order = sell(api)
    canceled = done(api, order["id"], "cancel")

    rehearsed = done(api, order["id"], "reinstate", {"Prefer": "dry-run"}, reason="after all")

    assert rehearsed["order"]["status"] == "pending"
    assert rehearsed["stock"] == {"cup": 2, "plate": 1}
    assert (read(api, order["id"]), reserved()) == (canceled, {})


@pytest.mark.parametrize(
    ("steps", "left"),
    [([], {"cup": 2, "plate": 1}), (["confirm"], {"cup": 2, "plate": 1}), (["confirm", "ship"], {})],
    ids=["pending", "confirmed", "shipped"],
)
def test_only_a_canceled_order_is_reinstated(api, storefront, steps, left):
    order = sell(api)
    for step in steps:
        order = done(api, order["id"], step)

    problem = assert_refused(ask(api, order["id"], "reinstate", reason="why not"), 409, "not_allowed_in_status")

    assert problem["allowed"] == ["canceled"]
    assert reserved() == left
