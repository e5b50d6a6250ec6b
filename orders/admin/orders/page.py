"""Everything the page of one order shows, by a bounded number of queries."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString
from django_countries import countries
from unfold.enums import ActionVariant

from orders.admin.display.contents import contents_in_words, contents_of, hold_label, product_names
from orders.admin.display.pills import fulfillment_pill, payment_pill, refund_pill, return_pill, status_pill
from orders.admin.operations.staff_operation import Place, StaffOperation
from orders.admin.operations.staff_requests import Staff, sight_of
from orders.admin.operations.table import STAFF_OPERATIONS
from orders.admin.orders.customer_pages import may_erase
from orders.admin.orders.timeline import timeline_of
from orders.models import Credit, Order, OrderItem, PaymentRecord, Refund, Return, Shipment
from orders.operations.erasing import ERASED
from orders.rules.currencies import format_amount
from orders.rules.lifecycle import Operation
from orders.rules.sight import Sight
from orders.rules.statuses import CancelReason, Condition, OrderStatus, RefundState

_ADDRESS_LINES: Final = ("name", "line1", "line2")

# What can be done with a part beside it, and how that is called there.
_WITH_PARCEL: Final = {
    Operation.PACK: "Pack anew",
    Operation.SHIP: "Ship",
    Operation.TRACK: "Tracking",
    Operation.DELIVER: "Delivered",
    Operation.UNDO_SHIPMENT: "Has not left",
    Operation.UNDO_DELIVERY: "Has not arrived",
}
_WITH_PAYMENT: Final = {Operation.CORRECT_PAYMENT: "Take back"}
_WITH_REFUND: Final = {
    Operation.APPROVE_REFUND: "Approve",
    Operation.REJECT_REFUND: "Reject",
    Operation.FAIL_REFUND: "Failed",
}
_WITH_RETURN: Final = {
    Operation.APPROVE_RETURN: "Approve",
    Operation.REJECT_RETURN: "Reject",
    Operation.RECEIVE_RETURN: "Receive",
    Operation.CLOSE_RETURN: "Never arrived",
}
_WITH_HOLD: Final = {Operation.RELEASE_HOLD: "Release"}


class Row(NamedTuple):
    label: str
    value: str
    href: str = ""


class Button(NamedTuple):
    title: str
    href: str
    icon: str = ""


def context_of(order: Order, user: Staff) -> dict[str, Any]:
    """The context of the page's template; the order comes `with_parts`."""
    buttons = _Buttons(order, user)
    return {
        "order": order,
        "actions_detail": buttons.of_header(),
        "holds": [_hold(hold, buttons) for hold in order.holds],
        "pills": _pills(order),
        "facts": _facts(order),
        "items": [_item(item, order) for item in order.lines],
        "item_buttons": buttons.at(Place.ITEMS),
        "parcels": [_parcel(parcel, order, buttons) for parcel in order.shipments.all()],
        "parcel_buttons": buttons.at(Place.SHIPMENTS),
        "price": _price(order),
        "money": _money(order),
        "payments": _payments(order, buttons),
        "payment_buttons": buttons.at(Place.PAYMENTS),
        "credits": [_credit(credit, order) for credit in order.credits.all()] if order.credit_count else [],
        "refunds": [_refund(refund, order, buttons) for refund in order.refunds.all()],
        "returns": [_return(announced, order, buttons) for announced in order.returns.all()],
        "return_buttons": buttons.at(Place.RETURNS),
        "customer": _customer(order) if sight_of(user) is Sight.CUSTOMER else None,
        "customer_buttons": _customer_buttons(order, user),
        "metadata": sorted(order.metadata.items()),
        "reservation": _reservation(order, user),
        "timeline": timeline_of(order) if user.has_perm("events.view_event") else None,
        "outbox_url": _outbox_url(order, user),
    }


