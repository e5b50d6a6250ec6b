"""What staff may not do, asked for by its address or by a form of their own: a page of the layout, and nothing done."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from orders.models import Order, Refund, Storefront
from tests.base import perform
from tests.orders.admin.conftest import operation_page, page_of
from tests.orders.asking import sell

pytestmark = pytest.mark.browser

CUP = {"product_id": "cup", "quantity": 2, "unit_amount": 1290}
# A form of the page's own with other values, as whoever edits the page would send it.
SEND = """([path, fields]) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = path;
    const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
    for (const [name, value] of Object.entries({csrfmiddlewaretoken: token, ...fields})) {
        const field = document.createElement("input");
        field.name = name;
        field.value = value;
        form.append(field);
    }
    document.body.append(form);
    form.submit();
}"""


def send(desk: Any, path: str, **fields: str) -> str:
    """What the page says that comes of it."""
    with desk.page.expect_navigation():
        desk.page.evaluate(SEND, [path, fields])
    return str(desk.text())


def test_an_order_of_a_foreign_storefront_is_not_there_and_there_is_a_way_back(
    api: Client, client_of: Any, storefront: Storefront, other_storefront: Storefront, desk: Any
):
    own = sell(api, CUP)
    foreign = Order.objects.in_any_storefront().get(pk=sell(client_of(other_storefront), CUP)["id"])
    sue = desk("sue", "support", sees=[storefront])

    sue.page.goto(page_of(foreign))
    told = sue.text()
    sue.find(foreign.number)
    found = sue.text()
    sue.open_order(own["number"])
    answered = send(sue, operation_page(foreign, "cancel"), cause="customer")

    assert "Nothing is here" in told
    assert sue.page.locator("main a").count() >= 1
    assert f"/{foreign.pk}/" not in found
    assert "Nothing is here" in answered
    assert Order.objects.in_any_storefront().get(pk=foreign.pk).version == 1


def test_a_forged_form_approves_no_refund_of_ones_own_and_cancels_nothing_that_has_left(
    api: Client, storefront: Storefront, desk: Any
):
    Storefront.objects.update(refund_approval_above=0)
    placed = sell(api, CUP)
    perform("record_payment", placed["id"], kind="capture", amount=2580, psp_reference="ch_1")
    perform("confirm", placed["id"])
    perform("ship", placed["id"])
    perform("request_refund", placed["id"], amount=500, by="staff:lea")
    order, refund = Order.objects.get(), Refund.objects.get()
    lea = desk("lea", "lead")
    lea.open_order(placed["number"])

    approved = send(lea, operation_page(order, "approve_refund"), refund_id=str(refund.pk), version=str(order.version))
    lea.open_order(placed["number"])
    canceled = send(lea, operation_page(order, "cancel"), cause="customer", version=str(order.version))

    refund.refresh_from_db()
    assert "somebody else" in approved
    assert "shipped" in canceled
    assert (refund.state, Order.objects.get().version) == ("requested", order.version)
