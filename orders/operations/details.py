"""Changing what is written on an order: note, metadata, tags, contact, addresses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET

from orders.announcing.payloads import PERSONAL_FIELDS
from orders.operations.call import Call, Document
from orders.operations.locked_order import LockedOrder, locked_order
from orders.requests.operations import OrderDetails
from orders.requests.placing import stored_address
from orders.rules.lifecycle import Operation
from orders.rules.sight import Sight


def change_details(order_id: UUID, details: OrderDetails, *, call: Call) -> Document:
    """Change what is given. What stands there already is no change, no version and no event.

    For a caller who may not see what tells of a person, all of it that is given counts as changed: otherwise
    whoever guesses an e-mail would be told that it is right.

    Raises DetailsLocked when the order's status forbids it, AddressInUse once a parcel has left.
    """
    with locked_order(order_id, Operation.CHANGE_DETAILS, call, checked=False) as locked:
        rewritten = _given_unseen(details, call)
        if not _apply(locked, details, rewritten):
            return locked.unchanged()
        return locked.commit(rewritten=rewritten)


def _given_unseen(details: OrderDetails, call: Call) -> frozenset[str]:
    """The fields that are given and that the caller may not see."""
    if call.caller.sight is Sight.CUSTOMER:
        return frozenset()
    return frozenset(field for field in PERSONAL_FIELDS if getattr(details, field) is not UNSET)


def _apply(locked: LockedOrder, details: OrderDetails, rewritten: frozenset[str]) -> bool:
    """Put the given fields into the order, each allowed as long as it differs; tell whether any does."""
    order = locked.order
    changed = False

    def put(column: str, value: Any, operation: Operation, *, field: str = "") -> None:
        nonlocal changed
        if value is not UNSET and (getattr(order, column) != value or (field or column) in rewritten):
            locked.check(operation)
            setattr(order, column, value)
            changed = True

    put("note", details.note, Operation.CHANGE_DETAILS)
    put("metadata", details.metadata, Operation.CHANGE_DETAILS)
    put("tags", details.tags if details.tags is UNSET else sorted(set(details.tags)), Operation.CHANGE_DETAILS)
    if details.contact is not UNSET:
        for name, value in msgspec.structs.asdict(details.contact).items():
            put(f"contact_{name}", value, Operation.CHANGE_CONTACT, field="contact")
    for field in ("shipping_address", "billing_address"):
        address = getattr(details, field)
        put(field, address if address is UNSET else stored_address(address), Operation.CHANGE_ADDRESS)
    return changed