class _Buttons:
    """The operations that the user may take and the order allows; others have no button."""

    def __init__(self, order: Order, user: Staff) -> None:
        self._order = order
        self._operations = [
            operation
            for operation in STAFF_OPERATIONS.values()
            if operation.allowed_to(user) and operation.refusal(order, user) is None
        ]
        self._parts = {
            operation.name: {part.id for part in operation.parts(order, user)} for operation in self._operations
        }

    def of_header(self) -> list[dict[str, Any]]:
        """As unfold draws them: the next operations side by side, the others in a menu."""
        shown = [self._for_unfold(operation) for operation in self._operations if operation.place is Place.HEADER]
        menu = [self._for_unfold(operation) for operation in self._operations if operation.place is Place.MENU]
        if menu:
            more = {"title": "More", "icon": "more_horiz", "method_name": "more", "items": menu}
            shown.append(more | {"variant": ActionVariant.DEFAULT, "attrs": {}, "dialog": None, "path": ""})
        return shown

    def at(self, place: Place) -> list[Button]:
        return [
            Button(operation.title, self._url(operation), operation.icon)
            for operation in self._operations
            if operation.place is place
        ]

    def beside(self, part_id: str, titles: dict[Operation, str]) -> list[Button]:
        """What can be done with a part of the order."""
        return [
            Button(titles[operation.name], f"{self._url(operation)}?{urlencode({'part': part_id})}")
            for operation in self._operations
            if operation.name in titles and part_id in self._parts[operation.name]
        ]

    def paying_out(self, refund: Refund) -> list[Button]:
        """A refund is paid out by a payment record that names it."""
        operation = STAFF_OPERATIONS[Operation.RECORD_PAYMENT]
        if refund.state != RefundState.APPROVED or operation not in self._operations:
            return []
        return [Button("Paid out", f"{self._url(operation)}?{urlencode({'part': str(refund.pk)})}")]

    def _url(self, operation: StaffOperation) -> str:
        return reverse(f"admin:orders_order_operation_{operation.slug}", args=[self._order.pk])

    def _for_unfold(self, operation: StaffOperation) -> dict[str, Any]:
        return {
            "title": operation.title,
            "icon": operation.icon,
            "variant": operation.variant,
            "attrs": {},
            "dialog": None,
            "path": self._url(operation),
        }


def _customer(order: Order) -> dict[str, Any]:
    """What tells of a person."""
    return {
        "email": order.contact_email,
        "phone": order.contact_phone,
        "phone_e164": order.contact_phone_e164,
        "shipping_address": address_lines(order.shipping_address),
        "billing_address": address_lines(order.billing_address),
        "note": order.note,
    }


def address_lines(address: dict[str, str | None] | None) -> list[str]:
    """An address as it stands on a parcel; nothing when there is none."""
    if not address:
        return []
    place = " ".join(filter(None, (address.get("city"), address.get("region"), address.get("postal_code"))))
    country = address.get("country")
    lines = [*(address.get(name) for name in _ADDRESS_LINES), place, country and countries.name(country)]
    return [str(line) for line in lines if line]


def _hold(hold: dict[str, Any], buttons: _Buttons) -> dict[str, Any]:
    return {
        "label": hold_label(hold),
        "placed_by": hold["placed_by"],
        "placed_at": parse_datetime(hold["placed_at"]),
        "blocks": ", ".join(hold["blocks"]),
        "buttons": buttons.beside(hold["id"], _WITH_HOLD),
    }


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
    if order.delivered_at:
        rows.append(Row("Delivered", f"{order.delivered_at:%Y-%m-%d %H:%M:%S} UTC"))
    if order.cancel_reason:
        rows.append(Row("Canceled because", str(CancelReason(order.cancel_reason).label)))
    return rows


def _item(item: OrderItem, order: Order) -> dict[str, Any]:
    parts = [("discount", item.discount_amount), ("tax", item.tax_amount)]
    return {
        "item": item,
        "parts": ", ".join(f"{name} {format_amount(amount, order.currency)}" for name, amount in parts if amount),
        "unit": format_amount(item.unit_amount, order.currency),
        "counts": [item.quantity, item.canceled, item.shipped, item.returned, item.restocked, item.open],
        "sum": format_amount(item.line_amount, order.currency),
    }


def _parcel(parcel: Shipment, order: Order, buttons: _Buttons) -> dict[str, Any]:
    return {
        "parcel": parcel,
        "contents": contents_in_words(contents_of(parcel), product_names(order)),
        "buttons": buttons.beside(str(parcel.pk), _WITH_PARCEL),
    }


def _customer_buttons(order: Order, user: Staff) -> list[Button]:
    if order.customer_id == ERASED or not may_erase(user):
        return []
    titles = {"export": ("Export", "download"), "erase": ("Erase", "person_off")}
    return [
        Button(title, reverse(f"admin:orders_order_{name}_customer", args=[order.pk]), icon)
        for name, (title, icon) in titles.items()
    ]


