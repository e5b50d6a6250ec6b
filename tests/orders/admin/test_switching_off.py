"""A storefront is switched off at once: its keys are refused and told why, its staff go on."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.db.models.signals import pre_save
from django.test import Client

from orders.api.authentication import remembered_keys
from orders.models import Order, Storefront
from tests.base import perform
from tests.orders.admin.conftest import do_operation, listed, messages_of, page_of
from tests.orders.asking import everything
from tests.orders.refusals import assert_refused

ORDER = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
FIRST_VERSION_ORDER = {"customerId": "cus123", "items": [{"productId": "cup", "quantity": 1}]}


def change_page(storefront: Storefront) -> str:
    return f"/admin/orders/storefront/{storefront.pk}/change/"


def switch_page(storefront: Storefront, which: str) -> str:
    return f"/admin/orders/storefront/{storefront.pk}/switch-{which}/"


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("storefronts", *arguments, stdout=out)
    return out.getvalue().strip()


def status(client: Client) -> int:
    return client.get("/api/v1/orders").status_code


def test_all_its_keys_are_refused_with_the_reason_and_nothing_happens(api, client_of, storefront, place_order):
    order_id = place_order(cup=1)["id"]
    run("off", "au", "--reason", "A key has leaked.")
    before = everything()
    since = f"{Storefront.objects.get().switched_off_at:%Y-%m-%d %H:%M} UTC"

    for client in (api, client_of(storefront)):
        for method, path, body in (
            ("get", "/api/v1/orders", None),
            ("get", f"/api/v1/orders/{order_id}", None),
            ("post", "/api/v1/orders", ORDER),
            ("post", f"/api/v1/orders/{order_id}/confirm", {}),
            ("post", "/order/create", FIRST_VERSION_ORDER),
            ("get", f"/order/{order_id}", None),
        ):
            response = getattr(client, method)(path, body, content_type="application/json")

            problem = assert_refused(response, 403, "storefront_switched_off")
            assert problem["reason"] == "A key has leaked."
            assert problem["detail"] == (
                f"The storefront au has been switched off since {since}: A key has leaked. "
                "Its keys are refused until it is switched on again."
            )
    after = everything()
    assert {table: rows for table, rows in after.items() if rows != before[table]}.keys() <= {"orders_apikey"}


def test_other_storefronts_and_wrong_keys_are_answered_as_ever(api, client_of, storefront, other_storefront):
    run("off", "au", "--reason", "Fraud")

    assert status(client_of(other_storefront)) == 200
    assert_refused(Client(headers={"X-API-Key": "a.b"}).get("/api/v1/orders"), 401, "invalid_api_key")


def test_another_worker_notices_as_soon_as_it_forgets_the_key(api, storefront, settings):
    settings.API_KEY_CACHE_SECONDS = 3600
    assert status(api) == 200
    Storefront.objects.update(switched_off_at=storefront.created_at, switched_off_reason="Fraud")  # by another process

    remembered = status(api)
    settings.API_KEY_CACHE_SECONDS = 0
    remembered_keys.clear()

    assert remembered == 200
    assert_refused(api.get("/api/v1/orders"), 403, "storefront_switched_off")


def test_switched_on_again_its_keys_work(api, storefront):
    run("off", "au", "--reason", "Fraud")
    refused = status(api)

    run("on", "au")

    assert (refused, status(api)) == (403, 200)


def test_staff_still_read_and_work_and_upkeep_goes_on(staff, order_in, storefront):
    order, due = order_in("pending"), order_in("pending")
    run("off", "au", "--reason", "Fraud")
    client = staff("support")

    page = client.get(page_of(order))
    found = listed(client.get("/admin/orders/order/"))
    do_operation(client, order, "cancel")
    Order.objects.filter(pk=due.pk).update(reserved_until=due.placed_at)
    perform("expire", due.pk)

    assert (page.status_code, found) == (200, [due.number, order.number])
    assert set(Order.objects.values_list("status", flat=True)) == {"canceled"}


def test_a_button_switches_it_off_and_on_and_the_log_says_who(staff, api, storefront):
    lead = staff("lead")

    page = lead.get(change_page(storefront)).content.decode()
    asked = lead.get(switch_page(storefront, "off"))
    nothing = lead.post(switch_page(storefront, "off"), {"reason": ""})
    still = status(api)
    done = lead.post(switch_page(storefront, "off"), {"reason": "A key has leaked"}, follow=True)
    off = status(api)
    page_then = lead.get(change_page(storefront)).content.decode()
    by = Storefront.objects.get().switched_off_by
    lead.post(switch_page(storefront, "on"))

    assert ("/switch-off" in page, "/switch-on" in page) == (True, False)
    assert (asked.status_code, nothing.status_code, still) == (200, 200, 200)
    assert messages_of(done) == ["The keys of au are refused, everywhere within seconds."]
    assert (off, by, status(api)) == (403, "staff:lead", 200)
    assert ("/switch-off" in page_then, "/switch-on" in page_then) == (False, True)
    assert "by staff:lead: A key has leaked" in page_then
    entries = LogEntry.objects.order_by("id").values_list("user__username", "object_id", "change_message")
    assert list(entries) == [
        ("lead", str(storefront.pk), "Switched off: A key has leaked"),
        ("lead", str(storefront.pk), "Switched on."),
    ]


@pytest.mark.parametrize("group", ["support", "warehouse", "finance", "auditor"])
def test_who_may_not_change_storefronts_has_no_button(staff, api, storefront, group):
    client = staff(group)

    assert "switch-off" not in client.get(change_page(storefront)).content.decode()
    for which in ("off", "on"):
        assert client.get(switch_page(storefront, which)).status_code == 403
        assert client.post(switch_page(storefront, which), {"reason": "x"}).status_code == 403
    assert status(api) == 200


def test_staff_of_other_storefronts_find_none_to_switch(staff, api, storefront, other_storefront):
    client = staff("lead")
    other_storefront.staff.add(client.session["_auth_user_id"])

    assert client.post(switch_page(storefront, "off"), {"reason": "x"}).status_code == 404
    assert status(api) == 200


def test_renaming_it_meanwhile_does_not_switch_it_on(admin, api, storefront):
    typed: dict[str, Any] = {
        "name": "Down under", "number_prefix": "AU", "currency": "AUD", "confirmation_policy": "manual",
        "customer_policy": "refuse",
        "carriers-TOTAL_FORMS": "0", "carriers-INITIAL_FORMS": "0",
    }  # fmt: skip

    def switched_off_meanwhile(**kwargs: Any) -> None:
        run("off", "au", "--reason", "Fraud")

    pre_save.connect(switched_off_meanwhile, sender=Storefront)
    try:
        admin.post(change_page(storefront), typed)
    finally:
        pre_save.disconnect(switched_off_meanwhile, sender=Storefront)

    storefront.refresh_from_db()
    assert (storefront.name, storefront.switched_off_reason, status(api)) == ("Down under", "Fraud", 403)


def test_the_command_says_what_it_did_and_who_did_it(storefront, other_storefront):
    assert run("off", "au", "--reason", " A key has leaked ") == "Switched au off."
    assert run("off", "au", "--reason", "again") == "au was off already."
    au, nz = run("list").splitlines()
    assert run("on", "au") == "Switched au on."
    assert run("on", "au") == "au was on already."

    assert au.startswith("au  Australia  switched off since ")
    assert "by system:storefronts (by " in au
    assert au.endswith("): A key has leaked")
    assert nz == "nz  New Zealand  on"


@pytest.mark.parametrize(
    "arguments", [("off", "xx", "--reason", "x"), ("off", "au", "--reason", " "), ("off", "au", "--reason", "x" * 501)]
)
def test_the_command_says_what_it_cannot_do(storefront, arguments):
    with pytest.raises(CommandError, match=r"\.$"):
        run(*arguments)

    assert Storefront.objects.get().switched_off_at is None
