"""One of the staff in front of a browser, who knows the pages by what is written on them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

PASSWORD = "correct-horse-9"


class Desk:
    """`Desk(page, "sue")`: what sue does and sees. Every step waits until the page that follows stands."""

    def __init__(self, page: Any, name: str) -> None:
        self.page = page
        self.name = name

    def sign_in(self) -> None:
        self.page.goto("/admin/")
        self.page.fill("[name=username]", self.name)
        self.page.fill("[name=password]", PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector("#nav-sidebar, #open-side-bar", state="attached")

    def go_home(self) -> None:
        self.page.goto("/admin/")

    def queues(self) -> dict[str, str]:
        """What waits, by the titles of the cards: `{"To confirm": "2"}`."""
        cards = self.page.locator(".card-link")
        return {
            card.locator("span").inner_text(): card.locator("b").inner_text()
            for card in (cards.nth(place) for place in range(cards.count()))
        }

    def waits(self) -> dict[str, str]:
        """Only the queues in which there is something."""
        return {title: number for title, number in self.queues().items() if number != "0"}

    def claim_next(self, title: str) -> None:
        self.go_home()
        self.page.get_by_role("button", name=f"{title}: claim the next order", exact=True).click()
        self.page.wait_for_selector(".order-page")

    def open_queue(self, title: str) -> list[str]:
        """Numbers of the orders in it, as the list shows them."""
        self.go_home()
        self.page.locator(".card-link", has_text=title).first.click()
        self.page.wait_for_selector(".list-page")
        return self.listed()

    def listed(self) -> list[str]:
        found: list[str] = self.page.locator("#result_list tbody th").all_inner_texts()
        return found

    def find(self, text: str) -> None:
        """By the search that stands on every page."""
        self.page.keyboard.press("/")
        self.page.keyboard.type(text)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def open_order(self, number: str) -> None:
        self.find(number)
        self.page.wait_for_selector(".order-page")

    def begin(self, title: str) -> None:
        """Opens the page of what can be done, from where its button stands on the page of the order."""
        link = self.page.locator(".order-page a", has_text=re.compile(rf"{re.escape(title)}\s*$")).first
        if not link.is_visible():
            self.page.locator("summary", has_text="More").click()
        link.click()
        self.page.wait_for_selector(".operation-head")

    def begin_with_part(self, title: str) -> None:
        """The same for what can be done with a parcel, a refund or a return, from beside the first of them."""
        self.page.locator(
            ".order-rest .part-buttons a", has_text=re.compile(rf"^\s*{re.escape(title)}\s*$")
        ).first.click()
        self.page.wait_for_selector(".operation-head")

    def send(self, title: str) -> str:
        """Does it, and tells what the page of the order says then."""
        self.page.get_by_role("button", name=re.compile(rf"{re.escape(title)}$")).click()
        self.page.wait_for_selector(".order-page")
        return self.told()

    def do(self, title: str, /, **typed: str) -> str:
        self.begin(title)
        self.type(**typed)
        return self.send(title)

    def type(self, **typed: str) -> None:
        for name, value in typed.items():
            field = self.page.locator(f"#content [name={name}]")
            if field.evaluate("one => one.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)

    def told(self) -> str:
        """What stands above the page once something was done."""
        return self.text(".page-main > div:first-child")

    def text(self, selector: str = "main") -> str:
        """As it is read: on one line."""
        return " ".join(self.page.inner_text(selector).split())

    def why_not(self, title: str) -> str:
        """The reason that stands with a button which cannot be used now."""
        button = self.page.locator("button[aria-disabled=true]", has_text=re.compile(rf"{re.escape(title)}\s*$")).first
        why: str = self.page.locator(f"#{button.get_attribute('aria-describedby')}").text_content()
        return why

    def may(self) -> set[str]:
        """All that can be pressed on the page of the order, possible now or not; papers to be printed apart."""
        buttons = self.page.locator(
            ".order-page a.order-button, .order-more a[href]:not([href*='?orders=']), .order-page a.small-button,"
            " .order-page button[aria-disabled]"
        )
        return {" ".join(text.split()) for text in buttons.all_text_contents()}

    def picture(self, name: str) -> None:
        """Kept where PICTURES says, to be looked at."""
        if folder := os.environ.get("PICTURES"):
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
