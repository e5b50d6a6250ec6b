"""What axe-core finds wrong with the pages, in both themes: nothing serious."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User

from events.models import Event
from events.webhooks.endpoints import create_endpoint
from events.webhooks.models import WebhookDelivery
from orders.models import Storefront
from tests.orders.asking import done, sell

pytestmark = pytest.mark.browser

_GRAVE = ("serious", "critical")
# Of rules that are about the whole page, whatever is on it.
_LAYOUT = ("bypass", "document-title", "html-has-lang", "landmark-one-main", "landmark-unique", "region")


@pytest.fixture
def shop(api: Any, storefront: Storefront) -> dict[str, Any]:
    """Something to be seen on each page: an order with a past, a webhook with what it has to get."""
    create_endpoint(storefront.pk, source=f"/storefronts/{storefront.code}", by="staff:ann", url="https://shop.test/")
    order = sell(api, tags=["vip"], contact={"email": "ann@example.org"}, note="Ring twice.")
    done(api, order["id"], "confirm")
    done(api, order["id"], "ship", tracking_company="DHL", tracking_number="JD014")
    other: dict[str, Any] = sell(api)
    done(api, other["id"], "hold", kind="fraud")
    return other


PAGES = [
    "/admin/",
    "/admin/orders/order/",
    "/admin/orders/order/{order}/change/",
    "/admin/orders/order/{order}/cancel/",
    "/admin/orders/order/{order}/amend/",
    "/admin/orders/apikey/",
    "/admin/orders/apikey/add/",
    "/admin/orders/storefront/",
    "/admin/orders/storefront/{storefront}/change/",
    "/admin/orders/storefront/{storefront}/switch-off/",
    "/admin/orders/requestedorder/",
    "/admin/inventory_client/stock/",
    "/admin/inventory_client/stock/cup/change/",
    "/admin/inventory_client/reservation/",
    "/admin/events/event/",
    "/admin/events/event/{event}/change/",
    "/admin/events/outboxentry/",
    "/admin/events/skippedevent/",
    "/admin/events/incomingevent/",
    "/admin/events/webhookendpoint/",
    "/admin/events/webhookendpoint/add/",
    "/admin/events/webhookendpoint/{endpoint}/change/",
    "/admin/events/webhookendpoint/{endpoint}/deliveries/{delivery}/",
    "/admin/auth/user/",
    "/admin/auth/user/{user}/change/",
    "/admin/auth/group/1/change/",
    "/admin/audit/entry/",
    "/admin/second-factor/",
    "/admin/nowhere/",
]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_serious_is_wrong_with_any_page(open_page: Any, shop: dict[str, Any], dark: bool):
    page = open_page("/admin/login/", dark=dark, signed_in=False)
    wrong = {"/admin/login/": found_on(page)}
    page = open_page("/admin/", dark=dark)

    for path in PAGES:
        page.goto(_filled_in(path, shop))
        wrong[path] = found_on(page)

    assert {path: found for path, found in wrong.items() if found} == {}


def test_nothing_serious_is_wrong_on_a_narrow_screen_with_the_side_bar_open(open_page: Any, shop: dict[str, Any]):
    page = open_page("/admin/orders/order/", width=820, height=1100)

    page.click("#open-side-bar")

    assert found_on(page) == []


def found_on(page: Any) -> list[str]:
    """What is serious, and what is wrong with the layout, each with where it stands."""
    page.wait_for_timeout(300)  # colours fade in
    found = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in found
        if violation["impact"] in _GRAVE or violation["id"] in _LAYOUT
        for node in violation["nodes"]
    ]


def _filled_in(path: str, order: dict[str, Any]) -> str:
    delivery = WebhookDelivery.objects.order_by("pk").first()
    event = Event.objects.order_by("-pk").first()
    return path.format(
        order=order["id"],
        storefront=Storefront.objects.get().pk,
        user=User.objects.get().pk,
        event=event.pk if event else "",
        endpoint=delivery.endpoint_id if delivery else "",
        delivery=delivery.event_id if delivery else "",
    )
