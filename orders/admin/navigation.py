"""The side bar: what of the back office the user may see."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from orders.admin.operations.staff_requests import user_of

# Title, icon, admin page, permission.
_GROUPS: Final = (
    (
        "Orders",
        (
            ("Orders", "receipt_long", "orders_order", "orders.view_order"),
            ("Requested orders", "pending_actions", "orders_requestedorder", "orders.view_requestedorder"),
            ("Bulk runs", "playlist_add_check", "orders_bulkrun", "orders.view_order"),
            ("Payments to look at", "flag", "orders_paymentrecord", "orders.view_order"),
            ("Storefronts", "storefront", "orders_storefront", "orders.view_storefront"),
            ("API keys", "key", "orders_apikey", "orders.view_apikey"),
        ),
    ),
    (
        "Inventory",
        (
            ("Stock", "inventory_2", "inventory_client_stock", "inventory_client.view_stock"),
            ("Reservations", "lock", "inventory_client_reservation", "inventory_client.view_reservation"),
        ),
    ),
    (
        "Events",
        (
            ("Event log", "history", "events_event", "events.view_event"),
            ("Outbox", "outbox", "events_outboxentry", "events.view_outboxentry"),
            ("Skipped events", "skip_next", "events_skippedevent", "events.view_skippedevent"),
            ("Webhooks", "webhook", "events_webhookendpoint", "events.view_webhookendpoint"),
            ("Incoming events", "inbox", "events_incomingevent", "events.view_incomingevent"),
        ),
    ),
    (
        "Staff",
        (
            ("Users", "person", "auth_user", "auth.view_user"),
            ("Groups", "group", "auth_group", "auth.view_group"),
            ("Failed sign-ins", "gpp_maybe", "orders_failedsignins", "orders.view_failedsignins"),
            ("Staff log", "description", "admin_logentry", "admin.view_logentry"),
            ("Changes", "published_with_changes", "audit_entry", "audit.view_entry"),
        ),
    ),
)


def style_sheet(request: HttpRequest) -> str:
    """For UNFOLD's STYLES: asked for late, when the names of the collected files are known."""
    return static("orders/back-office.css")


def script(request: HttpRequest) -> str:
    return static("orders/back-office.js")


def favicon(request: HttpRequest) -> str:
    return static("orders/favicon.svg")


def side_bar(request: HttpRequest) -> list[dict[str, Any]]:
    """UNFOLD's SIDEBAR navigation. A group without an item the user may see is left out."""
    user = user_of(request)
    groups: list[dict[str, Any]] = [
        {"title": "", "items": [{"title": "Overview", "icon": "home", "link": reverse("admin:index")}]}
    ]
    for title, entries in _GROUPS:
        if title == "Inventory" and settings.INVENTORY_URL:
            continue  # the stock is elsewhere
        items = [
            {"title": name, "icon": icon, "link": reverse(f"admin:{page}_changelist")}
            for name, icon, page, permission in entries
            if user.has_perm(permission)
        ]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups
