"""Takes the pictures of the docs from the demo's pages: `script/pictures` runs this.

In a database of its own, with the same orders every time: their numbers are drawn from a seed, and the times on a page
are counted from a given morning. So a picture changes where its page has.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, Literal
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "orders_project.settings"
# As on one's own machine. Playwright has a loop of its own in this thread.
os.environ |= {"HTTPS": "0", "DEBUG": "1", "DJANGO_ALLOW_ASYNC_UNSAFE": "1"}

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.testcases import LiveServerThread  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402
from playwright.sync_api import Page, ViewportSize, sync_playwright  # noqa: E402

from orders.demo import make_demo  # noqa: E402

IMAGES: Final = ROOT / "docs" / "images"
# Each with how the names of its pictures end.
THEMES: Final[Mapping[Literal["light", "dark"], str]] = {"light": "", "dark": "-dark"}
_SIZE: Final[ViewportSize] = {"width": 1400, "height": 900}
_PEOPLE: Final = (
    ("Ada Lovelace", "ada@example.com", "12 St James's Square", "London", "SW1Y 4JH", "GB"),
    ("Grace Hopper", "grace@example.com", "5 Harbour Street", "Sydney", "2000", "AU"),
    ("Alan Turing", "alan@example.com", "4 Adlington Road", "Wilmslow", "SK9 2LN", "GB"),
    ("Emmy Noether", "emmy@example.com", "Bunsenstraße 3", "Göttingen", "37073", "DE"),
    ("Mary Shelley", "mary@example.com", "24 Chester Square", "Hobart", "7000", "AU"),
)
_PRODUCTS: Final = (
    ("cup", "Cup, blue", 1299),
    ("plate", "Plate", 1850),
    ("bowl", "Bowl", 2495),
    ("teapot", "Teapot", 5900),
)
_HELD_UP: Final = (4, 15, 24)
_CANCELED: Final = (6, 16, 31)
# Times as pages show them, moved so that the last of them is on that morning.
_FROM_A_GIVEN_MORNING: Final = r"""
([now, then]) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    node.data = node.data.replace(/\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?/g, (shown) => {
      const moved = new Date(Date.parse(shown.replace(" ", "T") + "Z") - now + then).toISOString();
      return moved.slice(0, 16).replace("T", " ") + (shown.length > 16 ? ":00" : "");
    });
  }
}
"""
_NINE_IN_THE_MORNING: Final = 1_772_442_000_000  # 2026-03-02 09:00 UTC


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="script/pictures", description=__doc__)
    parser.add_argument(
        "--to", type=Path, default=IMAGES, metavar="FOLDER", help="where they go; docs/images by default"
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(PICTURES)}")
    asked = parser.parse_args(arguments)
    if unknown := sorted(set(asked.names) - set(PICTURES)):
        parser.error(f"there is no picture {', '.join(unknown)}; there are {', '.join(PICTURES)}")
    program = shutil.which("chromium")
    if program is None:
        print("There is no Chromium, which takes the pictures: apt-get install chromium", file=sys.stderr)
        return 1
    asked.to.mkdir(parents=True, exist_ok=True)
    with _database(), _site() as address, sync_playwright() as started:
        shop = Shop()
        cookie = _signed_in()
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox", "--font-render-hinting=none"])
        for theme, ending in THEMES.items():
            context = browser.new_context(viewport=_SIZE, color_scheme=theme, base_url=address, reduced_motion="reduce")
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": address}])
            page = context.new_page()
            for name in asked.names or PICTURES:
                PICTURES[name](page, shop)
                page.wait_for_load_state("networkidle")
                page.evaluate("document.fonts.ready")
                page.evaluate(_FROM_A_GIVEN_MORNING, [shop.made_at, _NINE_IN_THE_MORNING])
                page.mouse.move(0, 0)
                path = asked.to / f"{name}{ending}.png"
                page.screenshot(path=path)
                print(f"{path} is made.")
            context.close()
        browser.close()
        connections.close_all()
    return 0


class Shop:
    """The demo with orders in it, each placed and moved on by the API."""

    def __init__(self) -> None:
        drawn = random.Random(7)
        facts = make_demo({}, base_url="http://127.0.0.1")
        self._keys = {storefront["code"]: storefront["api_key"] for storefront in facts["storefronts"]}
        with patch("orders.rules.ids.secrets", SimpleNamespace(randbelow=drawn.randrange, randbits=drawn.getrandbits)):
            for place in range(36):
                self._place(place, drawn)
            self.order = self._with_a_past()
        self.made_at = _now_in_milliseconds()

    def _place(self, place: int, drawn: random.Random) -> None:
        code = "au" if place % 3 else "de"
        order = self._ask(code, "", _body(code, place, drawn))
        path = f"/{order['id']}"
        if place % 5:
            self._ask(code, f"{path}/confirm", {})
        if place % 5 in (2, 3):
            body = {"kind": "capture", "amount": order["total_amount"], "psp": "stripe", "psp_reference": f"pi_{place}"}
            self._ask(code, f"{path}/record_payment", body)
            self._ask(code, f"{path}/ship", {"tracking_company": "DHL", "tracking_number": f"JD01460000{place:04}"})
        if place in _HELD_UP:
            self._ask(code, f"{path}/hold", {"kind": "fraud", "reason": "The name on the card is another."})
        if place in _CANCELED:
            self._ask(code, f"{path}/cancel", {})

    def _with_a_past(self) -> str:
        """The order whose page is shown: paid, one of three kinds shipped, asked about by the customer."""
        items = [
            {"product_id": product, "name": name, "quantity": quantity, "unit_amount": amount}
            for (product, name, amount), quantity in zip(_PRODUCTS, (2, 4, 1), strict=False)
        ]
        body = _body("au", 1, random.Random(1)) | {"items": items, "note": "Please ring twice.", "tags": ["gift"]}
        order = self._ask("au", "", body)
        path = f"/{order['id']}"
        paid = {"kind": "capture", "amount": order["total_amount"], "psp": "stripe", "psp_reference": "pi_3QK7"}
        self._ask("au", f"{path}/confirm", {})
        self._ask("au", f"{path}/record_payment", paid)
        parcel = {"items": [{"item_id": order["items"][0]["id"], "quantity": 2}]}
        self._ask("au", f"{path}/ship", parcel | {"tracking_company": "DHL", "tracking_number": "JD014600003107"})
        self._ask("au", f"{path}/comment", {"text": "Asked by telephone when the rest comes: told her Thursday."})
        return str(order["id"])

    def _ask(self, code: str, path: str, body: dict[str, Any]) -> Any:
        client = Client(headers={"X-API-Key": self._keys[code]}, SERVER_NAME="localhost")
        answer = client.post(f"/api/v1/orders{path}", body, content_type="application/json")
        if answer.status_code >= 400:
            raise SystemExit(f"POST {path or '/'} was refused: {answer.content.decode()}")
        return answer.json()


def _body(code: str, place: int, drawn: random.Random) -> dict[str, Any]:
    name, email, line1, city, postal_code, country = _PEOPLE[place % len(_PEOPLE)]
    product, product_name, amount = drawn.choice(_PRODUCTS)
    item = {"product_id": product, "name": product_name, "quantity": drawn.randint(1, 4), "unit_amount": amount}
    return {
        "customer_id": f"cus{100 + place % 9}",
        "currency": {"au": "AUD", "de": "EUR"}[code],
        "items": [item],
        "shipping_amount": 500,
        "contact": {"email": email, "phone": "+61 2 9374 4000"},
        "shipping_address": {
            "name": name,
            "line1": line1,
            "city": city,
            "postal_code": postal_code,
            "country": country,
        },
        "tags": [["gift"], ["vip"], []][place % 3],
    }


def _list(page: Page, shop: Shop) -> None:
    page.goto("/admin/orders/order/")


def _order(page: Page, shop: Shop) -> None:
    page.goto(f"/admin/orders/order/{shop.order}/change/")


def _preview(page: Page, shop: Shop) -> None:
    page.goto(f"/admin/orders/order/{shop.order}/cancel/")
    page.locator(".operation-buttons button", has_text="Preview").first.click()


def _refusal(page: Page, shop: Shop) -> None:
    page.goto(f"/admin/orders/order/{shop.order}/request_refund/")
    page.fill("[name=amount]", "9999")
    page.locator(".operation-buttons button[type=submit]").first.click()


# By the name of the file; the docs show them by it.
PICTURES: Final = {"order-list": _list, "order-page": _order, "preview": _preview, "refusal": _refusal}


def _signed_in() -> str:
    """The session of a person who may do everything."""
    client = Client()
    user = User.objects.get(username="admin")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def _now_in_milliseconds() -> int:
    """To the minute, so that no second more or less is to be seen."""
    return int(datetime.now(UTC).replace(second=0, microsecond=0).timestamp() * 1000)


@contextmanager
def _database() -> Iterator[None]:
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = "pictures"
    connections["default"].settings_dict["TEST"]["NAME"] = "pictures"
    made = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    try:
        yield
    finally:
        with connection.cursor() as cursor:  # threads that answered requests may not be done yet
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        connections.close_all()
        teardown_databases(made, verbosity=0)


@contextmanager
def _site() -> Iterator[str]:
    """No thread of it keeps a connection: the database could not be dropped."""
    connections.settings["default"]["CONN_MAX_AGE"] = 0
    server = LiveServerThread("127.0.0.1", StaticFilesHandler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