def _payments(order: Order, buttons: _Buttons) -> list[dict[str, Any]]:
    payments = list(order.payments.all())
    corrected = {payment.corrects_id for payment in payments}
    return [_payment(payment, order, buttons, corrected=corrected) for payment in payments]


def _payment(
    payment: PaymentRecord, order: Order, buttons: _Buttons, *, corrected: Collection[UUID | None]
) -> dict[str, Any]:
    return {
        "payment": payment,
        "corrected": payment.pk in corrected,
        "amount": format_amount(payment.amount, payment.currency or order.currency),
        "buttons": buttons.beside(str(payment.pk), _WITH_PAYMENT),
    }


def _credit(credit: Credit, order: Order) -> dict[str, Any]:
    names = product_names(order)
    units = [(names.get(line.item_id, "a removed item"), line.quantity) for line in credit.parts]
    return {
        "credit": credit,
        "what": ", ".join(f"{quantity} × {name}" if quantity else name for name, quantity in units),
        "amount": format_amount(credit.amount, order.currency),
    }


def _refund(refund: Refund, order: Order, buttons: _Buttons) -> dict[str, Any]:
    return {
        "refund": refund,
        "amount": format_amount(refund.amount, order.currency),
        "paid": format_amount(refund.settled_amount, order.currency) if _paid_otherwise(refund) else "",
        "unapproved": not refund.is_agreed and refund.settled_amount > 0,
        "goodwill": format_amount(refund.goodwill_amount, order.currency) if refund.goodwill_amount else "",
        "pill": refund_pill(refund),
        "buttons": [*buttons.beside(str(refund.pk), _WITH_REFUND), *buttons.paying_out(refund)],
    }


def _paid_otherwise(refund: Refund) -> bool:
    """In part so far, more than was asked for, or though nobody has approved it."""
    return refund.settled_amount != (refund.amount if refund.state == RefundState.SETTLED else 0)


def _return(announced: Return, order: Order, buttons: _Buttons) -> dict[str, Any]:
    names = product_names(order)
    lines = [
        {
            "line": line,
            "product": names.get(line.item_id, "a removed item"),
            "condition": str(Condition(line.condition).label) if line.condition else "",
        }
        for line in announced.items.all()
    ]
    return {
        "return": announced,
        "pill": return_pill(announced),
        "lines": lines,
        "buttons": buttons.beside(str(announced.pk), _WITH_RETURN),
    }


def _price(order: Order) -> list[Row]:
    amounts = [
        ("Items", order.items_amount),
        ("Shipping", order.shipping_amount),
        ("Tax, included" if order.tax_included else "Tax", order.tax_amount),
        ("Discount", -order.discount_amount),
        ("Total", order.total_amount),
    ]
    return [Row(label, format_amount(amount, order.currency)) for label, amount in amounts]


def _money(order: Order) -> list[Row]:
    """What became of the total."""
    due = order.due_amount
    amounts = [
        ("Credited", -order.credited_amount),
        ("Authorized", order.authorized_amount),
        ("Captured", order.captured_amount),
        ("Refunded", -order.refunded_amount),
        ("Charged back", -order.charged_back_amount),
        ("Refunds to come", -order.refund_pending_amount),
    ]
    rows = [Row(label, format_amount(amount, order.currency)) for label, amount in amounts if amount]
    if due is None:  # no prices: nobody knows
        return rows
    balance = due - order.kept_amount
    label = "Balance, still due" if balance > 0 else "Balance, paid too much" if balance < 0 else "Balance"
    return [*rows, Row(label, format_amount(balance, order.currency))]


def _reservation(order: Order, user: Staff) -> list[Row]:
    if order.reservation_id is None:
        return []
    href = ""
    if user.has_perm("inventory_client.view_reservation") and not settings.INVENTORY_URL:
        href = reverse("admin:inventory_client_reservation_change", args=[order.reservation_id])
    rows = [Row("Reservation", str(order.reservation_id), href)]
    if order.reserved_until and order.status == OrderStatus.PENDING:
        rows.append(Row("Reserved until", f"{order.reserved_until:%Y-%m-%d %H:%M} UTC"))
    told = {"confirm": "to confirm it", "adjust": "other units", "release": "to release it", None: "nothing"}[
        order.stock_action
    ]
    rows.append(Row("Still to be told", told))
    return rows


def _outbox_url(order: Order, user: Staff) -> str:
    if not user.has_perm("events.view_outboxentry"):
        return ""
    return reverse("admin:events_outboxentry_changelist") + f"?q={order.pk}"
