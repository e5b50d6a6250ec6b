"""What somebody who works off queues all day needs of the pages: the next step in sight, and names they know."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.http import HttpResponse

from orders.models import Order, Refund, Storefront
from tests.base import make_ready, perform
from tests.orders.admin.conftest import operation_page, page_of


def next_steps(response: HttpResponse) -> list[str]:
    """The buttons on top of an order's page, as they are called."""
    return [button.title for button in response.context["next_buttons"]]  # type: ignore[attr-defined]


@pytest.fixture
def asked_back(sold: Any) -> Order:
    """An order whose refund waits for somebody else than sue."""
    Storefront.objects.update(refund_approval_above=0)
    order: Order = sold()
    perform("record_payment", order.pk, kind="capture", amount=3000, psp_reference="pi_1")
    perform("request_refund", order.pk, by="staff:sue", amount=1000)
    return order


def test_a_refund_that_waits_for_somebody_is_the_first_of_the_next_steps(staff, asked_back):
    page = staff("lead").get(page_of(asked_back))

    approve = page.context["next_buttons"][0]
    assert approve.title == "Approve refund"
    assert approve.href == f"{operation_page(asked_back, 'approve_refund')}?part={Refund.objects.get().pk}"


def test_of_several_refunds_the_page_asks_which_one(staff, asked_back):
    perform("request_refund", asked_back.pk, by="staff:sue", amount=500)

    page = staff("lead").get(page_of(asked_back))

    assert page.context["next_buttons"][0].href == operation_page(asked_back, "approve_refund")


def test_nobody_is_offered_to_approve_their_own_refund_as_the_next_step(staff, asked_back):
    perform("reject_refund", asked_back.pk, by="staff:eve")
    perform("request_refund", asked_back.pk, by="staff:lead", amount=1000)

    assert next_steps(staff("lead").get(page_of(asked_back))) == ["Confirm", "Change details"]


def test_an_approved_refund_is_paid_out_from_the_top_of_the_page_by_finance_alone(staff, asked_back):
    perform("approve_refund", asked_back.pk, by="staff:eve")

    assert next_steps(staff("finance").get(page_of(asked_back))) == ["Pay refund out"]
    assert next_steps(staff("support").get(page_of(asked_back))) == ["Confirm", "Change details"]


@pytest.mark.parametrize(
    ("ready_for", "group", "step"),
    [
        ("approve_return", "support", "Approve return"),
        ("receive_return", "warehouse", "Receive return"),
    ],
)
def test_a_return_that_waits_for_somebody_is_a_next_step(staff, sold, ready_for, group, step):
    order = sold()
    make_ready(ready_for, order.pk)

    assert next_steps(staff(group).get(page_of(order)))[0] == step


@pytest.mark.parametrize("path", ["/admin/orders/apikey/add/", "/admin/events/webhookendpoint/add/"])
def test_a_storefront_is_chosen_by_the_name_people_know_it_by(admin, storefront, path):
    page = admin.get(path).content.decode()

    assert "– which storefront –" in page
    assert f'<option value="{storefront.pk}">Australia (au)</option>' in page


def test_the_way_to_an_order_names_the_list_once(admin, sold):
    order = sold()

    page = admin.get(page_of(order)).content.decode()

    heading = page[page.index("<h1") : page.index("</h1>")]
    words = [text.strip() for text in re.sub(r"<[^>]*>", "\n", heading).splitlines() if text.strip()]
    assert words == ["Orders", "chevron_right", order.number]
    assert 'href="/admin/orders/order/"' in heading
