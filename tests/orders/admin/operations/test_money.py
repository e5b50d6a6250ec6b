"""Payments and refunds on the order's page, in amounts as people write them."""

import pytest

from orders.models import Order, PaymentRecord, Refund
from tests.base import perform
from tests.orders.admin.conftest import do_operation, filled_in, messages_of, operation_page, page_of
from tests.orders.asking import last_event


@pytest.fixture
def paid(sold):
    """An order of 30.00 AUD that has been captured in full."""

    def make():
        order = sold()
        perform("record_payment", order.pk, kind="capture", amount=3000, psp="stripe", psp_reference="ch_1")
        order.refresh_from_db()
        return order

    return make


def test_records_what_the_payment_provider_did(admin, sold):
    order = sold()

    page = do_operation(
        admin, order, "record_payment", kind="capture", amount="12.5", psp="stripe", psp_reference="ch_1"
    )

    assert messages_of(page) == [f"{order.number} has a new payment record."]
    payment = PaymentRecord.objects.get()
    assert (payment.kind, payment.amount, payment.currency) == ("capture", 1250, "AUD")
    assert (payment.psp, payment.psp_reference, payment.late) == ("stripe", "ch_1", False)
    order.refresh_from_db()
    assert (order.captured_amount, order.payment_status) == (1250, "partially_paid")


def test_the_same_payment_again_is_no_change(admin, paid):
    order = paid()

    page = do_operation(admin, order, "record_payment", kind="capture", amount="30", psp="stripe", psp_reference="ch_1")

    assert messages_of(page) == [f"{order.number} was like this already; nothing has been changed."]
    assert PaymentRecord.objects.count() == 1


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("", "This field is required."),
        ("twelve", "Write an amount of AUD such as 12.99."),
        ("12,99", "Write an amount of AUD such as 12.99."),
        ("1.999", "Write an amount of AUD such as 12.99."),
        ("-1", "Write an amount of AUD such as 12.99."),
        ("0.00", "Write an amount from 0.01 to 90071992547409.91."),
        ("90071992547409.92", "Write an amount from 0.01 to 90071992547409.91."),
    ],
)
def test_what_is_no_amount_is_refused_beside_its_field(admin, sold, amount, sentence):
    order = sold()

    page = do_operation(admin, order, "record_payment", kind="capture", amount=amount, psp_reference="ch_1")

    assert page.context["form"].errors == {"amount": [sentence]}
    assert not PaymentRecord.objects.exists()


def test_an_order_without_currency_takes_that_of_its_first_payment(admin, order_in):
    order = order_in("pending")

    do_operation(admin, order, "record_payment", amount="1300", currency="JPY", psp_reference="ch_1")

    payment = PaymentRecord.objects.get()
    assert (payment.amount, payment.currency) == (1300, "JPY")


def test_a_payment_for_a_canceled_or_deleted_order_is_recorded_and_shown_as_late(admin, sold):
    canceled, deleted = sold("cancel"), sold()
    perform("delete", deleted.pk)
    deleted.refresh_from_db()

    for number, order in enumerate((canceled, deleted)):
        do_operation(admin, order, "record_payment", amount="30.00", psp_reference=f"ch_{number}")

    assert list(PaymentRecord.objects.values_list("late", flat=True)) == [True, True]
    for order in (canceled, deleted):
        assert '<span class="pill pill-ended" title="It came when' in admin.get(page_of(order)).content.decode()


def test_a_payment_that_contradicts_another_is_refused(admin, paid):
    order = paid()

    page = do_operation(admin, order, "record_payment", amount="1.00", psp="stripe", psp_reference="ch_1")

    assert page.status_code == 409
    assert "has been recorded with" in page.content.decode()
    assert PaymentRecord.objects.count() == 1


def test_an_amount_that_is_not_owed_has_to_be_typed(admin, paid):
    order = paid()
    form = admin.get(operation_page(order, "request_refund")).context["form"]
    nothing = do_operation(admin, order, "request_refund")

    page = do_operation(admin, order, "request_refund", amount="30", reason="Came too late.")

    assert form["amount"].value() is None
    assert nothing.context["form"].non_field_errors() == ["Choose units or an amount."]
    assert messages_of(page) == [f"{order.number} has a new refund."]
    refund = Refund.objects.get()
    assert (refund.amount, refund.state, refund.requested_by) == (3000, "approved", "staff:ann")
    assert last_event(order.pk).data["instructions"][0]["amount"] == 3000


