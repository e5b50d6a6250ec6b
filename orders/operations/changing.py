"""Every change of one order: lock, ask the order, save, announce.

Operations take an id, not an instance: what they act on is what they locked. Each returns the order's
document after the change. Errors all raise: OrderNotFound, VersionMismatch, OrderBusy.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import F
from django.utils import timezone
from msgspec import UNSET, UnsetType

from orders.changes import Origin
from orders.event_payloads import ORDER_DELETED, ORDER_UPDATED
from orders.models import Order, Shipment
from orders.operations.locked_order import ANY_VERSION, Precondition, commit_change, locked_order
from orders.order_documents import document_of
from orders.requests import OrderDetails, stored_address
from orders.statuses import CancelReason

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tracking:
    """How a parcel travels. What is UNSET stays as it is."""

    tracking_company: str | UnsetType | None = UNSET
    tracking_number: str | UnsetType | None = UNSET
    tracking_link: str | UnsetType | None = UNSET

    def given(self) -> dict[str, str | None]:
        return {name: value for name, value in asdict(self).items() if value is not UNSET}


def change_details(
    order_id: UUID,
    details: OrderDetails,
    *,
    storefront_id: int | None,
    origin: Origin,
    precondition: Precondition = ANY_VERSION,
) -> Document:
    """Change note, metadata, contact or addresses. What is given already is no change, no version and no event.

    Raises DetailsLocked when the order's status forbids it.
    """
    with locked_order(order_id, storefront_id=storefront_id) as order:
        precondition.check(order)
        before, after = _apply_details(order, details)
        if not after:
            return document_of(order)
        return commit_change(order, ORDER_UPDATED, before=before, after=after, origin=origin)


def confirm_order(
    order_id: UUID, *, storefront_id: int | None, origin: Origin, precondition: Precondition = ANY_VERSION
) -> Document:
    """Accept a pending order: its hold no longer expires. Raises InvalidTransition."""
    with locked_order(order_id, storefront_id=storefront_id) as order:
        precondition.check(order)
        before = {"status": order.status}
        order.confirm()
        return commit_change(order, ORDER_UPDATED, before=before, after={"status": order.status}, origin=origin)


def ship_order(
    order_id: UUID,
    *,
    storefront_id: int | None,
    origin: Origin,
    tracking: Tracking = Tracking(),
    precondition: Precondition = ANY_VERSION,
) -> Document:
    """Every open unit of a confirmed order has left, in one parcel. Raises InvalidTransition."""
    with locked_order(order_id, storefront_id=storefront_id) as order:
        precondition.check(order)
        before = {"status": order.status, "fulfillment_status": order.fulfillment_status}
        order.ship()
        order.items.update(shipped=F("quantity") - F("canceled"))
        shipment = _open_shipment(order)
        shipment.shipped_at = timezone.now()
        before |= _apply_tracking(shipment, tracking)
        shipment.save()
        after = {"status": order.status, "fulfillment_status": order.fulfillment_status, **tracking.given()}
        return commit_change(order, ORDER_UPDATED, before=before, after=after, origin=origin)


def track_shipment(
    order_id: UUID,
    tracking: Tracking,
    *,
    storefront_id: int | None,
    origin: Origin,
    precondition: Precondition = ANY_VERSION,
) -> Document:
    """Set or correct carrier, number and link of the order's parcel; before it leaves, too.

    What is given already is no change, no version and no event. Raises DetailsLocked.
    """
    with locked_order(order_id, storefront_id=storefront_id) as order:
        precondition.check(order)
        shipment = _open_shipment(order)
        before = _apply_tracking(shipment, tracking)
        after = {name: value for name, value in tracking.given().items() if before[name] != value}
        if not after:
            return document_of(order)
        order.check_editable("tracking")
        shipment.save()
        return commit_change(order, ORDER_UPDATED, before=before, after=after, origin=origin)


def complete_order(
    order_id: UUID, *, storefront_id: int | None, origin: Origin, precondition: Precondition = ANY_VERSION
) -> Document:
    """Close a shipped order: its parcels have arrived. Raises InvalidTransition."""
    with locked_order(order_id, storefront_id=storefront_id) as order:
        precondition.check(order)
        before = {"status": order.status}
        order.complete()
        order.shipments.filter(delivered_at=None).update(delivered_at=timezone.now())
        return commit_change(order, ORDER_UPDATED, before=before, after={"status": order.status}, origin=origin)


def cancel_order(
    order_id: UUID,
    *,
    storefront_id: int | None,
    origin: Origin,
    cause: CancelReason,
    precondition: Precondition = ANY_VERSION,
) -> Document:
    """End an order that has not been shipped and give its stock back. Raises InvalidTransition."""
    with locked_order(order_id, storefront_id=storefront_id) as order:
        precondition.check(order)
        before = {"status": order.status, "cancel_reason": order.cancel_reason}
        order.cancel(cause)
        order.items.update(canceled=F("quantity") - F("shipped"))
        after = {"status": order.status, "cancel_reason": order.cancel_reason}
        return commit_change(order, ORDER_UPDATED, before=before, after=after, origin=origin)


def delete_order(
    order_id: UUID, *, storefront_id: int | None, origin: Origin, precondition: Precondition = ANY_VERSION
) -> Document:
    """Take the order out of sight, kept whole with who, when and why.

    A second time raises OrderNotFound: there is nothing left to see. Raises NotDeletable.
    """
    with locked_order(order_id, storefront_id=storefront_id) as order:
        precondition.check(order)
        order.mark_deleted(now=timezone.now(), by=origin.actor, reason=origin.reason)
        return commit_change(order, ORDER_DELETED, before={"deleted": False}, after={"deleted": True}, origin=origin)


def _apply_details(order: Order, details: OrderDetails) -> tuple[dict[str, Any], dict[str, Any]]:
    """Put the given fields into the order; return those that differ, before and after."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}

    def change(field: str, old: Any, new: Any, rule: str | None) -> bool:
        if old == new:
            return False
        if rule is not None:
            order.check_editable(rule)
        before[field], after[field] = old, new
        return True

    if details.note is not UNSET and change("note", order.note, details.note, None):
        order.note = details.note
    if details.metadata is not UNSET and change("metadata", order.metadata, details.metadata, None):
        order.metadata = details.metadata
    if details.contact is not UNSET:
        old = {"email": order.contact_email, "phone": order.contact_phone}
        if change("contact", old, msgspec.structs.asdict(details.contact), "contact"):
            order.contact_email, order.contact_phone = details.contact.email, details.contact.phone
    for field in ("shipping_address", "billing_address"):
        address = getattr(details, field)
        if address is not UNSET:
            new = stored_address(address)
            if change(field, getattr(order, field), new, "address"):
                setattr(order, field, new)
    return before, after


def _open_shipment(order: Order) -> Shipment:
    """The parcel that changes go to: the latest, or a new one being prepared."""
    latest = order.shipments.order_by("-id").first()
    return latest or Shipment(order=order, storefront_id=order.storefront_id)


def _apply_tracking(shipment: Shipment, tracking: Tracking) -> dict[str, Any]:
    """Put what is given into the parcel; return what stood there before."""
    before = {}
    for name, value in tracking.given().items():
        before[name] = getattr(shipment, name)
        setattr(shipment, name, value)
    return before
