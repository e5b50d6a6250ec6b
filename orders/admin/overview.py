"""The first page: what waits for somebody. Every count stops early, so none grows with the tables."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from events.inbox.models import IncomingEvent
from events.models import OutboxEntry, WebhookEndpoint
from orders.admin.display.pills import status_pill
from orders.admin.operations.staff_requests import Staff, limited, storefronts_of, user_of
from orders.models import Order
from orders.models.querysets import OrderQuerySet
from orders.rules.currencies import format_amount
from orders.rules.statuses import OrderStatus

_COUNTED: Final = 100
_LATEST: Final = 10
_STATUS_CARDS: Final = {
    OrderStatus.PENDING: "Pending",
    OrderStatus.CONFIRMED: "To be shipped",
    OrderStatus.SHIPPED: "Under way",
}


class Card(NamedTuple):
    title: str
    shown: str
    href: str
    alert: bool = False


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """UNFOLD's DASHBOARD_CALLBACK: adds to the context of the index page."""
    user = user_of(request)
    cards: list[Card] = []
    latest: list[dict[str, Any]] = []
    if user.has_perm("orders.view_order"):
        cards += _order_cards(user)
        latest = [
            {
                "order": order,
                "pill": status_pill(order),
                "total": format_amount(order.total_amount, order.currency),
                "href": reverse("admin:orders_order_change", args=[order.pk]),
            }
            for order in _latest(user)
        ]
    if user.has_perm("events.view_outboxentry"):
        cards += _event_cards(user)
    if user.has_perm("events.view_webhookendpoint"):
        cards += _webhook_cards(user)
    if user.has_perm("events.view_incomingevent") and storefronts_of(user) is None:
        cards.append(_inbox_card())
    return context | {
        "title": "Overview",
        "cards": cards,
        "latest": latest,
        "may_search": user.has_perm("orders.view_order"),
        "orders_url": reverse("admin:orders_order_changelist"),
    }


def _latest(user: Staff) -> QuerySet[Order]:
    orders: OrderQuerySet = Order.objects.all()
    storefronts = storefronts_of(user)
    newest = orders if storefronts is None else orders.newest_of_each(storefronts, _LATEST)
    return newest.select_related("storefront").order_by("-id")[:_LATEST]


def _order_cards(user: Staff) -> list[Card]:
    orders = reverse("admin:orders_order_changelist")
    cards = []
    live: OrderQuerySet = Order.objects.in_any_storefront()
    for status, title in _STATUS_CARDS.items():
        cards.append(Card(title, _bounded(limited(live.in_status(status), user))[1], f"{orders}?status={status}"))
    cards.append(Card("On hold", _bounded(limited(Order.objects.held_up(), user))[1], f"{orders}?held_up=yes"))
    untold, shown = _bounded(limited(Order.all_objects.awaiting_inventory(), user))
    return [*cards, Card("Inventory to be told", shown, f"{orders}?inventory=waiting", alert=untold > 0)]


def _event_cards(user: Staff) -> list[Card]:
    outbox = reverse("admin:events_outboxentry_changelist")
    parked, shown = _bounded(limited(OutboxEntry.objects.parked(), user))
    return [
        Card("Events to be sent", _bounded(limited(OutboxEntry.objects.all(), user))[1], outbox),
        Card("Events parked", shown, f"{outbox}?state=parked", alert=parked > 0),
    ]


def _webhook_cards(user: Staff) -> list[Card]:
    """Only where there is something to do: most storefronts have no endpoint."""
    disabled, shown = _bounded(limited(WebhookEndpoint.objects.stopped_by_failures(), user))
    page = reverse("admin:events_webhookendpoint_changelist")
    return [Card("Webhooks disabled by failures", shown, f"{page}?stopped=yes", alert=True)] if disabled else []


def _inbox_card() -> Card:
    dead, shown = _bounded(IncomingEvent.objects.dead())
    return Card("Dead letters", shown, f"{reverse('admin:events_incomingevent_changelist')}?state=dead", alert=dead > 0)


def _bounded(rows: QuerySet[Any]) -> tuple[int, str]:
    """How many, counting no further than it takes to say "many"."""
    count = rows.order_by()[: _COUNTED + 1].count()
    return count, f"{_COUNTED}+" if count > _COUNTED else str(count)
