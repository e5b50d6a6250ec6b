"""Refunds from the order's page: what is owed for a return or a cancellation, or units and shipping out of goodwill."""

import pytest

from orders.models import Credit, Order, Refund
from orders.requests.operations import Units
from tests.base import perform
from tests.orders.admin.conftest import do_operation, filled_in, messages_of, operation_page, units_of


@pytest.fixture
def paid(sold):
    """An order of 30.00 AUD that has been captured in full, of two cups, a plate and 5.00 of shipping."""

    def make(*operations):
        order = sold(*operations)
        perform("record_payment", order.pk, kind="capture", amount=3000, psp_reference=f"ch_{order.number}")
        order.refresh_from_db()
        return order

    return make


@pytest.fixture
def came_back(paid):
    """Of a paid order the plate has come back, opened; nothing is refunded yet."""
    order = paid("confirm", "ship")
    plate = order.items.get(product_id="plate").pk
    perform("request_return", order.pk, cause="other", items=[Units(plate, 1)])
    perform("approve_return", order.pk)
    perform("receive_return", order.pk)
    order.refresh_from_db()
    return order


def page_for(client, order, part=None):
    return client.get(operation_page(order, "request_refund"), {} if part is None else {"part": str(part)})


def refund_now(order):
    refund = Refund.objects.get()
    order.refresh_from_db()
    return refund


def cells(page):
    return [[str(cell) for cell in row] for row in page.context["form"].tables[0].rows]


def test_what_is_owed_for_a_return_is_filled_in_and_linked_to_it(admin, came_back):
    back = came_back.returns.get()
    page = page_for(admin, came_back)

    done = do_operation(admin, came_back, "request_refund")

    assert [part.label for part in page.context["parts"]] == [
        "5.00 AUD owed: 1 × plate came back: other",
        "Units the customer keeps, shipping, or another amount",
    ]
    assert page.context["form"]["amount"].value() == "5.00"
    assert cells(page) == [["plate", "1", "Opened"]]
    assert messages_of(done) == [f"{came_back.number} has a new refund."]
    refund = refund_now(came_back)
    assert (refund.amount, refund.part_of_id, refund.goodwill_amount) == (500, back.pk, 0)
    assert came_back.due_amount == came_back.kept_amount - 500


def test_it_can_be_less_and_the_rest_is_owed_still(admin, came_back):
    do_operation(admin, came_back, "request_refund", amount="3.50")
    came_back.refresh_from_db()

    page = page_for(admin, came_back)

    assert page.context["form"]["amount"].value() == "1.50"
    assert Refund.objects.get().amount == 350


def test_once_it_is_asked_for_nothing_is_owed_for_it_any_more(admin, came_back):
    do_operation(admin, came_back, "request_refund")
    came_back.refresh_from_db()

    page = page_for(admin, came_back)

    assert page.context["parts"] == []
    assert page.context["form"]["amount"].value() is None
    assert page_for(admin, came_back, came_back.returns.get().pk).status_code == 404


def test_what_is_owed_for_a_cancellation_is_linked_to_its_credit(admin, paid, storefront):
    order = paid("confirm")
    cup = order.items.get(product_id="cup").pk
    perform("cancel", order.pk, items=[Units(cup, 1)])
    perform("fail_refund", order.pk)  # what was to be paid out at once could not be
    order.refresh_from_db()
    credit = Credit.objects.get()
    page = page_for(admin, order)

    do_operation(admin, order, "request_refund")

    assert [part.label for part in page.context["parts"]][:1] == ["10.00 AUD owed: 1 × cup canceled"]
    assert cells(page) == [["cup", "1"]]
    refund = Refund.objects.get(state="approved")
    assert (refund.amount, refund.credit_id, refund.part_of_id) == (1000, credit.pk, None)


def send_back(order, product_id):
    perform("request_return", order.pk, cause="other", items=[Units(order.items.get(product_id=product_id).pk, 1)])
    perform("approve_return", order.pk)
    perform("receive_return", order.pk)
    order.refresh_from_db()


def test_a_cancellation_that_was_refunded_is_not_offered_beside_what_came_back_later(admin, paid):
    order = paid("confirm")
    perform("cancel", order.pk, items=[Units(order.items.get(product_id="cup").pk, 1)])
    perform("ship", order.pk)
    send_back(order, "cup")

    page = page_for(admin, order)

    assert [part.label for part in page.context["parts"]] == [
        "10.00 AUD owed: 1 × cup came back: other",
        "Units the customer keeps, shipping, or another amount",
    ]


