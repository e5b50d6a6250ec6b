"""The list of orders and the search, as somebody with a mouse and a keyboard meets them."""

import pytest

from orders.models import Order
from tests.orders.asking import sell

pytestmark = pytest.mark.browser

LIST = "/admin/orders/order/"
_ROWS_IN_SIGHT = """
() => [...document.querySelectorAll("#result_list tbody tr")]
  .filter((row) => row.getBoundingClientRect().bottom <= innerHeight).length
"""
_LINES = """
() => Math.max(...[...document.querySelectorAll("#result_list tbody tr")].map((row) => row.offsetHeight))
"""


@pytest.fixture
def many(api):
    """Sixty orders, so that the list has a second page."""
    person = {"shipping_address": {"name": "Augusta Ada King, Countess of Lovelace", "country": "GB"}}
    return [sell(api, tags=["vip", "gift", "express"], **person) for _ in range(60)]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "height", "rows"), [(1400, 900, 18), (820, 1100, 8)])
def test_shows_many_orders_at_once_each_on_one_line(open_page, many, width, height, rows, dark):
    page = open_page(LIST, width=width, height=height, dark=dark)

    assert page.evaluate(_ROWS_IN_SIGHT) >= rows
    assert page.evaluate(_LINES) < 40
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_slash_goes_to_the_search_but_not_while_somebody_types(open_page, many):
    page = open_page("/admin/")

    page.keyboard.press("/")
    page.keyboard.type(f"{many[0]['number'].lower()}/")
    typed = page.input_value("#find-order")
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    page.wait_for_selector(".page-grid")

    assert typed == f"{many[0]['number'].lower()}/"
    assert page.url.endswith(f"/{many[0]['id']}/change/")


def test_filters_page_and_scroll_survive_an_operation_and_several_at_once(open_page, many):
    page = open_page(f"{LIST}?status=pending")
    page.click("a[rel=next]")
    page.wait_for_url("**cursor=*")
    page.set_viewport_size({"width": 1400, "height": 300})
    page.evaluate("scrollTo(0, 120)")
    list_address = page.url

    page.locator("#result_list tbody th a").nth(4).click()
    page.wait_for_selector(".page-grid")
    page.goto(page.url.replace("/change/", "/hold/"))
    page.locator("button:has-text('Hold')").first.click()
    page.wait_for_selector(".page-grid")
    page.locator("#header-inner a", has_text="Orders").last.click()
    page.wait_for_selector(".list-page")
    after_one, scrolled = page.url, page.evaluate("scrollY")
    page.locator("tbody input[type=checkbox]").nth(4).check()
    page.select_option("select[name=action]", "hold")
    page.click("button:has-text('Go on')")
    page.locator(".operation-buttons button[type=submit]").first.click()
    page.wait_for_selector(".list-page")

    assert (after_one, scrolled) == (list_address, 120)
    assert page.url == list_address
    assert Order.objects.held_up().count() >= 1


def test_menus_close_by_escape_and_give_the_focus_back(open_page, many):
    page = open_page(LIST)

    page.click("summary:has-text('Filters')")
    page.keyboard.press("Escape")

    assert page.evaluate("document.querySelectorAll('details[open]').length") == 0
    assert "Filters" in page.evaluate("document.activeElement.textContent")


def test_the_filters_of_the_form_stand_in_the_address_and_nothing_else(open_page, many):
    page = open_page(LIST)

    page.click("summary:has-text('Filters')")
    page.check("text=Confirmed")
    page.fill("input[name=tag]", "vip")
    page.click(".filters-form button")
    page.wait_for_url("**tag=vip*")

    assert page.url.endswith(f"{LIST}?status=confirmed&tag=vip")
    assert [chip.split() for chip in page.locator(".chip").all_inner_texts()] == [
        ["Status:", "Confirmed", "×"],
        ["Tag:", "vip", "×"],
    ]


def test_ticking_all_says_how_many_and_offers_what_can_be_done(open_page, many):
    page = open_page(LIST)

    page.check("#tick-all")

    assert page.inner_text("[data-ticked]") == "50 orders"
    assert page.is_visible("select[name=action]")
    page.uncheck("#tick-all")
    assert not page.is_visible("select[name=action]")
