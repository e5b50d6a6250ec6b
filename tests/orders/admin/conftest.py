"""Staff at the back office, and orders to work on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from orders import operations
from orders.changes import Origin
from orders.models import Order
from orders.statuses import CancelReason

_SYSTEM = Origin(actor="system:test")


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
def order_in(place_order: Callable[..., dict[str, Any]]) -> Callable[..., Order]:
    """An order of two cups that has come as far as the named status: `order_in("shipped")`, `order_in("deleted")`."""

    def make(status: str, **kwargs: Any) -> Order:
        order_id = UUID(place_order(cup=2, **kwargs)["id"])
        everyone: dict[str, Any] = {"storefront_id": None, "origin": _SYSTEM}
        if status in ("confirmed", "shipped", "completed"):
            operations.confirm_order(order_id, **everyone)
        if status in ("shipped", "completed"):
            operations.ship_order(order_id, **everyone)
        if status == "completed":
            operations.complete_order(order_id, **everyone)
        if status == "canceled":
            operations.cancel_order(order_id, cause=CancelReason.CUSTOMER, **everyone)
        if status == "deleted":
            operations.delete_order(order_id, **everyone)
        order: Order = Order.all_objects.get(pk=order_id)
        return order

    return make


def page_of(order: Order) -> str:
    return reverse("admin:orders_order_change", args=[order.pk])


def step_of(order: Order, slug: str) -> str:
    return reverse(f"admin:orders_order_step_{slug}", args=[order.pk])


def listed(response: HttpResponse) -> list[str]:
    """Numbers of the orders on a page of the list."""
    return [order.number for order in response.context["cl"].result_list]  # type: ignore[attr-defined]


def messages_of(response: HttpResponse) -> list[str]:
    return [str(message) for message in response.context["messages"]]  # type: ignore[attr-defined]