def test_more_than_can_be_refunded_is_refused_in_the_orders_currency(admin, paid):
    order = paid()

    page = do_operation(admin, order, "request_refund", amount="30.01")

    assert page.status_code == 409
    assert "30.01 AUD was asked for, but only 30.00 AUD can be refunded" in page.content.decode()
    assert not Refund.objects.exists()


def test_a_large_refund_waits_for_somebody_else(admin, staff, paid, storefront):
    storefront.refund_approval_above = 1000
    storefront.save()
    order = paid()
    do_operation(admin, order, "request_refund", amount="20")
    lead = staff("lead")
    order.refresh_from_db()

    own = admin.get(page_of(order)).context["refunds"]
    refused = admin.post(
        operation_page(order, "approve_refund"), {"version": order.version, "part": Refund.objects.get().pk}
    )
    others = lead.get(page_of(order)).context["refunds"]
    page = do_operation(lead, order, "approve_refund")

    assert [(button.title, button.refusal) for button in own[0]["buttons"]] == [
        ("Approve", "ann has requested this refund, so somebody else has to approve it."),
        ("Reject", ""),
    ]
    assert refused.status_code == 409
    assert "ann has requested this refund, so somebody else has to approve it." in refused.content.decode()
    assert [(button.title, button.refusal) for button in others[0]["buttons"]] == [("Approve", ""), ("Reject", "")]
    assert messages_of(page) == [f"{order.number} has an approved refund."]
    refund = Refund.objects.get()
    assert (refund.state, refund.decided_by) == ("approved", "staff:lead")


def test_of_several_refunds_the_chosen_one_is_rejected(admin, paid, storefront):
    storefront.refund_approval_above = 0
    storefront.save()
    order = paid()
    first = perform("request_refund", order.pk, by="key:shop", amount=100)["refunds"][0]["id"]
    perform("request_refund", order.pk, by="key:shop", amount=200)
    order.refresh_from_db()

    asked = admin.get(operation_page(order, "reject_refund"))
    unclear = admin.post(operation_page(order, "reject_refund"), {"version": order.version})
    do_operation(admin, order, "reject_refund", part=first)

    assert [part.label for part in asked.context["parts"]] == [
        "1.00 AUD, requested by an API key",
        "2.00 AUD, requested by an API key",
    ]
    assert asked.context["form"] is None
    assert unclear.status_code == 409
    assert "The order has 2 of them: choose which one is meant." in unclear.content.decode()
    assert list(Refund.objects.order_by("amount").values_list("amount", "state")) == [
        (100, "rejected"),
        (200, "requested"),
    ]


def test_a_refund_that_could_not_be_paid_out_can_be_refunded_anew(admin, paid):
    order = paid()
    perform("request_refund", order.pk, amount=3000)
    order.refresh_from_db()

    do_operation(admin, order, "fail_refund")

    assert Refund.objects.get().state == "failed"
    assert Order.objects.get(pk=order.pk).refundable_amount == 3000


def test_paying_a_refund_out_is_recorded_from_its_own_button(admin, paid):
    order = paid()
    perform("request_refund", order.pk, amount=500)
    order.refresh_from_db()
    refund = Refund.objects.get()

    (row,) = admin.get(page_of(order)).context["refunds"]
    form = admin.get(row["buttons"][-1].href).context["form"]
    filled = filled_in(admin, order, "record_payment", part=refund.pk)
    do_operation(admin, order, "record_payment", part=refund.pk, psp="stripe", psp_reference="re_1")

    assert [button.title for button in row["buttons"]] == ["Failed", "Paid out"]
    assert form["amount"].value() == "5.00"
    assert (filled["kind"], filled["refund_id"]) == ("refund", str(refund.pk))
    refund.refresh_from_db()
    assert refund.state == "settled"
    assert Order.objects.get(pk=order.pk).refunded_amount == 500
