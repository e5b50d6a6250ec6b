"""Staff at the back office, and orders to work on."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.forms import BoundField, Select
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from orders.models import Order, Storefront
from tests.base import perform
from tests.orders.admin.things import Thing, things_of
from tests.orders.asking import sell


@pytest.fixture
def staff(database: None) -> Callable[..., Client]:
    """A browser with somebody signed in: `staff("support")`, or `staff(permissions=["view_order"])`."""

    def sign_in(group: str | None = None, *, permissions: list[str] | None = None) -> Client:
        user = User.objects.create_user(f"{group or 'ann'}", is_staff=True)
        if group is not None:
            user.groups.add(Group.objects.get(name=group))
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions or []))
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in


@pytest.fixture
def admin(database: None) -> Client:
    """A browser with somebody signed in who may do everything."""
    client = Client()
    user = User.objects.create_superuser("ann")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def colleague(database: None) -> Client:
    """Somebody else who may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser("eve"), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def order_in(place_order: Callable[..., dict[str, Any]]) -> Callable[..., Order]:
    """An order of two cups that has come as far as the named status: `order_in("shipped")`, `order_in("deleted")`."""

    def make(status: str, **kwargs: Any) -> Order:
        order_id = UUID(place_order(cup=2, **kwargs)["id"])
        if status in ("confirmed", "shipped", "completed"):
            perform("confirm", order_id)
        if status in ("shipped", "completed"):
            perform("ship", order_id)
        if status == "completed":
            perform("complete", order_id)
        if status == "canceled":
            perform("cancel", order_id)
        if status == "deleted":
            perform("delete", order_id)
        order: Order = Order.all_objects.get(pk=order_id)
        return order

    return make


@pytest.fixture
def sold(api: Client) -> Callable[..., Order]:
    """An order with prices after the named operations: `sold("confirm", "ship")`. Two cups and a plate: 30.00 AUD."""

    def make(*operations: str) -> Order:
        order: Order = Order.all_objects.get(pk=sell(api)["id"])
        for operation in operations:
            perform(operation, order.pk)
        order.refresh_from_db()
        return order

    return make


@pytest.fixture
def things(
    client_of: Callable[..., Client], storefront: Storefront, other_storefront: Storefront
) -> dict[type[Model], tuple[Thing, Thing]]:
    """One of each kind in `au`, and one in `nz`."""
    own, foreign = (things_of(shop, client_of(shop)) for shop in (storefront, other_storefront))
    return {model: (own[model], foreign[model]) for model in own}


def page_of(order: Order) -> str:
    return reverse("admin:orders_order_change", args=[order.pk])


def operation_page(order: Order, slug: str) -> str:
    return reverse(f"admin:orders_order_operation_{slug}", args=[order.pk])


def units_of(order: Order, product_id: str) -> str:
    """The field for units of a product on the page of an operation."""
    return f"units_{order.items.get(product_id=product_id).pk}"


def filled_in(client: Client, order: Order, slug: str, part: object = None) -> dict[str, Any]:
    """What a browser would send of an operation's page if nothing were typed."""
    response = client.get(operation_page(order, slug), {} if part is None else {"part": str(part)})
    form = response.context["form"]
    values = {field.html_name: _chosen(field) for field in form if not field.field.disabled}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def _chosen(field: BoundField) -> Any:
    """A browser chooses the first entry of a list in which nothing is."""
    value, choices = field.value(), getattr(field.field, "choices", None)
    return choices[0][0] if choices and value is None and isinstance(field.field.widget, Select) else value


def do_operation(
    client: Client, order: Order, slug: str, *, part: Any = None, headers: Any = None, **typed: Any
) -> Any:
    """Open the page of an operation, type, and send it; return the page that follows."""
    data = filled_in(client, order, slug, part) | typed
    return client.post(operation_page(order, slug), data, follow=True, headers=headers)


def buttons_on(response: HttpResponse, order: Order) -> set[str]:
    """The operations that a page has buttons for, wherever they stand."""
    return set(re.findall(rf'href="/admin/orders/order/{order.pk}/([a-z_]+)/["?]', response.content.decode())) - {
        "change", "history"
    }  # fmt: skip


def listed(response: HttpResponse) -> list[str]:
    """Numbers of the orders on a page of the list, or of the one that was opened instead."""
    if response.status_code == 302:
        return [Order.all_objects.get(pk=response.headers["Location"].split("/")[-3]).number]
    return [order.number for order in response.context["page"].orders]  # type: ignore[attr-defined]


def messages_of(response: HttpResponse) -> list[str]:
    return [str(message) for message in response.context["messages"]]  # type: ignore[attr-defined]
