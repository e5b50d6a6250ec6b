"""The page of an order, as somebody with a mouse and a keyboard meets it."""

import pytest

from orders.rules.statuses import HoldKind
from tests.base import perform
from tests.orders.asking import sell

pytestmark = pytest.mark.browser

_BELOW_THE_FOLD = """
(selectors) => selectors.filter((selector) => {
  const found = [...document.querySelectorAll(selector)];
  return !found.length || found.some((each) => each.getBoundingClientRect().bottom > innerHeight || !each.offsetHeight);
})
"""
DECIDES = [
    ".order-state .axes .pill",
    ".balance",
    ".ribbon",
    ".ribbon .said",
    ".order-note",
    "address",
    ".order-buttons",
]


@pytest.fixture
def busy(api):
    """An order with much to decide: ten products, two holds, a note of some length."""
    items = [
        {"product_id": f"product-{n}", "name": f"Product number {n}", "quantity": n + 1, "unit_amount": 1299}
        for n in range(10)
    ]
    order = sell(
        api,
        *items,
        note="Ring twice.\nThe dog is friendly.\n" + "Leave it with the neighbours if nobody is at home. " * 6,
        shipping_address={"name": "Ada Fields", "line1": "1 Harbour Street", "city": "Sydney", "country": "AU"},
        contact={"email": "ada@example.com", "phone": "+61 2 5550 1234"},
        metadata={"channel": "web"},
        tags=["vip", "gift"],
    )
    perform("hold", order["id"], kind=HoldKind.FRAUD, reason="The card is from another country than the address.")
    perform("hold", order["id"], kind=HoldKind.ADDRESS, reason="There is no such street.")
    return order


def page_of(order):
    return f"/admin/orders/order/{order['id']}/change/"


@pytest.mark.parametrize("dark", [False, True])
def test_what_decides_the_next_step_stands_above_the_fold(open_page, busy, dark):
    page = open_page(page_of(busy), dark=dark)

    assert page.evaluate(_BELOW_THE_FOLD, DECIDES) == []
    assert "The card is from another country than the address." in page.inner_text(".ribbon >> nth=0")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1400


def test_ids_metadata_and_stock_are_folded_away_until_somebody_opens_them(open_page, busy):
    page = open_page(page_of(busy))
    folded = page.is_visible(f".fold >> text={busy['id']}"), page.is_visible(".fold dd:has-text('web')")

    page.focus(".fold summary:has-text('Id and version')")
    page.keyboard.press("Enter")

    assert folded == (False, False)
    assert page.is_visible(f".fold >> text={busy['id']}")


def test_a_button_that_cannot_be_used_says_why_to_the_keyboard_too(open_page, busy):
    page = open_page(page_of(busy))
    amend = page.locator("button:has-text('Amend items')")
    why = page.locator(f"#{amend.get_attribute('aria-describedby')}")
    hidden = why.is_visible()

    amend.focus()

    assert (hidden, why.is_visible()) == (False, True)
    assert why.inner_text() == "Amend is blocked by a hold: fraud (by the command test). Release it first."


def test_the_menu_opens_by_keyboard_and_tells_what_else_there_is(open_page, busy):
    page = open_page(page_of(busy))

    page.focus(".order-buttons summary")
    page.keyboard.press("Enter")
    confirm = page.locator(".order-refused button:has-text('Confirm')")

    assert page.is_visible("a:has-text('Cancel order')")
    assert page.locator(f"#{confirm.get_attribute('aria-describedby')}").inner_text() == (
        "Confirm is blocked by a hold: fraud (by the command test). Release it first."
    )
