"""How many queries each main page takes, however much there is to show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders.models import Storefront
from tests.orders.admin.things import Thing
from tests.orders.asking import sell

# By whoever may do everything, and by a lead of one storefront, whose permissions are two queries more. 0: not theirs.
MOST = {
    "/admin/": (26, 26),
    "/admin/orders/order/": (8, 10),
    "/admin/orders/order/?q=cus123": (8, 10),
    "/admin/orders/order/?q=anything+else": (8, 10),
    "/admin/orders/order/{order}/change/": (16, 19),
    "/admin/orders/order/{order}/confirm/": (6, 8),
    "/admin/orders/bulkrun/": (5, 8),
    "/admin/orders/paymentrecord/": (5, 7),
    "/admin/orders/requestedorder/": (6, 9),
    "/admin/orders/storefront/": (7, 9),
    "/admin/orders/storefront/{storefront}/change/": (9, 12),
    "/admin/orders/apikey/": (8, 10),
    "/admin/orders/failedsignins/": (5, 0),
    "/admin/inventory_client/stock/": (5, 7),
    "/admin/inventory_client/stock/cup/change/": (5, 7),
    "/admin/inventory_client/reservation/": (5, 8),
    "/admin/events/event/": (7, 10),
    "/admin/events/event/{event}/change/": (13, 15),
    "/admin/events/outboxentry/": (7, 10),
    "/admin/events/webhookdelivery/": (7, 10),
    "/admin/events/webhookendpoint/{webhookendpoint}/change/": (9, 11),
    "/admin/audit/entry/": (6, 0),
    "/admin/admin/logentry/": (5, 0),
    "/admin/auth/user/": (7, 0),
    "/admin/auth/user/{user}/change/": (21, 0),
    "/admin/auth/group/": (7, 0),
}


@pytest.fixture
def addresses(things: dict[type[Model], tuple[Thing, Thing]], api: Client, admin: Client) -> dict[str, str]:
    """Three orders more in `au`, so that nothing is asked for each of them."""
    for _ in range(3):
        sell(api)
    keys: dict[str, Any] = {str(model._meta.model_name): own.key for model, (own, _) in things.items()}
    keys["user"] = User.objects.get(username="ann").pk
    return {page: page.format(**keys) for page in MOST}


def counted(browser: Client, address: str) -> int:
    browser.get(address)  # what is remembered by the process is known from then on
    with CaptureQueriesContext(connection) as asked:
        answer = browser.get(address)
    return 0 if answer.status_code == 403 else len(asked)


def test_no_main_page_takes_more_queries_than_it_may(
    addresses: dict[str, str], admin: Client, staff: Callable[..., Client], storefront: Storefront
):
    lead = staff("lead")
    User.objects.get(username="lead").storefronts.set([storefront])

    taken = {page: (counted(admin, address), counted(lead, address)) for page, address in addresses.items()}

    more = {
        page: f"{taken[page]}, not {most}" for page, most in MOST.items() if any(map(int.__gt__, taken[page], most))
    }
    assert more == {}
    assert {page for page, (_, of_lead) in taken.items() if not of_lead} == {
        page for page, (_, most) in MOST.items() if not most
    }


def test_no_list_counts_or_skips_rows(addresses: dict[str, str], admin: Client):
    with CaptureQueriesContext(connection) as asked:
        for name in (
            "inventory_client/stock", "inventory_client/reservation", "orders/requestedorder", "orders/bulkrun",
            "orders/paymentrecord", "events/webhookdelivery", "audit/entry", "admin/logentry", "auth/user",
        ):  # fmt: skip
            assert admin.get(f"/admin/{name}/").status_code == 200

    told = " ".join(query["sql"].lower() for query in asked.captured_queries)
    assert "count(" not in told
    assert "offset" not in told
