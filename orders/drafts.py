"""An order between its request and its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings

from inventory_client.values import Held
from orders.announcing.changes import Origin
from orders.models import Storefront
from orders.reading.documents import new_order_document
from orders.requests.placing import (
    NewOrder,
    discount_amount,
    items_amount,
    stored_address,
    tax_amount,
    total_amount,
)
from orders.rules import clock
from orders.rules.errors import InvalidRequest
from orders.rules.ids import new_id, new_number, new_timed_id, reservation_id_for, time_of
from orders.rules.lifecycle import Operation
from orders.rules.money import unknown_currency
from orders.rules.phones import e164, phone_country
from orders.rules.statuses import FulfillmentStatus, OrderStatus, PaymentStatus


class Draft:
    """A new order: its identity is settled, its stock is being held, its rows are not written yet.

    `row` and `items` are those rows, keys named like the columns. With `repeats_as` (see `reservation_id_for`) whoever
    drafts it again asks for the same reservation. An order that was asked for before has its `order_id` since then.
    """

    __slots__ = (
        "_document",
        "hold",
        "items",
        "number",
        "order_id",
        "origin",
        "placed_at",
        "position",
        "repeats_as",
        "request",
        "reservation_id",
        "row",
        "storefront",
        "units",
    )

    def __init__(
        self,
        position: int,
        request: NewOrder,
        storefront: Storefront,
        origin: Origin,
        *,
        repeats_as: tuple[str, int] | None = None,
        holds: Sequence[Mapping[str, Any]] = (),
        order_id: UUID | None = None,
    ) -> None:
        self.position = position
        self.request = request
        self.storefront = storefront
        self.origin = origin
        self.repeats_as = repeats_as
        self.reservation_id = new_id() if repeats_as is None else reservation_id_for(storefront.pk, *repeats_as, 0)
        self.order_id = order_id or new_timed_id()
        self.placed_at = time_of(self.order_id)
        written_at = self.placed_at if order_id is None else clock.now()
        self.number = new_number(storefront.number_prefix)
        self.units = _units_by_product(request)
        self.hold: Held | None = None
        self.items = item_rows(request, storefront, self.order_id)
        self.row = order_row(
            request,
            storefront,
            order_id=self.order_id,
            number=self.number,
            placed_at=self.placed_at,
            reservation_id=self.reservation_id,
            reserved_until=written_at + timedelta(minutes=settings.RESERVATION_MINUTES),
            holds=holds,
        )
        self.row["updated_at"] = written_at
        self._document: dict[str, Any] | None = None

    def take_new_number(self) -> None:
        self.number = self.row["number"] = new_number(self.storefront.number_prefix)
        self._document = None

    def take_next_reservation(self, attempt: int) -> None:
        """Ask for the stock under another reservation: the one that a repeat asks for, too. Needs `repeats_as`."""
        assert self.repeats_as is not None  # noqa: S101 - or nobody could have released it before
        self.reservation_id = reservation_id_for(self.storefront.pk, *self.repeats_as, attempt)
        self.row["reservation_id"] = self.reservation_id

    @property
    def document(self) -> bytes:
        return orjson.dumps(self.as_document())

    def as_document(self) -> dict[str, Any]:
        if self._document is None:
            self._document = new_order_document(self.row, self.items, storefront_code=self.storefront.code)
        return self._document


def order_row(
    request: NewOrder,
    storefront: Storefront,
    *,
    order_id: UUID,
    number: str,
    placed_at: datetime,
    reservation_id: UUID | None,
    reserved_until: datetime | None,
    holds: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The row of a pending order as it is asked for, keys named like the columns. Raises InvalidRequest.

    A currency that is no longer in use only history has, which holds no stock.
    """
    items, total = items_amount(request), total_amount(request)
    currency = order_currency(request, storefront, retired_too=reservation_id is None)
    shipping, billing = stored_address(request.shipping_address), stored_address(request.billing_address)
    confirmed = total == 0 and storefront.confirms_what_is_paid and reservation_id is not None
    if any(Operation.CONFIRM in hold["blocks"] for hold in holds):
        confirmed = False
    return {
        "id": order_id,
        "storefront_id": storefront.pk,
        "number": number,
        "external_reference": request.external_reference,
        "version": 1,
        # What costs nothing is paid, and waits for nobody where payment is waited for.
        "status": (OrderStatus.CONFIRMED if confirmed else OrderStatus.PENDING).value,
        "payment_status": (PaymentStatus.PAID if total == 0 else PaymentStatus.UNPAID).value,
        "fulfillment_status": FulfillmentStatus.UNFULFILLED.value,
        "cancel_reason": None,
        "customer_id": request.customer_id,
        "currency": currency,
        "items_amount": items,
        "shipping_amount": request.shipping_amount,
        "tax_amount": tax_amount(request),
        "discount_amount": discount_amount(request),
        "tax_included": request.tax_included,
        "total_amount": total,
        "contact_email": request.contact.email,
        "contact_phone": request.contact.phone,
        "contact_phone_e164": e164(request.contact.phone, country=phone_country(shipping, billing)),
        "shipping_address": shipping,
        "billing_address": billing,
        "note": request.note,
        "metadata": request.metadata,
        "tags": sorted(set(request.tags)),
        "holds": list(holds),
        "reservation_id": reservation_id,
        "reserved_until": reserved_until,
        "stock_action": "confirm" if confirmed else None,
        "stock_revision": 2 if confirmed else 1,
        "placed_at": placed_at,
        "updated_at": placed_at,
    }


def order_currency(request: NewOrder, storefront: Storefront, *, retired_too: bool = False) -> str | None:
    """What its amounts are in. Raises InvalidRequest when there are amounts but no currency, or one not in use."""
    total = total_amount(request)
    currency = request.currency or (storefront.currency or None if total is not None else None)
    if total is not None and currency is None:
        raise InvalidRequest.at(
            "/currency", "required", "Amounts need a currency: the order names none, and the storefront has no default"
        )
    if wrong := unknown_currency(currency, retired_too=retired_too):
        raise InvalidRequest(wrong)
    return currency


def item_rows(request: NewOrder, storefront: Storefront, order_id: UUID) -> list[dict[str, Any]]:
    """The rows of its items, in their order; nothing is canceled or shipped yet."""
    return [
        {
            "id": new_id(),
            "order_id": order_id,
            "storefront_id": storefront.pk,
            "position": position,
            "product_id": item.product_id,
            "name": item.name,
            "quantity": item.quantity,
            "unit_amount": item.unit_amount,
            "amount": item.amount,
            "discount_amount": item.discount_amount,
            "tax_amount": item.tax_amount,
            "canceled": 0,
            "shipped": 0,
        }
        for position, item in enumerate(request.items)
    ]


def _units_by_product(request: NewOrder) -> dict[str, int]:
    """A product that stands in two lines is asked for once."""
    if len(request.items) == 1:
        return {request.items[0].product_id: request.items[0].quantity}
    units: Counter[str] = Counter()
    for item in request.items:
        units[item.product_id] += item.quantity
    return dict(units)
