"""A bulk run and printed papers, as somebody in front of a browser meets them."""

from __future__ import annotations

import re

import pytest
from django.core.management import call_command

from orders.admin.operations import bulk
from orders.admin.orders.papers import PAPERS, papers_url
from orders.models import BulkRun, Order
from tests.base import perform
from tests.orders.asking import sell

pytestmark = pytest.mark.browser

LIST = "/admin/orders/order/"
_SIDES = {"A4": (596, 843), "Letter": (612, 792)}  # in points, as Chromium rounds them


@pytest.fixture
def begun(api, open_page, monkeypatch):
    """A run over three orders, started by ticking all of the list; the page of it."""
    monkeypatch.setattr(bulk, "MAX_ORDERS_AT_ONCE", 2)
    for _ in range(3):
        sell(api)
    page = open_page(LIST)
    page.check("#tick-all")
    page.select_option("select[name=action]", "confirm")
    page.check("input[name=select_across]")
    page.click("button:has-text('Go on')")
    page.locator(".operation-form .operation-buttons button[type=submit]").first.click()
    page.wait_for_selector("#run-progress")
    return page


def test_a_run_is_watched_without_a_click_and_found_again(begun):
    page = begun
    page.evaluate("window.sameDocument = true")
    before = page.inner_text("#run-progress")
    BulkRun.objects.update(done=1)
    page.wait_for_selector("#run-progress:has-text('1 of 3: 1 done')")
    assert page.is_visible("text=Stop the run")

    call_command("sweep", "--once")
    page.wait_for_selector("#run-progress:not([data-live])")

    assert "0 of 3" in before
    assert "3 of 3: 3 done" in page.inner_text("#run-progress")
    assert page.evaluate("window.sameDocument") is True
    assert page.locator("text=Stop the run").count() == 0
    page.goto("/admin/")
    page.locator("a[href='/admin/orders/bulkrun/']").first.click()
    page.click("#result_list a:has-text('Confirm 3 orders')")
    page.wait_for_selector("#run-progress")
    assert page.locator("#run-orders tbody tr").count() == 3


def test_a_run_is_stopped_from_its_page(begun):
    begun.click("text=Stop the run")
    begun.wait_for_selector("#run-progress:not([data-live])")
    call_command("sweep", "--once")

    assert BulkRun.objects.get().ended_because == "ann stopped it."
    assert set(Order.objects.values_list("status", flat=True)) == {"pending"}
    assert "Left alone: 3" in begun.inner_text(".run-tabs")


@pytest.mark.parametrize("paper", _SIDES)
@pytest.mark.parametrize("slug", PAPERS)
def test_each_order_is_printed_on_a_sheet_of_its_own_on_either_paper(api, open_page, slug, paper):
    address = {"name": "Augusta Ada King, Countess of Lovelace", "line1": "12 St James's Square", "country": "GB"}
    orders = [sell(api, shipping_address=address)["id"] for _ in range(3)]
    for order in orders:
        perform("confirm", order)

    page = open_page(papers_url(PAPERS[slug], orders))
    printed = page.pdf(format=paper, prefer_css_page_size=False)

    pages = re.findall(rb"/Type /Page\b", printed)
    boxes = re.findall(rb"/MediaBox \[([^\]]+)\]", printed)
    assert len(pages) == 3
    assert {tuple(round(float(side)) for side in box.split()[2:]) for box in boxes} == {_SIDES[paper]}
    page.emulate_media(media="print")
    assert not page.is_visible(".bar")
    page.set_viewport_size({"width": 640, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
