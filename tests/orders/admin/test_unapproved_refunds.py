"""Money that was given back without the approval it needs is recorded, as facts are, and told until somebody acts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from orders.doctor import Extent, Severity, examine
from orders.models import Order, PaymentRecord, Refund, Storefront
from tests.base import perform
from tests.orders.admin.conftest import do_operation, filled_in, operation_page, page_of
from tests.orders.asking import sell

FLAGGED = "/admin/orders/paymentrecord/"
PILL = ">Not approved</span>"


@pytest.fixture
def paid(sold: Any) -> Order:
    """An order of 30.00, paid, whose storefront wants refunds beyond 5.00 approved."""
    Storefront.objects.update(refund_approval_above=500)
    order: Order = sold()
    perform("record_payment", order.pk, kind="capture", amount=3000, psp="acme", psp_reference="pi_1")
    order.refresh_from_db()
    return order


def pay_back(order: Order, amount: int = 2000, **asked: Any) -> None:
    perform("record_payment", order.pk, kind="refund", amount=amount, psp="acme", psp_reference="re_1", **asked)


def flagged(browser: Client) -> list[str]:
    payments = browser.get(FLAGGED).context["cl"].result_list
    return [f"{payment.order.number} {payment.psp_reference}" for payment in payments]


def why(browser: Client) -> str:
    return browser.get(FLAGGED).content.decode().split("field-why")[1].split(">")[1].split("<")[0]


def cards(browser: Client) -> dict[str, tuple[str, str]]:
    return {card.title: (card.shown, card.href) for card in browser.get("/admin/").context["cards"]}


def doctor() -> set[str]:
    return {finding.code for finding in examine(Extent()).of(Severity.WARNING)}


def test_the_form_offers_approved_refunds_alone_and_takes_no_other(admin, colleague, paid):
    do_operation(admin, paid, "request_refund", amount="20")
    (refund,) = Refund.objects.all()
    payment = {"kind": "refund", "amount": "20", "psp": "acme", "psp_reference": "re_1"}

    waiting = admin.get(operation_page(paid, "record_payment")).context["form"]
    forged = filled_in(admin, paid, "record_payment") | payment | {"refund_id": str(refund.pk)}
    admin.post(operation_page(paid, "record_payment"), forged)
    after_forged = Refund.objects.get().state
    approved = approve(colleague, paid, refund)

    assert "refund_id" not in waiting.fields
    # The fact is recorded, and fits the one that was requested; that settles it only once somebody agrees.
    assert (after_forged, approved) == ("requested", ["settled"])


def approve(browser: Client, order: Order, refund: Refund) -> list[str]:
    order.refresh_from_db()
    browser.post(operation_page(order, "approve_refund"), {"version": order.version, "part": str(refund.pk)})
    return list(Refund.objects.values_list("state", flat=True))


@pytest.mark.parametrize("decided", [None, "reject_refund"])
def test_what_is_paid_out_unapproved_is_flagged_until_somebody_approves(admin, colleague, paid, decided):
    do_operation(admin, paid, "request_refund", amount="20")
    (refund,) = Refund.objects.all()
    if decided:
        perform(decided, paid.pk, by="staff:eve")

    pay_back(paid, refund_id=refund.pk)

    refund.refresh_from_db()
    assert (refund.state, refund.settled_amount) == ("rejected" if decided else "requested", 2000)
    assert PILL in admin.get(page_of(paid)).content.decode()
    assert flagged(admin) == [f"{paid.number} re_1"]
    assert why(admin) == (
        "Its refund was rejected by eve" if decided else "Nobody has approved its refund, requested by ann"
    )
    User.objects.update(first_name="Ann", last_name="Smith")
    assert why(admin).endswith("by Ann Smith")
    assert cards(admin)["Refunds nobody approved"] == ("1", FLAGGED)
    assert doctor() == {"refund_paid_unapproved"}

    assert approve(admin, paid, refund) == [refund.state]  # nobody agrees to their own
    assert approve(colleague, paid, refund) == ["settled"]

    assert flagged(admin) == []
    assert PILL not in admin.get(page_of(paid)).content.decode()
    assert "Refunds nobody approved" not in cards(admin)
    assert doctor() == set()


def test_what_nobody_asked_for_is_recorded_and_flagged_until_it_is_taken_back(admin, paid):
    pay_back(paid)

    paid.refresh_from_db()
    assert (paid.refunded_amount, Refund.objects.count()) == (2000, 0)
    assert PILL in admin.get(page_of(paid)).content.decode()
    assert flagged(admin) == [f"{paid.number} re_1"]
    assert why(admin) == "Nobody had asked for it"
    assert doctor() == {"refund_not_asked_for"}

    perform("correct_payment", paid.pk, payment_id=PaymentRecord.objects.get(kind="refund").pk, reason="mistyped")

    assert flagged(admin) == []
    assert doctor() == set()


def test_what_nobody_asked_for_is_told_for_thirty_days(admin, paid):
    pay_back(paid)
    # A fact is never changed: it is made to have been recorded long ago by being recorded again, as it was.
    (fact,) = PaymentRecord.objects.filter(kind="refund")
    fact.pk, fact.psp_reference = type(fact)._meta.pk.get_default(), "re_0"
    fact.recorded_at -= timedelta(days=31)
    fact.save(force_insert=True)

    assert flagged(admin) == [f"{paid.number} re_1"]


@pytest.mark.parametrize("limit", [None, 2000], ids=["no limit", "within the limit"])
def test_what_needs_no_approval_is_not_flagged(admin, paid, limit):
    Storefront.objects.update(refund_approval_above=limit)

    pay_back(paid)

    assert flagged(admin) == []
    assert PILL not in admin.get(page_of(paid)).content.decode()
    assert doctor() == set()


def test_a_payment_in_another_currency_than_the_limit_is_always_looked_at(admin, paid):
    Storefront.objects.update(refund_approval_above=1_000_000, currency="NZD")

    pay_back(paid)

    assert flagged(admin) == [f"{paid.number} re_1"]


def test_an_approved_refund_is_paid_out_without_a_flag(admin, colleague, paid):
    do_operation(admin, paid, "request_refund", amount="20")
    (refund,) = Refund.objects.all()
    approve(colleague, paid, refund)

    pay_back(paid)

    assert Refund.objects.get().state == "settled"
    assert flagged(admin) == []


def test_history_from_a_file_is_not_flagged(admin, paid):
    perform("record_payment", paid.pk, kind="refund", amount=2000, psp="import", psp_reference="x/refunded/2000")

    assert flagged(admin) == []


def test_who_is_limited_to_storefronts_is_told_of_theirs(staff, client_of, paid, other_storefront):
    Storefront.objects.update(refund_approval_above=500)
    foreign = Order.objects.get(pk=sell(client_of(other_storefront))["id"])
    perform("record_payment", foreign.pk, kind="refund", amount=2000, psp="acme", psp_reference="re_9")
    pay_back(paid)
    finance = staff("finance")
    User.objects.get(username="finance").storefronts.set([paid.storefront])

    assert flagged(finance) == [f"{paid.number} re_1"]
    assert cards(finance)["Refunds nobody approved"][0] == "1"


def test_the_list_is_for_who_sees_orders(staff):
    assert staff(permissions=["view_stock"]).get(FLAGGED).status_code == 403
