"""The main pages by keyboard alone: each control is reached by Tab, is seen when it is, and does what a click would."""

from __future__ import annotations

from typing import Any

import pytest

from tests.orders.asking import done, sell

pytestmark = pytest.mark.browser

_MOST_STEPS = 300
# Each control that is to be seen, by its number; of radio buttons of one name only one is a stop.
_CONTROLS = """
() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
  .filter((control) => !control.disabled && control.tabIndex >= 0 && !control.closest("[inert]")
    && control.checkVisibility({ visibilityProperty: true }) && control.getClientRects().length
    && !(control.type === "radio" && [...document.getElementsByName(control.name)].some((one) => one.checked
      && one !== control)))
  .map((control, number) => { control.dataset.number = number; return number; })
"""
_WITHOUT_A_STOP = """
() => [...document.querySelectorAll("[x-on\\\\:click], [onclick]")]
  .filter((one) => one.checkVisibility() && !one.matches("a[href], button, input, select, summary, [tabindex]")
    && one.getClientRects().length)
  .map((one) => one.outerHTML.slice(0, 200))
"""
# The control the keyboard is at, and whether it or what frames it is drawn otherwise than the rest.
_HERE = """
() => {
  const at = document.activeElement;
  const ringed = (one) => {
    const style = getComputedStyle(one);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  };
  const seen = ringed(at) || (at.parentElement && ringed(at.parentElement));
  return { number: at.dataset.number, seen, what: at.outerHTML.slice(0, 200), body: at === document.body };
}
"""
_OPENERS = "button[aria-expanded]:visible:not([aria-controls=nav-sidebar]), details.menu > summary:visible"


@pytest.fixture
def order(api: Any) -> dict[str, Any]:
    placed: dict[str, Any] = sell(api, contact={"email": "ann@example.org"})
    done(api, placed["id"], "confirm")
    sell(api)
    return placed


def test_every_control_is_a_stop_of_the_keyboard_and_is_seen_there(open_page: Any, order: dict[str, Any]):
    page = open_page("/admin/")
    wrong: dict[str, Any] = {}

    for path in (
        "/admin/",
        "/admin/orders/order/",
        f"/admin/orders/order/{order['id']}/change/",
        f"/admin/orders/order/{order['id']}/cancel/",
        "/admin/inventory_client/stock/",
        "/admin/events/event/",
        "/admin/events/webhookendpoint/",
        "/admin/orders/apikey/add/",
    ):
        page.goto(path)
        page.wait_for_timeout(200)
        wanted = set(map(str, page.evaluate(_CONTROLS)))
        assert len(wanted) > 15, path
        reached, unseen = _walked(page)
        missing = [
            page.locator(f"[data-number='{number}']").first.evaluate("one => one.outerHTML.slice(0, 200)")
            for number in sorted(wanted - reached, key=int)
        ]
        if found := [*missing, *unseen, *page.evaluate(_WITHOUT_A_STOP)]:
            wrong[path] = found

    assert wrong == {}


def test_the_first_stop_leads_past_the_side_bar(open_page: Any, order: dict[str, Any]):
    page = open_page("/admin/orders/order/")

    page.keyboard.press("Tab")
    words = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    inside = page.evaluate("document.activeElement.id")
    page.keyboard.press("Tab")

    assert (words, inside) == ("Skip to the page", "content")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_what_opens_is_opened_by_enter_and_closed_by_escape(open_page: Any, order: dict[str, Any]):
    """Every menu there is: filters, views, columns, the account, what else can be done with an order."""
    page = open_page("/admin/")
    wrong: list[str] = []

    for path in ("/admin/orders/order/", f"/admin/orders/order/{order['id']}/change/", "/admin/events/outboxentry/"):
        page.goto(path)
        page.wait_for_timeout(300)
        openers = page.locator(_OPENERS)
        for place in range(openers.count()):
            opener = openers.nth(place)
            opener.focus()
            page.keyboard.press("Enter")
            page.wait_for_timeout(250)
            opened = _is_open(opener)
            page.keyboard.press("Escape")
            page.wait_for_timeout(250)
            if not opened or _is_open(opener) or not opener.evaluate("one => one === document.activeElement"):
                wrong.append(f"{path}: {opener.evaluate('one => one.outerHTML.slice(0, 200)')}")

    assert wrong == []


def test_the_account_menu_is_used_without_a_mouse(open_page: Any, order: dict[str, Any]):
    page = open_page("/admin/")

    page.focus(".account-button")
    page.keyboard.press("Enter")
    page.wait_for_timeout(250)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert "Dark" in page.evaluate("document.activeElement.textContent")
    assert "dark" in page.get_attribute("html", "class")


def test_the_side_bar_is_opened_and_closed_on_a_narrow_screen(open_page: Any, order: dict[str, Any]):
    page = open_page("/admin/", width=820, height=1100)

    page.focus("#open-side-bar")
    page.keyboard.press("Enter")
    page.wait_for_timeout(250)
    opened = page.is_visible("#nav-sidebar"), page.evaluate("document.activeElement.id")
    page.keyboard.press("Escape")
    page.wait_for_timeout(250)

    assert opened == (True, "close-side-bar")
    assert (page.is_visible("#nav-sidebar"), page.evaluate("document.activeElement.id")) == (False, "open-side-bar")


def _walked(page: Any) -> tuple[set[str], list[str]]:
    """By Tab from the top to the end: the controls that were reached, and those that did not show it."""
    reached: set[str] = set()
    unseen: list[str] = []
    for _ in range(_MOST_STEPS):
        page.keyboard.press("Tab")
        here = page.evaluate(_HERE)
        if here["body"] or here["number"] in reached:
            break
        if here["number"] is not None:
            reached.add(here["number"])
            if not here["seen"]:
                unseen.append(f"not seen: {here['what']}")
    return reached, unseen


def _is_open(opener: Any) -> bool:
    """Of a button or of a summary."""
    return bool(
        opener.evaluate("one => one.getAttribute('aria-expanded') === 'true' || one.parentElement.open === true")
    )
