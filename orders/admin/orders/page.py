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

from orders.admin.display.account import account_of
from orders.admin.display.contents import contents_in_words, contents_of, hold_label, product_names
from orders.admin.display.moments import moment
from orders.admin.display.names import NOBODY, Names
from orders.admin.display.pills import fulfillment_pill, payment_pill, refund_pill, return_pill, status_pill
from orders.admin.operations.staff_operation import Place, StaffOperation, staff_sentence
from orders.admin.operations.staff_requests import Staff, sight_of
from orders.admin.operations.table import STAFF_OPERATIONS
from orders.admin.orders.customer_pages import may_erase
from orders.admin.orders.timeline import Timeline, timeline_of
from orders.models import Credit, Order, OrderItem, PaymentRecord, Refund, Return, Shipment
from orders.reading.documents import whole_document
from orders.rules.balance import balance_of
from orders.rules.currencies import format_amount
from orders.rules.erased import ERASED
from orders.rules.errors import OrderError
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

# What somebody waits for, beside the next steps: so it stands above the fold however long the order is.
_DECISIONS: Final = {
    Operation.APPROVE_REFUND: "Approve refund",
    Operation.APPROVE_RETURN: "Approve return",
    Operation.RECEIVE_RETURN: "Receive return",
}


class Row(NamedTuple):
    label: str
    value: str
    href: str = ""


class Button(NamedTuple):
    """`refusal` says in words why it cannot be used now; `key` is what it is called within the page."""

    title: str
    href: str
    icon: str = ""
    refusal: str = ""
    key: str = ""
    look: str = ""


def context_of(order: Order, user: Staff) -> dict[str, Any]:
    """The context of the page's template; the order comes `with_parts`."""
    timeline = timeline_of(order) if user.has_perm("events.view_event") else None
    names = timeline.names if timeline else NOBODY
    buttons = _Buttons(order, user)
    returns_shown = bool(order.parts.returns) or any(not each.refusal for each in buttons.at(Place.RETURNS))
    return {
        "order": order,
        "deleted_by": names.of(order.deleted_by or ""),
        "balance": balance_of(account_of(whole_document(order))),
        "next_buttons": buttons.next(),
        "more_buttons": buttons.more(),
        "refused_buttons": buttons.refused(but=() if returns_shown else (Place.RETURNS,)),
        "holds": [_hold(hold, buttons, timeline, names) for hold in order.holds],
        "pills": _pills(order),
        "facts": _facts(order),
        "ids": _ids(order),
        "items": [_item(item, order) for item in order.lines],
        "item_buttons": buttons.at(Place.ITEMS),
        "parcels": [_parcel(parcel, order, buttons) for parcel in order.shipments.all()],
        "parcel_buttons": buttons.at(Place.SHIPMENTS),
        "price": price_of(order),
        "money": money_of(order),
        "payments": _payments(order, buttons),
        "payment_buttons": buttons.at(Place.PAYMENTS),
        "credits": [_credit(credit, order) for credit in order.credits.all()] if order.credit_count else [],
        "refunds": [_refund(refund, order, buttons, names) for refund in order.refunds.all()],
        "returns": [_return(announced, order, buttons) for announced in order.returns.all()],
        "returns_shown": returns_shown,
        "return_buttons": buttons.at(Place.RETURNS),
        "customer": _customer(order) if sight_of(user) is Sight.CUSTOMER else None,
        "customer_buttons": _customer_buttons(order, user),
        "metadata": sorted(order.metadata.items()),
        "reservation": _reservation(order, user),
        "timeline": timeline,
        "outbox_url": _outbox_url(order, user),
    }


class _Buttons:
    """The operations that the user may take. What the order does not allow now says why, in the rules' own words."""

    def __init__(self, order: Order, user: Staff) -> None:
        self._order = order
        self._operations = [operation for operation in STAFF_OPERATIONS.values() if operation.allowed_to(user)]
        self._refusals: dict[Operation, str] = {}
        for operation in self._operations:
            if (refusal := operation.refusal(order, user)) is not None:
                self._refusals[operation.name] = _sentence(refusal, order)
        self._parts = {
            operation.name: {part.id for part in operation.parts(order, user)} for operation in self._operations
        }

    def next(self) -> list[Button]:
        """What takes the order further now."""
        return [*self._decisions(), *(button for button in self.at(Place.HEADER) if not button.refusal)]

    def _decisions(self) -> list[Button]:
        """About refunds and returns that wait for the user; of several their page asks which one is meant."""
        waiting = [
            self._button(operation, title=_DECISIONS[operation.name], part=_only(self._parts[operation.name]))
            for operation in self._operations
            if operation.name in _DECISIONS and self._parts[operation.name] and operation.name not in self._refusals
        ]
        approved = [refund for refund in self._order.refunds.all() if refund.state == RefundState.APPROVED]
        pay_out = STAFF_OPERATIONS[Operation.RECORD_PAYMENT]
        if approved and pay_out in self._operations and pay_out.name not in self._refusals:
            part = _only({str(refund.pk) for refund in approved})
            waiting.append(self._button(pay_out, title="Pay refund out", part=part))
        return [
            button._replace(icon="priority_high", look=ActionVariant.PRIMARY.value, key=f"next-{button.key}")
            for button in waiting
        ]

    def more(self) -> list[Button]:
        return [button for button in self.at(Place.MENU) if not button.refusal]

    def refused(self, *, but: Collection[Place] = ()) -> list[Button]:
        """What cannot be done now and has no other place on the page."""
        places = (Place.HEADER, Place.MENU, Place.PART, *but)
        return [button for button in self.at(*places) if button.refusal]

    def at(self, *places: Place) -> list[Button]:
        return [self._button(operation) for operation in self._operations if operation.place in places]

    def beside(self, part_id: str, titles: dict[Operation, str]) -> list[Button]:
        """What can be done with a part of the order, or could be if nothing stood in the way."""
        return [
            self._button(operation, part=part_id, title=titles[operation.name])
            for operation in self._operations
            if operation.name in titles and part_id in self._parts[operation.name]
        ]

    def approving(self, refund: Refund) -> list[Button]:
        """Refused beside it to whoever has requested it."""
        operation = STAFF_OPERATIONS[Operation.APPROVE_REFUND]
        mine = refund.waits_for_approval and str(refund.pk) not in self._parts.get(operation.name, set())
        if operation not in self._operations or not (mine and self._refusals.get(operation.name)):
            return []
        return [self._button(operation, part=str(refund.pk), title=_WITH_REFUND[operation.name])]

    def paying_out(self, refund: Refund) -> list[Button]:
        """A refund is paid out by a payment record that names it."""
        operation = STAFF_OPERATIONS[Operation.RECORD_PAYMENT]
        if refund.state != RefundState.APPROVED or operation not in self._operations:
            return []
        return [self._button(operation, part=str(refund.pk), title="Paid out")]

    def _button(self, operation: StaffOperation, *, part: str = "", title: str = "") -> Button:
        url = reverse(f"admin:orders_order_operation_{operation.slug}", args=[self._order.pk])
        return Button(
            title or operation.title,
            f"{url}?{urlencode({'part': part})}" if part else url,
            "" if title else operation.icon,
            self._refusals.get(operation.name, ""),
            f"{operation.slug}-{part}" if part else operation.slug,
            operation.variant.value,
        )


