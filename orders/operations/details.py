"""Changing what is written on an order: note, metadata, tags, contact, addresses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET

from orders.operations.call import Call, Document
from orders.operations.locked_order import LockedOrder, locked_order
from orders.requests.operations import OrderDetails
from orders.requests.placing import stored_address
from orders.rules.lifecycle import Operation


def change_details(order_id: UUID, details: OrderDetails, *, call: Call) -> Document:
    """Change what is given. What stands there already is no change, no version and no event.

    Raises DetailsLocked when the order's status forbids it, AddressInUse once a parcel has left.
    """
    with locked_order(order_id, Operation.CHANGE_DETAILS, call, checked=False) as locked:
        if not _apply(locked, details):
            return locked.unchanged()
        return locked.commit()


def _apply(locked: LockedOrder, details: OrderDetails) -> bool:
    """Put the given fields into the order, each allowed as long as it differs; tell whether any does."""
    order = locked.order
    changed = False

    def put(field: str, value: Any, operation: Operation) -> None:
        nonlocal changed
        if value is not UNSET and getattr(order, field) != value:
            locked.check(operation)
            setattr(order, field, value)
            changed = True

    put("note", details.note, Operation.CHANGE_DETAILS)
    put("metadata", details.metadata, Operation.CHANGE_DETAILS)
    put("tags", details.tags if details.tags is UNSET else sorted(set(details.tags)), Operation.CHANGE_DETAILS)
    if details.contact is not UNSET:
        for name, value in msgspec.structs.asdict(details.contact).items():
            put(f"contact_{name}", value, Operation.CHANGE_CONTACT)
    for field in ("shipping_address", "billing_address"):
        address = getattr(details, field)
        put(field, address if address is UNSET else stored_address(address), Operation.CHANGE_ADDRESS)
    return changed
