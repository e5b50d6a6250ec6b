"""What is no order has a history too: who changed it, from what to what, on its page; by whatever way it was."""

from __future__ import annotations

import getpass
import io
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import InternalError, connection, transaction
from django.db.utils import IntegrityError
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from audit.operator import operating_user
from audit.pages import told_changes
from events.webhooks.endpoints import create_endpoint
from orders.admin.storefronts import StorefrontForm
from orders.api.keys import make_key
from orders.importing.lines import read_order
from orders.models import ApiKey, Storefront
from orders.models.audited import STOREFRONT
from orders.operations.known_orders import storefronts_of
from orders.rules.scopes import Scope
from orders.rules.staff_groups import GROUPS
from tests.orders.importing.lines import line

SHOP = {
    "name": "Australia",
    "number_prefix": "AU",
    "currency": "AUD",
    "confirmation_policy": "manual",
    "customer_policy": "refuse",
    "carriers-TOTAL_FORMS": "0",
    "carriers-INITIAL_FORMS": "0",
}
ACCOUNT = {"username": "bob", "is_active": "on", "is_staff": "on"}
ACCOUNT |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
PASSWORD = {"usable_password": "true", "password1": "long-enough-9", "password2": "long-enough-9"}
URL = "https://hooks.example.com/orders"


@pytest.fixture(autouse=True)
def no_more_groups(database):
    yield
    Group.objects.exclude(name__in=GROUPS).delete()


@pytest.fixture
def bob(database) -> User:
    return User.objects.create_user("bob", is_staff=True)


def told(model: str) -> list[tuple[str, str, list[str]]]:
    """Who did what, and what became of which field, the oldest first."""
    entries = Entry.objects.filter(model=model).order_by("id")
    return [(entry.by, entry.action, [str(change) for change in told_changes(entry)]) for entry in entries]


def history(browser: Client, path: str) -> str:
    page = browser.get(path)
    assert page.status_code == 200
    return page.content.decode()


def test_a_storefronts_history_tells_values_before_and_after(admin, storefront):
    page = f"/admin/orders/storefront/{storefront.pk}/"
    carrier = {
        "carriers-TOTAL_FORMS": "1",
        "carriers-0-name": "Rocket",
        "carriers-0-tracking_link_template": "https://rocket.example/{tracking_number}",
    }

    admin.post(f"{page}change/", SHOP | carrier | {"name": "Down under", "refund_approval_above": "12.50"})

    assert told("orders.storefront") == [
        (
            "staff:ann",
            "Changed",
            [
                "name: Australia → Down under",
                "refund approval above: – → 12.50 AUD",
                "carriers: added Rocket: https://rocket.example/{tracking_number}",
            ],
        )
    ]
    html = history(admin, f"{page}history/")
    assert "Australia → Down under" in html
    assert "ann</span>" in html
    assert f'href="{page}history/"' in admin.get(f"{page}change/").content.decode()


def test_what_was_sent_unchanged_is_no_change(admin, storefront):
    admin.post(f"/admin/orders/storefront/{storefront.pk}/change/", SHOP)

    assert told("orders.storefront") == []


def test_a_new_storefront_is_told_with_all_it_has(admin):
    admin.post("/admin/orders/storefront/add/", SHOP | {"code": "au"})

    ((by, action, changes),) = told("orders.storefront")
    assert (by, action) == ("staff:ann", "Made")
    assert {"code: – → au", "currency: – → AUD", "confirmation policy: – → By hand"} <= set(changes)


def test_who_switched_a_storefront_off_stands_in_its_history_by_button_and_by_command(admin, storefront):
    page = f"/admin/orders/storefront/{storefront.pk}"
    call_command("storefronts", "off", "au", "--reason", "A key has leaked", stdout=io.StringIO())
    admin.post(f"{page}/switch-on/")

    off, on = told("orders.storefront")
    by = f"system:storefronts (by {operating_user()})"
    assert off[:2] == (by, "Switched off")
    assert {f"switched off by: – → {by}", "switched off reason: – → A key has leaked"} < set(off[2])
    assert on[:2] == ("staff:ann", "Switched on")
    assert "switched off reason: A key has leaked → –" in on[2]


