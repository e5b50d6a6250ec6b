"""Changing what is written on an order: note, metadata, tags, contact, addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from customer_client.current import get_customers
from orders.announcing.payloads import PERSONAL_FIELDS
from orders.models import Order, Storefront
from orders.operations.call import Call, Document
from orders.operations.customers import WELCOME, Verdict, verdicts_on
from orders.operations.holding import review_hold
from orders.operations.locked_order import LockedOrder, locked_order
from orders.reading.seen import MASKED
from orders.requests.operations import AddressPatch, ChangeCustomer, ContactPatch, OrderDetails
from orders.requests.placing import Address, address_of, too_large_metadata
from orders.rules.callers import refusal_to
from orders.rules.errors import InvalidRequest
from orders.rules.lifecycle import Operation
from orders.rules.limits import MAX_METADATA_ENTRIES
from orders.rules.phones import e164, phone_country
from orders.rules.sight import Sight
from orders.rules.statuses import OrderStatus


def change_details(order_id: UUID, details: OrderDetails, *, call: Call) -> Document:
    """Change what is given. What stands there already is no change, no version and no event.

    For a caller who may not see what tells of a person, all of it that is given counts as changed: otherwise
    whoever guesses an e-mail would be told that it is right.

    Raises DetailsLocked when the order's status forbids it, AddressInUse once a parcel has left, InvalidRequest for
    more metadata than an order can have.
    """
    with locked_order(order_id, Operation.CHANGE_DETAILS, call, checked=False) as locked:
        rewritten = _given_unseen(details, call)
        if not _apply(locked, details, rewritten):
            return locked.unchanged()
        return locked.commit(rewritten=rewritten)


def change_customer(order_id: UUID, request: ChangeCustomer, *, call: Call) -> Document:
    """The order belongs to another customer. The same one again is no change, no version and no event.

    It counts as one for a caller who may not read orders, who would be told by that whose an order is.

    Raises InvalidCustomer or CustomersDown when the customer may not order; the storefront's policy may accept whom
    nobody can be asked about, and holds the order up. In a transaction of several operations the call has the verdict.
    """
    verdict = call.customer if call.joins_transaction else customer_verdict(order_id, request, call)
    rewritten = frozenset({"customer_id"}) if call.caller.sight is Sight.RECEIPT else frozenset()
    with locked_order(order_id, Operation.CHANGE_CUSTOMER, call) as locked:
        if locked.order.customer_id == request.customer_id and not rewritten:
            return locked.unchanged()
        if verdict.refusal:
            raise verdict.refusal
        order = locked.order
        order.customer_id = request.customer_id
        if verdict.held_up and order.status in (OrderStatus.PENDING, OrderStatus.CONFIRMED) and not order.review_holds:
            order.holds = [*order.holds, review_hold()]
        return locked.commit(rewritten=rewritten)


def customer_verdict(order_id: UUID, request: ChangeCustomer, call: Call) -> Verdict:
    """Whether the customer may order, to be asked before the transaction. A rehearsal asks nobody.

    Raises Replay and IdempotencyKeyReused.
    """
    if call.rehearsal is not None or get_customers() is None or refusal_to(call.caller, Operation.CHANGE_CUSTOMER):
        return WELCOME
    orders = Order.objects.filter(pk=order_id)
    if call.caller.storefronts is not None:
        orders = orders.filter(storefront_id__in=call.caller.storefronts)
    storefront = Storefront.objects.filter(pk__in=orders.values("storefront_id")).first()
    if storefront is None:
        return WELCOME
    found = verdicts_on(
        [request.customer_id], storefront, idempotency=call.idempotency, effect="The order is as it was"
    )
    return found[request.customer_id]


def _given_unseen(details: OrderDetails, call: Call) -> frozenset[str]:
    """The fields that are given and that the caller may not see."""
    if call.caller.sight is Sight.CUSTOMER:
        return frozenset()
    unseen = MASKED if call.caller.sight is Sight.ORDER else PERSONAL_FIELDS | {"tags"}
    given = frozenset(field for field in unseen if getattr(details, field) is not UNSET)
    # In the country of an address the telephone number is read: whether there is one, nobody is told by that.
    return given | {"contact"} if given & {"shipping_address", "billing_address"} else given


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

    put("note", details.note if details.note is not None else "", Operation.CHANGE_DETAILS)
    put("metadata", _merged_metadata(order.metadata, details.metadata), Operation.CHANGE_DETAILS)
    put("tags", details.tags if details.tags is UNSET else sorted(set(details.tags or ())), Operation.CHANGE_DETAILS)
    contact = ContactPatch(email=None, phone=None) if details.contact is None else details.contact
    if contact is not UNSET:
        for name, value in msgspec.structs.asdict(contact).items():
            put(f"contact_{name}", value, Operation.CHANGE_CONTACT, field="contact")
    for field in ("shipping_address", "billing_address"):
        put(field, _merged_address(getattr(order, field), getattr(details, field)), Operation.CHANGE_ADDRESS)
    country = phone_country(order.shipping_address, order.billing_address)
    order.contact_phone_e164 = e164(order.contact_phone, country=country)
    return changed


def _merged_metadata(old: Mapping[str, str], patch: dict[str, str | None] | UnsetType | None) -> Any:
    """Raises InvalidRequest when that is more than an order can have."""
    if patch is UNSET or not patch:
        return {} if patch is None else UNSET
    merged = {name: value for name, value in ({**old, **patch}).items() if value is not None}
    if errors := too_large_metadata(merged):
        raise InvalidRequest(errors)
    if len(merged) > max(len(old), MAX_METADATA_ENTRIES):
        told = f"With these there would be {len(merged)} entries; {MAX_METADATA_ENTRIES} at most."
        raise InvalidRequest.beside_order("/metadata", "out_of_range", told)
    return merged


def _merged_address(old: Mapping[str, str | None] | None, patch: AddressPatch | UnsetType | None) -> Any:
    if not isinstance(patch, AddressPatch):
        return patch
    given = {name: value for name, value in msgspec.structs.asdict(patch).items() if value is not UNSET}
    return address_of({name: (old or {}).get(name) for name in Address.__struct_fields__} | given)
