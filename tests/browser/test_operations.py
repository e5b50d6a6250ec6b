"""The pages of operations, as somebody with a mouse and a keyboard meets them."""

import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session

from orders.models import Order, Refund
from tests.base import make_ready, perform
from tests.orders.asking import item_ids, sell

pytestmark = pytest.mark.browser

_NAMED = [
    {"product_id": "mug-oak-01", "name": "Mug, oak lid, 350 ml", "quantity": 2, "unit_amount": 1290},
    {"product_id": "teapot-1l", "name": "Teapot, one litre", "quantity": 1, "unit_amount": 4950},
]
PASSWORD = "correct-horse-9"


@pytest.fixture
def order(api):
    """Two mugs and a teapot: 83.20 AUD with the shipping."""
    return sell(api, *_NAMED, shipping_amount=790)


def page_of(order, slug):
    return f"/admin/orders/order/{order['id']}/{slug}/"


def lines_of(order):
    return list(Order.objects.get(pk=order["id"]).items.order_by("position").values_list("product_id", "quantity"))


def picture(page, name):
    """Kept where PICTURES says, to be looked at."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("dark", [False, True])
def test_products_are_found_by_the_keyboard_and_the_sums_follow(open_page, order, dark):
    page = open_page(page_of(order, "amend"), dark=dark)

    page.fill("[name=new0_product_id]", "oak")
    page.wait_for_selector(".found-products li")
    page.keyboard.press("ArrowDown")
    picture(page, f"products-{dark}")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-sums] >> text=96.10 AUD to pay")
    picture(page, f"amend-{dark}")
    page.fill("[name=new0_quantity]", "3")
    page.wait_for_selector("[data-sums] >> text=121.90 AUD to pay")
    filled = [page.input_value(f"[name=new0_{name}]") for name in ("product_id", "name", "unit_amount")]
    page.click("button:has-text('Amend')")
    page.wait_for_selector(".page-grid")

    assert filled == ["mug-oak-01", "Mug, oak lid, 350 ml", "12.90"]
    assert lines_of(order) == [("mug-oak-01", 2), ("teapot-1l", 1), ("mug-oak-01", 3)]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1400


def test_rows_are_added_and_taken_away(open_page, order):
    page = open_page(page_of(order, "amend"))

    for _ in range(4):
        page.click("[data-add-row]")
    focused = page.evaluate("document.activeElement.name")
    page.locator(".row-remove").nth(1).click()
    names = page.locator("[data-rows] tr td:first-child input").evaluate_all("all => all.map((field) => field.name)")
    page.fill("[name=new4_product_id]", "teapot-1l")
    page.fill("[name=new4_quantity]", "1")
    page.fill("[name=new4_unit_amount]", "1.00")
    page.wait_for_selector("[data-sums] >> text=84.20 AUD to pay")
    page.click("button:has-text('Amend')")
    page.wait_for_selector(".page-grid")

    assert focused == "new4_product_id"
    assert names == ["new0_product_id", "new2_product_id", "new3_product_id", "new4_product_id"]
    assert lines_of(order)[2:] == [("teapot-1l", 1)]


def test_what_is_missing_still_is_said_while_somebody_types(open_page, order):
    page = open_page(page_of(order, "amend"))

    page.fill("[name=shipping_amount]", "much")

    page.wait_for_selector("[data-sums] >> text=Write an amount of AUD such as 12.99.")
    assert Order.objects.get(pk=order["id"]).version == 1


@pytest.mark.parametrize("dark", [False, True])
def test_a_conflict_shows_what_they_did_keeps_what_was_typed_and_does_it_anyway(open_page, order, dark):
    page = open_page(page_of(order, "amend"), dark=dark)
    page.fill("[name=shipping_amount]", "2.00")
    perform("comment", order["id"], by="staff:eve", text="She rang: two parcels.")
    perform("change_details", order["id"], by="staff:eve", tags=["vip"])

    page.click("button:has-text('Amend')")
    page.wait_for_selector(".panel-conflict")
    page.wait_for_selector("[data-sums] >> text=77.30 AUD to pay")
    picture(page, f"conflict-{dark}")
    told, typed = page.inner_text(".panel-conflict"), page.input_value("[name=shipping_amount]")
    page.click("button:has-text('anyway')")
    page.wait_for_selector(".page-grid")

    assert "eve" in told
    assert "She rang: two parcels." in told
    assert typed == "2.00"
    assert Order.objects.get(pk=order["id"]).shipping_amount == 200


def test_a_lost_session_leads_back_to_the_form_as_it_was_typed(open_page, order):
    ann = User.objects.get(username="ann")
    ann.set_password(PASSWORD)
    ann.save()
    page = open_page("/admin/login/")
    page.context.clear_cookies()
    _sign_in(page, page_of(order, "change_details"))
    page.fill("[name=note]", "Ring twice.")
    Session.objects.all().delete()
    perform("comment", order["id"], by="staff:eve", text="Rang.")

    page.click("button:has-text('Change details')")
    page.wait_for_selector("[name=password]")
    said = page.inner_text("body")
    _fill_in_the_sign_in(page)
    page.wait_for_selector(".notice-kept")
    picture(page, "kept")
    note, conflict = page.input_value("[name=note]"), page.inner_text(".panel-conflict")
    page.click("button:has-text('anyway')")
    page.wait_for_selector(".page-grid")

    assert "You have been signed out, and nothing was done." in said
    assert note == "Ring twice."
    assert "Rang." in conflict
    assert Order.objects.get(pk=order["id"]).note == "Ring twice."


def _sign_in(page, path):
    page.goto(f"/admin/login/?next={path}")
    _fill_in_the_sign_in(page)
    page.wait_for_selector(".operation-form")


def _fill_in_the_sign_in(page):
    page.fill("[name=username]", "ann")
    page.fill("[name=password]", PASSWORD)
    page.click("button:has-text('Log in')")


@pytest.mark.parametrize("dark", [False, True])
def test_a_refund_is_filled_in_with_what_is_owed_or_follows_the_units(open_page, order, dark):
    perform("record_payment", order["id"], kind="capture", amount=8320, psp_reference="ch_1")
    make_ready("receive_return", order["id"])
    perform("receive_return", order["id"])
    page = open_page(page_of(order, "request_refund"), dark=dark)
    page.wait_for_selector("[data-sums] >> text=75.30 AUD to be refunded")
    picture(page, f"refund-{dark}")
    owed = page.input_value("[name=amount]")

    page.click(".choice >> text=Units the customer keeps")
    page.fill("[name=shipping_amount]", "7.90")
    page.wait_for_selector("[data-sums] >> text=7.90 AUD to be refunded")
    page.click("button:has-text('Request refund')")
    page.wait_for_selector(".page-grid")

    assert owed == "75.30"
    assert [(refund.amount, refund.shipping_amount) for refund in Refund.objects.all()] == [(790, 790)]


@pytest.mark.parametrize("dark", [False, True])
def test_only_what_is_as_new_can_be_put_back_on_the_shelf(open_page, order, dark):
    make_ready("receive_return", order["id"])
    mug = item_ids(order)["mug-oak-01"]
    page = open_page(page_of(order, "receive_return"), dark=dark)
    box, condition = f"[name=restock_{mug}]", f"[name=condition_{mug}]"

    damaged = (page.input_value(condition), page.is_disabled(box))
    page.select_option(condition, "new")
    as_new = page.is_disabled(box)
    page.check(box)
    page.select_option(condition, "opened")
    picture(page, f"receive-{dark}")

    assert damaged == ("damaged", True)
    assert as_new is False
    assert (page.is_disabled(box), page.is_checked(box)) == (True, False)
