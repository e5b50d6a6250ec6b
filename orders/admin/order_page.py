"""Everything the page of one order shows, by a fixed number of queries."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString
from django_countries import countries

from orders.admin.pills import fulfillment_pill, payment_pill, status_pill
from orders.admin.staff_requests import Staff
from orders.admin.steps import STEPS
from orders.admin.timeline import timeline_of
from orders.currencies import format_amount
from orders.models import Order
from orders.statuses import CancelReason, OrderStatus

_ADDRESS_LINES: Final = ("name", "line1", "line2")


class Row(NamedTuple):
    label: str
    value: str
    href: str = ""


def context_of(order: Order, user: Staff) -> dict[str, Any]:
    """The context of the page's template."""
    return {
        "order": order,
        "pills": _pills(order),
        "facts": _facts(order),
        "amounts": _amounts(order),
        "items": [
            {"item": item, "unit": format_amount(item.unit_amount, order.currency), "sum": _line_sum(order, item)}
            for item in order.items.order_by("position")
        ],
        "shipping_address": address_lines(order.shipping_address),
        "billing_address": address_lines(order.billing_address),
        "metadata": sorted(order.metadata.items()),
        "shipments": list(order.shipments.order_by("id")),
        "reservation": _reservation(order, user),
        "timeline": timeline_of(order) if user.has_perm("events.view_event") else None,
        "outbox_url": _outbox_url(order, user),
    }


def buttons_for(order: Order, user: Staff) -> list[dict[str, Any]]:
    """A button for each step that the user may do and the order can take, as unfold's header draws them."""
    return [
        {
            "title": step.title,
            "icon": step.icon,
            "variant": step.variant,
            "attrs": {},
            "dialog": None,
            "path": reverse(f"admin:orders_order_step_{step.slug}", args=[order.pk]),
        }
        for step in STEPS.values()
        if step.allowed_to(user) and step.refusal(order) is None
    ]


def address_lines(address: dict[str, str | None] | None) -> list[str]:
    """An address as it stands on a parcel; nothing when there is none."""
    if not address:
        return []
    place = " ".join(filter(None, (address.get("city"), address.get("region"), address.get("postal_code"))))
    country = address.get("country")
    lines = [*(address.get(name) for name in _ADDRESS_LINES), place, country and countries.name(country)]
    return [str(line) for line in lines if line]


def _pills(order: Order) -> list[tuple[str, SafeString]]:
    return [
        ("Status", status_pill(order)),
        ("Payment", payment_pill(order)),
        ("Fulfillment", fulfillment_pill(order)),
    ]


def _facts(order: Order) -> list[Row]:
    customer = reverse("admin:orders_order_changelist") + "?" + urlencode({"q": order.customer_id})
    rows = [
        Row("Storefront", f"{order.storefront.name} ({order.storefront.code})"),
        Row("Customer", order.customer_id, customer),
        Row("External reference", order.external_reference or "–"),
        Row("Placed", f"{order.placed_at:%Y-%m-%d %H:%M:%S} UTC"),
        Row("Last change", f"{order.updated_at:%Y-%m-%d %H:%M:%S} UTC"),
        Row("Version", str(order.version)),
        Row("Id", str(order.pk)),
    ]
    if order.cancel_reason:
        rows.append(Row("Canceled because", str(CancelReason(order.cancel_reason).label)))
    return rows


def _amounts(order: Order) -> list[Row]:
    return [
        Row("Items", format_amount(order.items_amount, order.currency)),
        Row("Shipping", format_amount(order.shipping_amount, order.currency)),
        Row("Tax", format_amount(order.tax_amount, order.currency)),
        Row("Discount", format_amount(-order.discount_amount, order.currency)),
        Row("Total", format_amount(order.total_amount, order.currency)),
    ]


def _line_sum(order: Order, item: Any) -> str:
    amount = None if item.unit_amount is None else item.unit_amount * item.quantity
    return format_amount(amount, order.currency)


def _reservation(order: Order, user: Staff) -> list[Row]:
    if order.reservation_id is None:
        return []
    href = ""
    if user.has_perm("inventory_client.view_reservation") and not settings.INVENTORY_URL:
        href = reverse("admin:inventory_client_reservation_change", args=[order.reservation_id])
    rows = [Row("Reservation", str(order.reservation_id), href)]
    if order.reserved_until and order.status == OrderStatus.PENDING:
        rows.append(Row("Reserved until", f"{order.reserved_until:%Y-%m-%d %H:%M} UTC"))
    told = {"confirm": "to confirm it", "release": "to release it", None: "nothing"}[order.stock_action]
    rows.append(Row("Still to be told", told))
    return rows


def _outbox_url(order: Order, user: Staff) -> str:
    if not user.has_perm("events.view_outboxentry"):
        return ""
    return reverse("admin:events_outboxentry_changelist") + f"?q={order.pk}"
