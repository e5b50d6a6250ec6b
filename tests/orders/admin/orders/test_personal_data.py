"""Contact, addresses and note are for staff who may see them; the others' pages tell nothing of a person."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, transaction

from orders.api.keys import make_key
from orders.models import ApiKey, Order
from orders.rules.scopes import Scope
from orders.rules.staff_groups import GROUPS
from tests.orders.admin.conftest import listed, operation_page, page_of
from tests.orders.asking import sell

SEES = {"support": True, "lead": True, "warehouse": True, "finance": False, "auditor": False}
LIST = "/admin/orders/order/"
PERSON: dict[str, Any] = {
    "contact": {"email": "ada@example.com", "phone": "+61 2 5550 1234"},
    "shipping_address": {"name": "Ada Lovelace", "line1": "12 Analytical Way", "city": "Perth", "country": "AU"}
    | {"postal_code": "6000"},
    "billing_address": {"name": "Charles Babbage", "city": "London", "country": "GB"},
    "note": "Ring twice",
}
TELLING = ["ada@", "5550", "Lovelace", "Analytical", "Perth", "Babbage", "London", "Ring"]
MAY_CHANGE = ["view_order", "view_event", "change_order_details", "hold_order"]


@pytest.fixture
def order(api) -> Order:
    found: Order = Order.objects.get(pk=sell(api, **PERSON)["id"])
    return found


def told_by(response: Any) -> list[str]:
    assert response.status_code == 200
    return [word for word in TELLING if word in response.content.decode()]


@pytest.mark.parametrize("group", SEES)
def test_a_group_sees_what_tells_of_a_person_or_that_it_is_masked(staff, order, group):
    client = staff(group)

    page, shown = client.get(page_of(order)), client.get(LIST)

    assert told_by(page) == (TELLING if SEES[group] else [])
    assert ("Masked" in page.content.decode()) is not SEES[group]
    assert listed(shown) == [order.number]
    assert ("Ada Lovelace" in shown.content.decode()) is SEES[group]
    assert ("E-mail" in shown.content.decode()) is SEES[group]
    for text in ("ada@example.com", "+61 2 5550 1234", "lovelace", "6000"):
        found = client.get(LIST, {"q": text})
        assert listed(found) == ([order.number] if SEES[group] else []), text
        assert SEES[group] or "name or postal code" not in found.content.decode()
    assert SEES.keys() == GROUPS.keys()


def test_whoever_may_not_see_it_is_not_asked_for_it_and_is_shown_none_by_a_preview(staff, order):
    client = staff(permissions=MAY_CHANGE)
    url = operation_page(order, "change_details")
    typed = {"version": 1, "tags": "vip", "note": "Ring", "contact_email": "eve@example.com"}

    asked = client.get(url)
    previewed = client.post(url, {**typed, "preview": "1"})
    client.post(url, typed)

    assert set(asked.context["form"].fields) == {"version", "shown", "tags", "reason"}
    assert told_by(asked) == told_by(previewed) == told_by(client.get(page_of(order))) == []
    assert [change.name for change in previewed.context["preview"].changes] == ["tags"]
    order.refresh_from_db()
    assert (order.tags, order.note, order.contact_email) == (["vip"], "Ring twice", "ada@example.com")


def test_whoever_may_see_it_changes_it_and_sees_the_change_before_it_is_made(staff, order):
    client = staff(permissions=[*MAY_CHANGE, "view_personal_data"])

    page = client.get(operation_page(order, "change_details"))

    assert told_by(page) == TELLING
    assert page.context["form"]["contact_email"].value() == "ada@example.com"


@pytest.fixture
def undone(database: None) -> Iterator[None]:
    """Groups stay from test to test, so what is done to them is undone."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_what_keys_and_staff_could_see_until_now_they_still_see(storefront, undone):
    make_key(storefront, name="reader", scopes=[Scope.ORDERS_READ, Scope.ORDERS_WRITE])
    make_key(storefront, name="writer", scopes=[Scope.ORDERS_WRITE])
    seeing, blind = Group.objects.create(name="night shift"), Group.objects.create(name="blind")
    ann = User.objects.create_user("ann", is_staff=True)
    seeing.permissions.set(Permission.objects.filter(codename="view_order"))
    ann.user_permissions.set(Permission.objects.filter(codename="view_order"))

    for _ in range(2):  # a repeat is harmless
        migrate()

    scopes = {key.name: key.scopes for key in ApiKey.objects.all()}
    assert scopes == {"reader": ["orders:read", "orders:write", "customers:read"], "writer": ["orders:write"]}
    assert ann.has_perm("orders.view_personal_data")
    assert seeing.permissions.filter(codename="view_personal_data").exists()
    assert not blind.permissions.exists()


def migrate() -> None:
    with connection.cursor() as cursor:
        for operation in importlib.import_module("orders.migrations.0009_rights_so_far").Migration.operations:
            cursor.execute(operation.sql)
