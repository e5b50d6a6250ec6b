"""What the inventory tells by itself: stock is gone that orders stand on, or there is more or less of it."""

from __future__ import annotations

import logging
from typing import Annotated, Final
from uuid import UUID

from django.conf import settings
from msgspec import Meta, Struct

from events.inbox.envelope import Incoming
from events.inbox.handlers import Refused, handles
from inventory_client.stock import MOST_CHANGED, change_stock_levels, set_stock_levels
from inventory_client.wire import MAX_LINES, ProductId, StockLevelBody
from orders.incoming.doing import CONSUMER, do, told
from orders.models import Order
from orders.requests.operations import Hold
from orders.rules.lifecycle import Operation
from orders.rules.statuses import HoldKind, OrderStatus

logger = logging.getLogger(__name__)

_EXPIRED: Final = "inventory.reservation.expired"
_REDUCED: Final = "inventory.reservation.reduced"


class Line(Struct, frozen=True):
    product_id: ProductId
    quantity: Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Reservation(Struct, frozen=True, kw_only=True):
    """`lines` is what it still holds; none once it has expired."""

    reservation_id: UUID
    lines: Annotated[list[Line], Meta(max_length=MAX_LINES)] | None = None


class Level(StockLevelBody, forbid_unknown_fields=False):
    product_id: ProductId


class Change(Struct, frozen=True, kw_only=True):
    """So many units more on the shelf, or less."""

    product_id: ProductId
    change: Annotated[int, Meta(ge=-MOST_CHANGED, le=MOST_CHANGED)]
    reason: Annotated[str, Meta(max_length=500)] = ""


@handles(_EXPIRED, _REDUCED)
def hold_order_without_stock(event: Incoming) -> None:
    """An open order whose reservation no longer holds all that it needs is held up, by hand, until somebody decides.

    `manage.py reconcile_stock --repair` holds the stock again where there is enough; else amend or cancel. A
    reservation that no order stands on is nobody's concern.
    """
    reservation = told(event, Reservation)
    if event.type == _REDUCED and reservation.lines is None:
        raise Refused("The event does not tell which lines the reservation still holds.")
    held = {} if event.type == _EXPIRED else {line.product_id: line.quantity for line in reservation.lines or ()}
    order = (
        Order.objects.standing_on([reservation.reservation_id])
        .filter(status__in=(OrderStatus.PENDING, OrderStatus.CONFIRMED))
        .prefetch_related("items")
        .first()
    )
    if order is None:
        logger.info("No open order stands on the reservation", extra={"reservation": str(reservation.reservation_id)})
        return
    missing = {
        product_id: units - held.get(product_id, 0)
        for product_id, units in sorted(order.stock_units().items())
        if held.get(product_id, 0) < units
    }
    if not missing or any(hold["placed_by"] == CONSUMER.actor for hold in order.holds):
        return
    lost = ", ".join(f"{units} × {product_id}" for product_id, units in missing.items())
    reason = f"The inventory no longer holds {lost} ({event.type})."
    do(Operation.HOLD, order.pk, Hold(kind=HoldKind.MANUAL), event=event, reason=reason[:500])


@handles("inventory.stock.adjusted")
def set_stock_level(event: Incoming) -> None:
    """The embedded ledger's level becomes that of the event. Where an InventoryService keeps the stock, it knows.

    A level below what is reserved is tried again: units may be shipped or given back meanwhile.
    """
    level = told(event, Level)
    if _is_kept_here(level.product_id):
        set_stock_levels({level.product_id: level.on_hand}, by=CONSUMER.actor)


@handles("inventory.stock.changed", in_any_order=True)
def change_stock_level(event: Incoming) -> None:
    """There are so many units more, or less, than at this moment: what is shipped between a count and its event is no
    matter. Less than what is reserved, or of a product that has no level yet, is tried again.
    """
    changed = told(event, Change)
    if _is_kept_here(changed.product_id):
        reason = changed.reason or event.type
        change_stock_levels({changed.product_id: changed.change}, reason=reason, by=CONSUMER.actor)


def _is_kept_here(product_id: str) -> bool:
    if settings.INVENTORY_URL:
        logger.info("Stock is kept by the InventoryService", extra={"product_id": product_id})
    return not settings.INVENTORY_URL
