from datetime import timedelta

import pytest
from django.contrib import admin as django_admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework_api_key.models import APIKey

from orders.api.keys import make_key
from orders.models import ApiKey
from orders.rules.scopes import Scope

LIST = "/admin/orders/apikey/"


@pytest.fixture
def key(storefront):
    made, _ = make_key(storefront, name="web shop", scopes=[Scope.ORDERS_READ])
    return made


def works(secret):
    return Client(headers={"X-API-Key": secret}).get("/api/v1/orders").status_code == 200


def test_a_key_is_made_and_shown_once(admin, storefront):
    page = admin.post(
        f"{LIST}add/", {"name": "web shop", "storefront": storefront.pk, "scopes": ["orders:read", "orders:write"]}
    )

    secret = page.context["secret"]
    key = ApiKey.objects.get()
    assert secret in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    assert works(secret)
    assert (key.name, key.storefront, key.scopes, key.expiry_date) == (
        "web shop",
        storefront,
        ["orders:read", "orders:write"],
        None,
    )
    assert secret not in admin.get(LIST).content.decode()


def test_a_key_works_to_the_end_of_its_last_day(admin, storefront):
    today = timezone.now().date()

    admin.post(
        f"{LIST}add/", {"name": "a", "storefront": storefront.pk, "scopes": ["orders:read"], "last_day": str(today)}
    )

    expires = ApiKey.objects.get().expiry_date
    assert (expires.date(), expires.hour, expires.minute) == (today + timedelta(days=1), 0, 0)


def test_a_last_day_beyond_the_calendar_is_refused(admin, storefront):
    data = {"name": "a", "storefront": storefront.pk, "scopes": ["orders:read"], "last_day": "9999-12-31"}

    page = admin.post(f"{LIST}add/", data)

    assert page.context["form"].errors == {
        "last_day": ["This is too far away. Leave it empty for a key without an end."]
    }
    assert not ApiKey.objects.exists()


def test_a_key_that_would_never_work_is_not_made(admin, storefront):
    yesterday = timezone.now().date() - timedelta(days=1)
    data = {"name": "a", "storefront": storefront.pk, "last_day": str(yesterday)}

    page = admin.post(f"{LIST}add/", data | {"scopes": ["orders:rule"]})

    assert set(page.context["form"].errors) == {"last_day", "scopes"}
    assert not ApiKey.objects.exists()


def test_the_list_shows_prefix_storefront_scopes_and_state_but_no_hash(admin, key, storefront):
    revoked, _ = make_key(storefront, name="old", scopes=[])
    ApiKey.objects.filter(pk=revoked.pk).update(revoked=True)
    make_key(storefront, name="ending", scopes=[], expires_at=timezone.now() - timedelta(days=1))

    html = admin.get(LIST).content.decode()

    for text in (key.prefix, "web shop", "Read orders", "Active", "Revoked", "Expired"):
        assert text in html
    assert key.hashed_key not in html
    assert reverse("admin:orders_apikey_revoke", args=[revoked.prefix]) not in html


def test_a_revoked_key_stops_working(admin, storefront):
    key, secret = make_key(storefront, name="web shop", scopes=[Scope.ORDERS_READ])
    assert works(secret)
    url = reverse("admin:orders_apikey_revoke", args=[key.prefix])

    asked = admin.get(url)
    page = admin.post(url, follow=True)

    assert "This cannot be undone" in asked.content.decode()
    assert [str(message) for message in page.context["messages"]] == [f"The key {key.prefix} of au has been revoked."]
    assert not works(secret)
    assert admin.post(url).status_code == 404


def test_a_rotated_key_and_its_successor_work_side_by_side_for_a_while(admin, storefront):
    old, old_secret = make_key(storefront, name="web shop", scopes=[Scope.ORDERS_READ])

    page = admin.post(reverse("admin:orders_apikey_rotate", args=[old.prefix]), {"overlap": 2})

    new_secret = page.context["secret"]
    old.refresh_from_db()
    assert old.expiry_date is not None
    assert works(new_secret)
    assert works(old_secret)
    assert timedelta(hours=1) < old.expiry_date - timezone.now() <= timedelta(hours=2)


def test_the_log_names_a_key_by_its_prefix_only(admin, key):
    admin.post(reverse("admin:orders_apikey_revoke", args=[key.prefix]))

    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.object_repr, entry.change_message) == (key.prefix, "web shop of au", "Revoked.")


def test_who_may_only_look_can_make_and_change_nothing(staff, key):
    client = staff("auditor")

    html = client.get(LIST).content.decode()

    assert "Revoke" not in html
    assert client.get(f"{LIST}add/").status_code == 403
    for name in ("rotate", "revoke"):
        assert client.post(reverse(f"admin:orders_apikey_{name}", args=[key.prefix])).status_code == 403


def test_no_address_takes_the_hash_and_the_librarys_own_keys_have_no_page(admin, key):
    assert admin.get(f"{LIST}{key.pk}/change/").status_code == 404
    assert not django_admin.site.is_registered(APIKey)


def test_a_key_gets_no_scope_that_its_maker_lacks(staff, storefront):
    client = staff("lead")
    data = {"name": "till", "storefront": storefront.pk}

    offered = [value for value, _ in client.get(f"{LIST}add/").context["form"].fields["scopes"].choices]
    page = client.post(f"{LIST}add/", data | {"scopes": ["orders:read", "payments:write"]})

    assert "payments:write" not in offered
    assert "refunds:approve" in offered
    assert page.context["form"].errors == {
        "scopes": ["payments:write is no scope that you may give. Choose among those shown."]
    }
    assert not ApiKey.objects.exists()


def test_a_key_is_not_rotated_by_who_could_not_make_it(staff, storefront):
    old, _ = make_key(storefront, name="payments", scopes=[Scope.ORDERS_READ, Scope.PAYMENTS_WRITE])
    client = staff("lead")
    url = reverse("admin:orders_apikey_rotate", args=[old.prefix])

    shown, sent = client.get(url), client.post(url, {"overlap": 2})

    assert (shown.status_code, sent.status_code) == (403, 403)
    assert "has scopes that you may not give: payments:write." in sent.content.decode()
    assert list(ApiKey.objects.values_list("pk", "expiry_date")) == [(old.pk, None)]


def test_a_key_is_revoked_also_by_who_could_not_make_it(staff, storefront):
    old, secret = make_key(storefront, name="payments", scopes=[Scope.ORDERS_READ, Scope.PAYMENTS_WRITE])

    staff("lead").post(reverse("admin:orders_apikey_revoke", args=[old.prefix]))

    assert not works(secret)


def test_what_a_key_may_do_is_said_in_words_with_the_name_of_its_scope(admin, storefront):
    html = admin.get(f"{LIST}add/").content.decode()

    assert "Place, confirm, change, hold and cancel orders (orders:write)" in html
    assert "What calls with it, such as “web shop”" in html


def test_without_a_key_the_list_says_what_comes_next(admin, storefront):
    html = admin.get(LIST).content.decode()

    assert "Nobody can call the API yet. Add a key" in html
    assert "yielded" not in html
