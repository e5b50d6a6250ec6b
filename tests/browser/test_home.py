"""The first page and claims, as somebody with a mouse and a keyboard meets them."""

from __future__ import annotations

import os
from time import monotonic, sleep
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from events.feed.numbering import number_what_waits
from orders import operations
from orders.models import Claim, Looking, Order
from orders.rules.statuses import HoldKind
from tests.base import perform
from tests.orders.asking import sell

pytestmark = pytest.mark.browser


@pytest.fixture
def work(api: Any, client_of: Any, other_storefront: Any) -> list[str]:
    """Three orders that are pending, one of them held up, one to be shipped, and what was sold so far."""
    ids = [sell(api)["id"] for _ in range(3)]
    perform("hold", ids[2], kind=HoldKind.FRAUD, reason="three cards")
    perform("confirm", sell(client_of(other_storefront))["id"])
    number_what_waits()
    operations.sum_up_days()
    return ids


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1400, 820])
def test_what_waits_is_seen_at_once_and_nothing_sticks_out(open_page, work, width, dark):
    page = open_page("/admin/", width=width, dark=dark)

    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/home-{width}-{'dark' if dark else 'light'}.png", full_page=True)
    last = page.locator(".cards .card").last.bounding_box()
    assert last["y"] + last["height"] <= 900
    assert page.locator(".bars").count() == 3  # of both storefronts, and of all
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_queue_is_a_click_from_its_list_and_another_from_its_first_order(open_page, work):
    page = open_page("/admin/")

    page.click("text=On hold: Fraud suspected")
    listed = page.locator("#result_list tbody tr").count()
    page.goto("/admin/")
    page.get_by_role("button", name="To confirm: claim the next order").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".claim")

    assert listed == 1
    assert page.url.endswith(f"/{work[0]}/change/")
    assert "You have this order" in page.inner_text(".claim")
    assert Claim.objects.in_force().count() == 1


def test_the_page_of_an_order_tells_who_comes_to_look_at_it_and_who_has_left(open_page, work):
    order, ben = Order.objects.get(pk=work[0]), User.objects.create_user("ben")
    page = open_page("/admin/")
    page.clock.install()
    page.goto(f"/admin/orders/order/{order.pk}/change/")

    Looking.objects.create(order=order, storefront_id=order.storefront_id, user=ben, seen_at=timezone.now())
    page.clock.run_for(61_000)
    page.wait_for_selector("text=ben looks at this order now")
    Looking.objects.filter(user=ben).delete()
    page.clock.run_for(61_000)
    page.wait_for_function("document.querySelector('.claim-looking').textContent === ''")
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/claim.png")
    page.goto("/admin/")

    give_up_at = monotonic() + 60
    while Looking.objects.exists():  # the browser tells it while it goes on
        assert monotonic() < give_up_at
        sleep(0.05)
