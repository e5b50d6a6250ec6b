"""All pages of the back office: they open, look alike, and need nothing from elsewhere."""

import re

import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from unfold.admin import ModelAdmin


def test_every_list_and_form_opens_in_the_same_look(admin, order_in):
    order_in("pending")

    for model, model_admin in django_admin.site._registry.items():
        assert isinstance(model_admin, ModelAdmin), model
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        assert admin.get(reverse(f"admin:{name}_changelist")).status_code == 200, model
        assert admin.get(reverse(f"admin:{name}_add")).status_code in (200, 403), model


@pytest.mark.parametrize("path", ["/admin/", "/admin/orders/order/", "/admin/orders/apikey/add/", "/admin/login/"])
def test_a_page_loads_nothing_from_elsewhere_and_has_no_script_of_its_own(admin, client, order_in, path):
    order_in("pending")

    page = (client if "login" in path else admin).get(path)

    html = page.content.decode()
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'; script-src 'self'")
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', html) == []
    assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", html) == []
    assert re.findall(r"\son[a-z]+=", html) == []


def test_the_overview_shows_who_may_see_no_orders_nothing_of_them(staff, order_in):
    order = order_in("pending")

    page = staff(permissions=["view_stock"]).get("/admin/")

    assert page.context["cards"] == []
    assert order.number not in page.content.decode()


def test_the_side_bar_has_no_stock_that_is_kept_elsewhere(admin, settings):
    settings.INVENTORY_URL = "http://inventory.example"

    assert "/admin/inventory_client/" not in admin.get("/admin/").content.decode()


def test_staff_accounts_are_made_and_put_into_groups(admin):
    admin.post(
        "/admin/auth/user/add/",
        {"username": "bob", "usable_password": "true", "password1": "long-enough-9", "password2": "long-enough-9"},
    )
    bob = User.objects.get(username="bob")

    assert bob.check_password("long-enough-9")
    assert admin.get(f"/admin/auth/user/{bob.pk}/change/").status_code == 200
    assert admin.get(f"/admin/auth/user/{bob.pk}/password/").status_code == 200


def test_the_overview_asks_for_the_storefronts_once_whatever_it_counts(admin, order_in):
    order_in("confirmed")
    admin.get("/admin/")

    with CaptureQueriesContext(connection) as captured:
        admin.get("/admin/")

    storefronts = [query["sql"] for query in captured if 'FROM "orders_storefront"' in query["sql"]]
    assert len(storefronts) == 1
