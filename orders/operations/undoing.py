"""Taking back what was told of parcels by mistake, while nothing later stands on it."""

from __future__ import annotations

from uuid import UUID

from orders.models import Order
from orders.operations.call import Call, Document
from orders.operations.holding import new_hold
from orders.operations.locked_order import locked_order
from orders.operations.obstacles import coming_back
from orders.operations.units import part_meant
from orders.reading.history import change_to
from orders.requests.operations import Undo, UndoParcel
from orders.rules import errors
from orders.rules.lifecycle import Operation
from orders.rules.statuses import HoldKind, OrderStatus


def undo_shipment(order_id: UUID, request: UndoParcel, *, call: Call) -> Document:
    """A parcel has not left: it is packed again, and its units are open.

    Raises UnknownPart, Ambiguous, WrongState when it has arrived or has not left, and
    ComesBack when units of it come back, or have come back.
    """
    with locked_order(order_id, Operation.UNDO_SHIPMENT, call) as locked:
        order = locked.order
        parcel = part_meant("shipment", order.parts.parcels, request.shipment_id, state="on its way")
        if come_back := coming_back(order, parcel):
            raise errors.ComesBack(come_back)
        parcel.shipped_at = None  # and when it was packed stays unknown where nobody has told: it may have left earlier
        order.parts.change(parcel, "shipped_at")
        order.unship_units(parcel.units())
        order.stock_changed()
        order.derive_delivery()
        return locked.commit()


def undo_delivery(order_id: UUID, request: UndoParcel, *, call: Call) -> Document:
    """A parcel has not arrived, or not then: it is on its way again, and can be delivered at the right time.

    Raises UnknownPart, Ambiguous, and WrongState when it has not arrived.
    """
    with locked_order(order_id, Operation.UNDO_DELIVERY, call) as locked:
        order = locked.order
        parcel = part_meant("shipment", order.parts.parcels, request.shipment_id, state="delivered")
        parcel.delivered_at = None
        order.parts.change(parcel, "delivered_at")
        order.derive_delivery()
        return locked.commit()


def undo_completion(order_id: UUID, request: Undo, *, call: Call) -> Document:
    """Open a completed order again: it is shipped. Parcels that were taken for delivered by completing it are not.

    Where the storefront would complete it again by itself, a hold keeps it from that until it is released.
    """
    with locked_order(order_id, Operation.UNDO_COMPLETION, call) as locked:
        order = locked.order
        taken_for_delivered = _taken_for_delivered(order)
        for parcel in order.parts.parcels:
            if str(parcel.pk) in taken_for_delivered:
                parcel.delivered_at = None
                order.parts.change(parcel, "delivered_at")
        order.reopen()
        order.derive_delivery()
        if order.delivered_at is not None and order.storefront.complete_after_days is not None:
            order.holds = [*order.holds, new_hold(HoldKind.MANUAL, [Operation.COMPLETE], call)]
        return locked.commit()


def _taken_for_delivered(order: Order) -> list[str]:
    """Ids of the parcels that completing the order did that to."""
    completed = change_to(OrderStatus.COMPLETED, order.pk, storefront_id=order.storefront_id)
    _, parcels = completed.data["changes"].get("shipments", ([], [])) if completed is not None else ([], [])
    return [parcel["id"] for parcel in parcels if parcel.get("delivered_at")]