def test_a_keys_history_names_who_made_rotated_and_revoked_it_and_no_hash(admin, storefront):
    made = {"name": "till", "storefront": storefront.pk, "scopes": ["orders:read", "refunds:approve"]}
    admin.post("/admin/orders/apikey/add/", made)
    key = ApiKey.objects.get()

    admin.post(f"/admin/orders/apikey/{key.prefix}/rotate/", {"overlap": 24})
    successor = ApiKey.objects.exclude(pk=key.pk).get()
    call_command("api_keys", "revoke", successor.prefix, stdout=io.StringIO())

    by = f"system:api_keys (by {operating_user()})"
    assert [(by, action) for by, action, _ in told("orders.apikey")] == [
        ("staff:ann", "Made"),
        ("staff:ann", f"Made as the successor of {key.prefix}"),
        ("staff:ann", f"Rotated; its successor is {successor.prefix}"),
        (by, "Revoked"),
    ]
    assert told("orders.apikey")[0][2] == [
        "name: – → till",
        "storefront: – → au",
        "scopes: added orders:read, refunds:approve",
        "made by: – → staff:ann",
    ]
    assert told("orders.apikey")[3][2] == ["revoked: no → yes"]
    kept = str(list(Entry.objects.values()))
    assert [secret for secret in (key.hashed_key, successor.hashed_key) if secret in kept] == []
    assert "no → yes" in history(admin, f"/admin/orders/apikey/{successor.prefix}/history/")


def test_keys_made_and_rotated_by_a_command_say_so(storefront):
    out = io.StringIO()
    call_command("api_keys", "create", "au", "--scopes", "orders:read", stdout=out, stderr=out)
    call_command("api_keys", "rotate", ApiKey.objects.get().prefix, stdout=out, stderr=out)

    assert {by for by, *_ in told("orders.apikey")} == {f"system:api_keys (by {operating_user()})"}
    assert [key.made_by for key in ApiKey.objects.all()] == ["", ""]


def test_a_webhook_endpoints_history_tells_everything_but_its_secret(admin, storefront):
    admin.post("/admin/events/webhookendpoint/add/", {"storefront": storefront.pk, "url": URL})
    ((_, _, made),) = told("events.webhookendpoint")
    pk = Entry.objects.get().object_id
    page = f"/admin/events/webhookendpoint/{pk}"
    admin.post(f"{page}/edit/", {"url": URL, "description": "till", "types": ["order.deleted"]})
    admin.post(f"{page}/rotate/", {"overlap": 2})
    admin.post(f"{page}/disable/")

    assert made[0] == f"url: – → {URL}"
    (_, changed, rotated, disabled) = told("events.webhookendpoint")
    assert changed == ("staff:ann", "Changed", ["description: – → till", "types: added order.deleted"])
    assert rotated == ("staff:ann", "Rotated", ["secret changed"])
    assert disabled[1] == "Disabled"
    assert "disabled by: – → staff:ann" in disabled[2]
    html = history(admin, f"{page}/history/")
    assert "changed; a secret, so the log does not keep it" in html
    assert f'href="{page}/history/"' in history(admin, f"{page}/change/")


def test_an_endpoint_changed_by_a_key_names_the_key(api, storefront):
    endpoint, _ = create_endpoint(storefront.pk, source="/storefronts/au", url=URL, by="system:test")

    api.delete(f"/api/v1/webhooks/{endpoint.pk}")

    key = ApiKey.objects.get()
    assert [entry[:2] for entry in told("events.webhookendpoint")] == [
        ("system:test", "Made"),
        (f"key:{key.prefix}", "Deleted"),
    ]


def test_stock_that_is_set_by_a_person_or_a_command_is_told_and_what_stays_is_not(admin, stock):
    stock(cup=5, plate=7)
    more = {"change": "3", "reason": "a delivery", "seen_version": "1"}
    admin.post("/admin/inventory_client/stock/cup/change/", more)
    call_command("set_stock", "cup=9", "plate=7", "bowl=4", stdout=io.StringIO())

    by = f"system:set_stock (by {operating_user()})"
    assert told("inventory_client.stock") == [
        ("staff:ann", "Changed", ["on hand: 5 → 8", "reason: – → a delivery"]),
        (by, "Changed", ["on hand: 8 → 9"]),
        (by, "Made", ["on hand: – → 4"]),
    ]
    assert "5 → 8" in history(admin, "/admin/inventory_client/stock/cup/history/")


