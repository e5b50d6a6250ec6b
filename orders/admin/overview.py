"""The first page: what waits for somebody. Every count stops early, so none grows with the tables."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from orders.admin.display.pills import status_pill
from orders.admin.operations.staff_requests import Staff, limited, storefronts_of, user_of
from orders.admin.orders.queues import Card, cards_of, may_claim
from orders.admin.sales_chart import chart_for
from orders.models import Claim, Order
from orders.models.querysets import OrderQuerySet
from orders.reading.queues import counted
from orders.rules.currencies import format_amount

_LATEST: Final = 10


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """UNFOLD's DASHBOARD_CALLBACK: adds to the context of the index page."""
    user = user_of(request)
    latest: list[dict[str, Any]] = []
    if user.has_perm("orders.view_order"):
        latest = [
            {
                "order": order,
                "pill": status_pill(order),
                "total": format_amount(order.total_amount, order.currency),
                "href": reverse("admin:orders_order_change", args=[order.pk]),
            }
            for order in _latest(user)
        ]
    return context | {
        "title": "Overview",
        "cards": cards_of(user),
        "mine": _mine(user) if may_claim(user) else None,
        "sales": chart_for(user) if user.has_perm("orders.view_order") else None,
        "latest": latest,
    }


def _latest(user: Staff) -> QuerySet[Order]:
    orders: OrderQuerySet = Order.objects.all()
    storefronts = storefronts_of(user)
    newest = orders if storefronts is None else orders.newest_of_each(storefronts, _LATEST)
    return newest.select_related("storefront").order_by("-id")[:_LATEST]


def _mine(user: Staff) -> Card:
    """What the user has claimed."""
    claims = limited(Claim.objects.in_force().filter(user=user.pk or 0), user)
    page = reverse("admin:orders_order_changelist")
    return Card("Claimed by me", str(counted(claims)), f"{page}?claimed=mine")
