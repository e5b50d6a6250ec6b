"""Orders on paper: packing slips, which go into the parcel, and summaries. Each order begins a sheet of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from orders.admin.display.contents import hold_label
from orders.admin.operations.staff_requests import sight_of, user_of
from orders.admin.orders.page import address_lines, money_of, price_of
from orders.models import Order, OrderItem, Shipment
from orders.operations.units import units_by_parcel
from orders.rules.currencies import format_amount
from orders.rules.lifecycle import Operation
from orders.rules.sight import Sight
from orders.rules.statuses import OrderStatus, RefundState
from orders.rules.time_zones import zone_called

MOST_PAPERS: Final = 100


class Unit(NamedTuple):
    """A line of a packing slip."""

    name: str
    product_id: str
    quantity: int


class Parcel(NamedTuple):
    title: str
    units: list[Unit]


class Paper(NamedTuple):
    """`what` is one, `many` several of them; `of` makes what the template shows of an order."""

    slug: str
    what: str
    many: str
    icon: str
    of: Callable[[Order], dict[str, Any]]

    @property
    def template(self) -> str:
        return f"admin/orders/order/papers/{self.slug}.html"


def _packing_slip(order: Order) -> dict[str, Any]:
    """What is still to leave, as it is packed. There is no price on it."""
    packed, rest = units_by_parcel(order)
    parcels = [
        Parcel(_title(number, shipment), _units(order.lines, contents))
        for number, (shipment, contents) in enumerate(packed, start=1)
    ]
    if rest:
        parcels.append(Parcel("Still to be packed" if parcels else "To be packed", _units(order.lines, rest)))
    return {"parcels": parcels, "stop": _not_to_be_packed(order)}


def _title(number: int, shipment: Shipment) -> str:
    packed = f"packed {timezone.localtime(shipment.packed_at):%Y-%m-%d}" if shipment.packed_at else "being prepared"
    way = " ".join(filter(None, (shipment.tracking_company, shipment.tracking_number)))
    return f"Parcel {number}, {packed}{f', {way}' if way else ''}"


def _units(lines: Iterable[OrderItem], counts: dict[UUID, int]) -> list[Unit]:
    return [
        Unit(item.name or item.product_id, item.product_id, counts[item.pk])
        for item in lines
        if counts.get(item.pk, 0) > 0
    ]


def _not_to_be_packed(order: Order) -> str:
    """Why nothing of it is to leave now."""
    if order.deleted_at is not None:
        return "Do not ship: the order is deleted."
    if order.status == OrderStatus.PENDING:
        return "Do not ship yet: the order is not confirmed."
    if holds := order.blocking_holds(Operation.SHIP):
        return f"Do not ship: on hold, {', '.join(hold_label(hold).lower() for hold in holds)}."
    return ""


def _summary(order: Order) -> dict[str, Any]:
    def money(amount: int | None) -> str:
        return format_amount(amount, order.currency)

    payments = list(order.payments.all())
    corrected = {payment.corrects_id for payment in payments}
    return {
        "items": [
            {
                "item": item,
                "name": item.name or item.product_id,
                "unit": money(item.unit_amount),
                "parts": ", ".join(
                    f"{name} {money(amount)}"
                    for name, amount in (("discount", item.discount_amount), ("tax", item.tax_amount))
                    if amount
                ),
                "sum": money(item.line_amount),
            }
            for item in order.lines
        ],
        "price": price_of(order),
        "money": money_of(order),
        "payments": [
            (payment, format_amount(payment.amount, payment.currency or order.currency))
            for payment in payments
            if payment.pk not in corrected and payment.corrects_id is None
        ],
        "refunds": [
            (RefundState(refund.state).label, refund.requested_at, money(refund.amount))
            for refund in order.refunds.all()
        ],
        "parcels": [shipment for shipment in order.shipments.all() if shipment.shipped_at is not None],
    }


PAPERS: Final = {
    paper.slug: paper
    for paper in (
        Paper("packing_slip", "Packing slip", "Packing slips", "package_2", _packing_slip),
        Paper("summary", "Order summary", "Order summaries", "description", _summary),
    )
}


def papers_page(model_admin: ModelAdmin, request: HttpRequest, *, paper: Paper) -> HttpResponse:
    """A page to be printed, of the orders that its address names. Raises Http404 where the user sees none of them."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    asked = list(dict.fromkeys(filter(None, map(_uuid, request.GET.get("orders", "").split(",")))))
    chosen = asked[:MOST_PAPERS]
    rows = model_admin.get_queryset(request).filter(pk__in=chosen).with_parts().select_related("storefront")
    known = {order.pk: order for order in rows}
    orders = [known[order_id] for order_id in chosen if order_id in known]
    if not orders:
        raise Http404("None of these orders is known.")
    sees_person = sight_of(user_of(request)) is Sight.CUSTOMER
    return TemplateResponse(
        request,
        paper.template,
        {
            "title": f"{paper.what} {orders[0].number}" if len(orders) == 1 else f"{len(orders)} {paper.many.lower()}",
            "notices": _notices(len(asked), len(chosen) - len(orders), more="more" in request.GET),
            "others": [
                (other.what if len(orders) == 1 else other.many, papers_url(other, known))
                for other in PAPERS.values()
                if other is not paper
            ],
            "back": (
                reverse("admin:orders_order_change", args=[orders[0].pk])
                if len(asked) == 1
                else reverse("admin:orders_order_changelist")
            ),
            "sees_person": sees_person,
            "papers": [_sheet(paper, order, sees_person) for order in orders],
        },
    )


def _sheet(paper: Paper, order: Order, sees_person: bool) -> dict[str, Any]:
    """Papers leave the house: their days are the storefront's, whoever prints them."""
    zone = zone_called(order.storefront.time_zone)
    with timezone.override(zone):
        return {"order": order, "zone": zone, **_heads(order, sees_person), **paper.of(order)}


def _heads(order: Order, sees_person: bool) -> dict[str, Any]:
    if not sees_person:
        return {}
    return {
        "shipping_address": address_lines(order.shipping_address),
        "billing_address": address_lines(order.billing_address),
        "contact": [each for each in (order.contact_email, order.contact_phone) if each],
        "note": order.note,
    }


def _notices(asked: int, missing: int, *, more: bool) -> list[str]:
    told = []
    if more or asked > MOST_PAPERS:
        told.append(f"No more than {MOST_PAPERS} are printed at once: these are the first of them.")
    if missing:
        told.append(f"{missing} of the orders {'is' if missing == 1 else 'are'} not known.")
    return told


def papers_url(paper: Paper, order_ids: Iterable[UUID], *, more: bool = False) -> str:
    query = {"orders": ",".join(map(str, order_ids))} | ({"more": "yes"} if more else {})
    return f"{reverse(f'admin:orders_order_{paper.slug}')}?{urlencode(query, safe=',')}"


def print_chosen(paper: Paper, order_ids: list[UUID]) -> HttpResponse:
    """To the page of what was chosen in the list."""
    return HttpResponseRedirect(papers_url(paper, order_ids[:MOST_PAPERS], more=len(order_ids) > MOST_PAPERS))


class PaperButton(NamedTuple):
    title: str
    icon: str
    href: str


def paper_buttons(order: Order) -> list[PaperButton]:
    """What can be printed of one order, for its page."""
    return [PaperButton(paper.what, paper.icon, papers_url(paper, [order.pk])) for paper in PAPERS.values()]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