def test_a_cancellation_that_was_taken_back_is_not_offered(admin, paid):
    order = paid("confirm")
    perform("cancel", order.pk)
    perform("reinstate", order.pk, reason="by mistake")
    perform("ship", order.pk)
    send_back(order, "plate")

    page = page_for(admin, order)

    assert [part.label for part in page.context["parts"]][:-1] == ["5.00 AUD owed: 1 × plate came back: other"]


def test_all_that_is_offered_together_is_no_more_than_is_over(admin, sold):
    order = sold("confirm", "ship")
    perform("record_payment", order.pk, kind="capture", amount=2200, psp_reference="ch_1")
    for product_id in ("plate", "cup"):
        send_back(order, product_id)

    page = page_for(admin, order)

    assert [part.label for part in page.context["parts"]][:-1] == ["7.00 AUD owed: 1 × cup came back: other"]


def test_no_more_is_owed_than_was_paid_for_it(admin, sold):
    order = sold("confirm", "ship")
    perform("record_payment", order.pk, kind="capture", amount=2700, psp_reference="ch_1")
    perform("request_return", order.pk, cause="other", items=[Units(order.items.get(product_id="plate").pk, 1)])
    perform("approve_return", order.pk)
    perform("receive_return", order.pk)
    order.refresh_from_db()

    page = page_for(admin, order)

    assert page.context["form"]["amount"].value() == "2.00"


def test_units_the_customer_keeps_and_shipping_are_worth_what_they_cost(admin, paid):
    order = paid("confirm", "ship")

    page = do_operation(
        admin, order, "request_refund", part="", shipping_amount="2.00", **{units_of(order, "cup"): "1"}
    )

    assert messages_of(page) == [f"{order.number} has a new refund."]
    refund = refund_now(order)
    assert (refund.amount, refund.goodwill_amount, refund.shipping_amount) == (1200, 1200, 200)
    credit = Credit.objects.get()
    assert (credit.cause, credit.amount, credit.shipping_amount) == ("goodwill", 1200, 200)
    assert [(line["quantity"], line["amount"]) for line in credit.lines] == [(1, 1000)]
    assert order.due_amount == 1800


def test_shipping_alone_can_be_refunded_and_not_twice(admin, paid):
    order = paid("confirm", "ship")
    do_operation(admin, order, "request_refund", shipping_amount="5.00")
    order.refresh_from_db()

    again = page_for(admin, order)

    assert Refund.objects.get().amount == 500
    assert "shipping_amount" not in again.context["form"].fields


def test_more_than_was_paid_for_shipping_is_refused_in_the_orders_currency(admin, paid):
    order = paid("confirm")

    page = do_operation(admin, order, "request_refund", shipping_amount="5.01")

    assert page.status_code == 409
    assert (
        "5.01 AUD was asked for, but only 5.00 AUD can be refunded of the shipping: what has not been credited yet."
        in page.content.decode()
    )
    assert not Refund.objects.exists()


def test_a_smaller_amount_for_the_same_units_is_dealt_to_them(admin, paid):
    order = paid("confirm", "ship")

    do_operation(admin, order, "request_refund", amount="4.00", **{units_of(order, "cup"): "1"})

    assert refund_now(order).amount == 400
    assert [line["amount"] for line in Credit.objects.get().lines] == [400]


def test_what_is_owed_anyway_gives_way_to_the_units_that_are_chosen(admin, came_back):
    page = page_for(admin, came_back, "")

    do_operation(admin, came_back, "request_refund", part="", **{units_of(came_back, "cup"): "1"})

    assert page.context["form"]["amount"].value() == "5.00"
    refund = refund_now(came_back)
    assert (refund.amount, refund.goodwill_amount) == (1000, 500)


def test_the_amount_is_shown_before_it_is_refunded(admin, paid, storefront):
    storefront.refund_approval_above = 100
    storefront.save()
    order = paid("confirm", "ship")
    data = filled_in(admin, order, "request_refund") | {units_of(order, "cup"): "1", "preview": "live"}

    preview = admin.post(operation_page(order, "request_refund"), data).context["preview"]

    assert preview.refunds == ["10.00 AUD to be refunded once somebody else has approved it"]
    assert not Refund.objects.exists()
    assert Order.objects.get(pk=order.pk).version == order.version


def test_the_page_takes_a_bounded_number_of_queries(admin, came_back, django_assert_max_num_queries):
    with django_assert_max_num_queries(14):
        page_for(admin, came_back)