def _only(parts: Collection[str]) -> str:
    """None, where there are several."""
    return next(iter(parts)) if len(parts) == 1 else ""


def _sentence(refusal: OrderError, order: Order) -> str:
    """As staff are told everywhere; one that begins with what cannot be done begins like any sentence."""
    told = staff_sentence(refusal, order)
    begins_with = refusal.extra.get("operation", "").replace("_", " ")
    return told[0].upper() + told[1:] if begins_with and told.startswith(begins_with) else told


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


def _hold(hold: dict[str, Any], buttons: _Buttons, timeline: Timeline | None, names: Names) -> dict[str, Any]:
    return {
        "label": hold_label(hold),
        "reason": timeline.reason_of_hold(hold["id"]) if timeline else "",
        "placed_by": names.of(hold["placed_by"]),
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
    customer = reverse("admin:orders_order_changelist") + "?" + urlencode({"customer": order.customer_id})
    rows = [
        Row("Storefront", f"{order.storefront.name} ({order.storefront.code})"),
        Row("Customer", order.customer_id, customer),
        Row("Placed", moment(order.placed_at)),
        Row("Last change", moment(order.updated_at)),
    ]
    if order.external_reference:
        rows.insert(2, Row("Reference", order.external_reference))
    if order.reserved_until and order.status == OrderStatus.PENDING and order.reservation_id is not None:
        rows.append(Row("Reserved until", moment(order.reserved_until)))
    if order.delivered_at:
        rows.append(Row("Delivered", moment(order.delivered_at)))
    if order.cancel_reason:
        rows.append(Row("Canceled because", str(CancelReason(order.cancel_reason).label)))
    return rows


def _ids(order: Order) -> list[Row]:
    return [Row("Id", str(order.pk)), Row("Version", str(order.version))]


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
    given_back = order.payments.refunds_nobody_approved() if order.refunded_amount else PaymentRecord.objects.none()
    unapproved = set(given_back.values_list("pk", flat=True))
    return [
        _payment(payment, order, buttons, corrected=corrected) | {"unapproved": payment.pk in unapproved}
        for payment in payments
    ]


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


def _refund(refund: Refund, order: Order, buttons: _Buttons, names: Names) -> dict[str, Any]:
    return {
        "refund": refund,
        "requested_by": names.of(refund.requested_by),
        "decided_by": names.of(refund.decided_by or ""),
        "amount": format_amount(refund.amount, order.currency),
        "paid": format_amount(refund.settled_amount, order.currency) if _paid_otherwise(refund) else "",
        "unapproved": not refund.is_agreed and refund.settled_amount > 0,
        "goodwill": format_amount(refund.goodwill_amount, order.currency) if refund.goodwill_amount else "",
        "pill": refund_pill(refund),
        "buttons": [
            *buttons.approving(refund),
            *buttons.beside(str(refund.pk), _WITH_REFUND),
            *buttons.paying_out(refund),
        ],
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


def price_of(order: Order) -> list[Row]:
    amounts = [
        ("Items", order.items_amount),
        ("Shipping", order.shipping_amount),
        ("Tax, included" if order.tax_included else "Tax", order.tax_amount),
        ("Discount", -order.discount_amount),
        ("Total", order.total_amount),
    ]
    return [Row(label, format_amount(amount, order.currency)) for label, amount in amounts]


def money_of(order: Order) -> list[Row]:
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
    told = {"confirm": "to confirm it", "adjust": "other units", "release": "to release it", None: "nothing"}[
        order.stock_action
    ]
    rows.append(Row("Still to be told", told))
    return rows


def _outbox_url(order: Order, user: Staff) -> str:
    if not user.has_perm("events.view_outboxentry"):
        return ""
    return reverse("admin:events_outboxentry_changelist") + f"?q={order.pk}"