def test_an_accounts_history_tells_rights_and_that_the_password_was_changed(admin, bob, storefront):
    page = f"/admin/auth/user/{bob.pk}"
    lead, cancel = Group.objects.get(name="lead"), Permission.objects.get(codename="cancel_order")
    rights: dict[str, Any] = {"groups": [lead.pk], "user_permissions": [cancel.pk], "storefronts": [storefront.pk]}

    admin.post(f"{page}/change/", ACCOUNT | rights | {"email": "bob@example.com", "is_superuser": "on"})
    admin.post(f"{page}/password/", PASSWORD)
    admin.post(f"{page}/delete/", {"post": "yes"})

    changed, password, deleted = told("auth.user")
    assert changed == (
        "staff:ann",
        "Changed",
        [
            "email: – → bob@example.com",
            "is superuser: no → yes",
            "groups: added lead",
            "user permissions: added orders.cancel_order",
            "storefronts: added au",
        ],
    )
    assert password == ("staff:ann", "Changed", ["password changed"])
    assert deleted[:2] == ("staff:ann", "Deleted")
    assert "groups: removed lead" in deleted[2]
    assert "pbkdf2" not in str(list(Entry.objects.values()))


def test_who_sees_a_storefront_is_told_in_both_histories_whichever_page_it_was(
    admin, bob, storefront, other_storefront
):
    admin.post(f"/admin/auth/user/{bob.pk}/change/", ACCOUNT | {"storefronts": [storefront.pk]})
    of_shop = SHOP | {"name": "New Zealand", "number_prefix": "NZ", "currency": "NZD", "staff": [bob.pk]}
    admin.post(f"/admin/orders/storefront/{other_storefront.pk}/change/", of_shop)

    by_user = Entry.objects.filter(model="auth.user", name="bob").order_by("id")
    by_shop = Entry.objects.filter(model="orders.storefront").order_by("id")
    assert [str(change) for entry in by_user for change in told_changes(entry)] == [
        "storefronts: added au",
        "storefronts: added nz",
    ]
    assert [(entry.name, [str(change) for change in told_changes(entry)]) for entry in by_shop] == [
        ("au", ["staff: added bob"]),
        ("nz", ["staff: added bob"]),
    ]
    assert {entry.by for entry in Entry.objects.all()} == {"staff:ann"}


def test_accounts_deleted_together_are_each_told(admin, bob):
    eve = User.objects.create_user("eve", is_staff=True)
    chosen = {"action": "delete_selected", "post": "yes", "_selected_action": [bob.pk, eve.pk]}

    admin.post("/admin/auth/user/", chosen)

    assert sorted(Entry.objects.filter(action="Deleted").values_list("name", flat=True)) == ["bob", "eve"]


def test_a_groups_history_tells_which_permissions_came_and_went(admin):
    view, cancel = (Permission.objects.get(codename=name).pk for name in ("view_order", "cancel_order"))
    admin.post("/admin/auth/group/add/", {"name": "mine", "permissions": [view]})
    group = Group.objects.get(name="mine")

    admin.post(f"/admin/auth/group/{group.pk}/change/", {"name": "mine", "permissions": [cancel]})

    assert told("auth.group") == [
        ("staff:ann", "Made", ["name: – → mine", "permissions: added orders.view_order"]),
        ("staff:ann", "Changed", ["permissions: added orders.cancel_order; removed orders.view_order"]),
    ]
    assert "added orders.cancel_order; removed orders.view_order" in history(
        admin, f"/admin/auth/group/{group.pk}/history/"
    )


def test_groups_brought_in_line_with_the_code_say_what_that_changed(database):
    lead = Group.objects.get(name="lead")
    lead.permissions.add(Permission.objects.get(codename="record_payment"))

    call_command("migrate", verbosity=0)

    assert told("auth.group") == [("system:migrate", "Changed", ["permissions: removed orders.record_payment"])]


def test_a_history_is_seen_by_who_may_see_the_page_and_by_nobody_else(staff, storefront, other_storefront):
    own, _ = make_key(storefront, name="own", scopes=[Scope.ORDERS_READ])
    foreign, _ = make_key(other_storefront, name="foreign", scopes=[Scope.ORDERS_READ])
    support, lead = staff("support"), staff("lead")
    User.objects.get(username="lead").storefronts.set([storefront])

    def codes(browser: Client, *pages: str) -> list[int]:
        return [browser.get(f"/admin/{page}/history/").status_code for page in pages]

    keys = [f"orders/apikey/{key.prefix}" for key in (own, foreign)]
    shops = [f"orders/storefront/{shop.pk}" for shop in (storefront, other_storefront)]
    assert codes(support, *keys, *shops) == [403, 403, 200, 200]
    assert codes(lead, *keys, *shops) == [200, 404, 200, 404]
    assert codes(support, f"auth/user/{User.objects.get(username='lead').pk}") == [403]


def test_a_long_history_is_read_in_pages(admin, storefront):
    for number in range(101):
        Storefront.objects.update(name=f"Shop {number}")
        admin.post(f"/admin/orders/storefront/{storefront.pk}/change/", SHOP)
    page = f"/admin/orders/storefront/{storefront.pk}/history/"

    newest = admin.get(page)
    oldest = admin.get(page + newest.context["older"])

    assert (len(newest.context["entries"]), len(oldest.context["entries"])) == (100, 1)
    assert "Shop 0 → Australia" in oldest.content.decode()
    assert admin.get(f"{page}?before=x").status_code == 404


def test_nobody_alters_the_log_row_by_row(admin, storefront):
    admin.post(f"/admin/orders/storefront/{storefront.pk}/change/", SHOP | {"name": "Down under"})

    for statement in ("update audit_entry set by = 'staff:eve'", "delete from audit_entry"):
        with pytest.raises((IntegrityError, InternalError), match="append-only"), transaction.atomic():
            connection.cursor().execute(statement)

    assert Entry.objects.get().by == "staff:ann"


def test_all_changes_are_listed_also_of_what_is_gone(admin, bob, storefront):
    admin.post(f"/admin/auth/user/{bob.pk}/delete/", {"post": "yes"})
    admin.post(f"/admin/orders/storefront/{storefront.pk}/change/", SHOP | {"name": "Down under"})

    listed = admin.get("/admin/audit/entry/").content.decode()
    found = admin.get("/admin/audit/entry/", {"q": str(bob.pk)})

    assert "name: Australia → Down under" in listed
    assert [entry.name for entry in found.context["cl"].result_list if entry.model == "auth.user"] == ["bob"]
    assert admin.post("/admin/audit/entry/add/").status_code == 403


def test_who_is_limited_to_storefronts_finds_only_their_own_changes_there(admin, staff, storefront, other_storefront):
    admin.post(f"/admin/orders/storefront/{other_storefront.pk}/change/", SHOP | {"name": "Aotearoa"})
    auditor = staff("auditor")
    User.objects.get(username="auditor").storefronts.set([storefront])

    assert "Aotearoa" not in auditor.get("/admin/audit/entry/").content.decode()
    assert auditor.get(f"/admin/audit/entry/{Entry.objects.get().pk}/change/").status_code == 302


def test_a_password_that_somebody_changes_themselves_is_told_too(bob):
    bob.set_password("old-enough-9")
    bob.save()
    browser = Client()
    browser.force_login(bob)

    new = {"old_password": "old-enough-9", "new_password1": "new-enough-9", "new_password2": "new-enough-9"}
    assert browser.post("/admin/password_change/", new).status_code == 302

    assert told("auth.user") == [("staff:bob", "Changed", ["password changed"])]


def test_a_storefront_that_an_import_makes_is_told_with_the_import(database):
    storefronts_of([read_order(line("r1").encode(), now=timezone.now())], by="system:import_orders")

    ((by, action, changes),) = told("orders.storefront")
    assert (by, action) == ("system:import_orders", "Made")
    assert "code: – → br-south" in changes


def test_all_that_can_be_typed_of_a_storefront_is_told():
    assert set(StorefrontForm.Meta.fields) <= set(STOREFRONT.fields)


def test_an_account_and_a_password_that_a_command_makes_are_told_with_the_command(database, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "long-enough-9")
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "long-enough-10")

    call_command("createsuperuser", "--noinput", "--username", "eve", "--email", "eve@example.com", verbosity=0)
    call_command("changepassword", "eve", stdout=io.StringIO())

    made, changed = told("auth.user")
    assert made[:2] == (f"system:createsuperuser (by {operating_user()})", "Made")
    assert "username: – → eve" in made[2]
    assert "is superuser: – → yes" in made[2]
    assert changed == (f"system:changepassword (by {operating_user()})", "Changed", ["password changed"])


def test_people_are_named_and_times_are_those_of_the_reader(admin, storefront):
    User.objects.filter(username="ann").update(first_name="Ann", last_name="Lee")
    admin.post("/admin/your-settings/", {"time_zone": "Australia/Sydney"})
    admin.post(f"/admin/orders/storefront/{storefront.pk}/switch-off/", {"reason": "A key has leaked"})
    off_at = timezone.localtime(Storefront.objects.get().switched_off_at, ZoneInfo("Australia/Sydney"))
    read_as = f"{off_at:%Y-%m-%d %H:%M:%S} {off_at:%Z}"

    one = history(admin, f"/admin/orders/storefront/{storefront.pk}/history/").split('id="main"')[1]
    every = history(admin, "/admin/audit/entry/").split('id="main"')[1]

    for page in (one, every):
        assert "Ann Lee" in page
        assert "staff:ann" not in page
        assert read_as in page
    assert f"switched off at: – → {read_as}" in every
