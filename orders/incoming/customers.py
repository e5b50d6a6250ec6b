"""A customer has moved, or is reached otherwise: orders follow that have not been shipped or are not placed yet."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from msgspec import UNSET, Meta, Struct, UnsetType

from events.inbox.envelope import Incoming
from events.inbox.erasing import drop_letters, forget_subject
from events.inbox.handlers import Refused, handles
from orders.incoming.doing import PASSING, call_for, do, told
from orders.models import Order, Storefront
from orders.operations import Precondition
from orders.operations.changing_requests import change_requests
from orders.operations.erasing import erase_within
from orders.operations.erasing_requests import erase_requests
from orders.operations.stored_answers import find_answers
from orders.reading.customers import tells_of
from orders.requests.fields import Identifier200
from orders.requests.operations import AddressPatch, ContactPatch, OrderDetails, ReleaseHold, checked_details
from orders.requests.placing import Address, KeptOrder, address_of, stored_address
from orders.rules.callers import CUSTOMER_CHECK
from orders.rules.errors import InvalidRequest, OrderError, OrderNotFound, VersionMismatch
from orders.rules.lifecycle import Operation
from orders.rules.statuses import FulfillmentStatus, OrderStatus

logger = logging.getLogger(__name__)

RECALCULATE_SHIPPING: Final = "recalculate-shipping"
_NOT_SHIPPED: Final = (OrderStatus.PENDING, OrderStatus.CONFIRMED)
_READINGS: Final = 5


class Contact(Struct, frozen=True, kw_only=True):
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET


class Customer(Struct, frozen=True, kw_only=True):
    """What is absent stays as it is. An address is a whole one: it takes the place of the order's."""

    customer_id: Identifier200
    storefront: Annotated[str, Meta(max_length=100)] | None = None
    contact: Contact | UnsetType = UNSET
    shipping_address: dict[str, Any] | UnsetType = UNSET
    billing_address: dict[str, Any] | UnsetType = UNSET
    active: bool = True


@handles("customer.updated")
def follow_customer(event: Incoming) -> None:
    """Contact and addresses of the customer's orders of which nothing has been shipped become those of the event; so do
    those of orders that were asked for and wait to be placed.

    An order that gets another shipping address is tagged `recalculate-shipping`. One that may not change any more is
    left as it is, and so are those that say the same already. One that was held up because the customer could not be
    checked goes on, unless the customer is not active.
    """
    customer = told(event, Customer)
    details = _details(customer)
    # First: whatever has been placed before is an order then.
    change_requests(
        customer.customer_id, partial(_as_known_now, details), storefronts=_storefronts(customer.storefront)
    )
    orders = Order.objects.filter(
        customer_id=customer.customer_id,
        status__in=_NOT_SHIPPED,
        fulfillment_status=FulfillmentStatus.UNFULFILLED,
    )
    if customer.storefront is None:
        orders = orders.in_any_storefront()
    else:
        orders = orders.filter(storefront__code=customer.storefront)
    if customer.active:
        for order in orders.filter(holds__contains=[{"placed_by": CUSTOMER_CHECK.actor}]).order_by("pk"):
            _let_go_on(order, event)
    for order_id in orders.order_by("pk").values_list("pk", flat=True):
        _follow(order_id, details, event)


class Erased(Struct, frozen=True, kw_only=True):
    customer_id: Identifier200
    storefront: Annotated[str, Meta(max_length=100)] | None = None


@handles("customer.erased", in_any_order=True)
def erase_customer(event: Incoming) -> None:
    """What tells of the customer is removed from all their orders, deleted ones too.

    Dead letters about them are dropped. While one of the orders is under way, or kept by a hold, nothing is done: the
    event is a dead letter, to be tried again then.
    """
    erased = told(event, Erased)
    for storefront in _storefronts(erased.storefront):
        erase_requests(storefront, erased.customer_id)
    orders = Order.all_objects.filter(customer_id=erased.customer_id)
    if erased.storefront is not None:
        orders = orders.filter(storefront__code=erased.storefront)
    reason = f"The customer has been erased ({event.type})."
    of_storefronts = groupby(orders.order_by("storefront", "pk"), key=attrgetter("storefront_id"))
    for of_storefront in [list(orders) for _, orders in of_storefronts]:
        call = replace(call_for(event, reason=reason), answers=find_answers(of_storefront))
        for order in of_storefront:
            try:
                erase_within(order.pk, call=call, customer_id=erased.customer_id)
            except OrderNotFound:
                continue  # another customer's since it was looked for
            except PASSING:
                raise
            except OrderError as refusal:
                raise Refused(f"Nothing was erased, because {order.number} has to stay: {refusal}") from refusal
    # While one of them is being tried nothing is erased: this event comes again.
    drop_letters(erased.customer_id, is_meant=tells_of(erased.customer_id, erased.storefront), waits=False)
    if not Order.all_objects.in_any_storefront().filter(customer_id=erased.customer_id).exists():
        forget_subject(erased.customer_id, handling=event.id)


def _storefronts(code: str | None) -> QuerySet[Storefront]:
    """The one that is named, or all."""
    return Storefront.objects.all() if code is None else Storefront.objects.filter(code=code)


def _details(customer: Customer) -> OrderDetails:
    """Raises Refused for an address in no country of this world, and for an e-mail that is none."""
    try:
        contact = customer.contact
        patch = UNSET if contact is UNSET else msgspec.convert(msgspec.to_builtins(contact), ContactPatch)
        return checked_details(
            OrderDetails(
                contact=patch,
                shipping_address=_whole(customer.shipping_address),
                billing_address=_whole(customer.billing_address),
            )
        )
    except (InvalidRequest, msgspec.ValidationError) as error:
        raise Refused(f"The data of the event is not as expected: {error}") from error


def _whole(address: dict[str, Any] | UnsetType) -> AddressPatch | UnsetType:
    """Every field of it, also those that are not there any more. What an order has no field for is left out."""
    if address is UNSET:
        return UNSET
    return msgspec.convert({name: address.get(name) for name in Address.__struct_fields__}, AddressPatch)


def _as_known_now(details: OrderDetails, order: KeptOrder) -> KeptOrder:
    """What was asked for, with what is known of its customer now."""
    known: dict[str, Any] = {}
    if isinstance(details.contact, ContactPatch):
        told = msgspec.structs.asdict(details.contact)
        given = {name: value for name, value in told.items() if value is not UNSET}
        known["contact"] = msgspec.structs.replace(order.contact, **given)
    for field in ("shipping_address", "billing_address"):
        address = getattr(details, field)
        if _moves(stored_address(getattr(order, field)), address):
            known[field] = Address(**msgspec.structs.asdict(address))
    if "shipping_address" in known:
        known["tags"] = sorted({*order.tags, RECALCULATE_SHIPPING})
    return msgspec.structs.replace(order, **known)


def _follow(order_id: UUID, details: OrderDetails, event: Incoming) -> None:
    """Tags are a whole: what somebody else changes between reading and writing them has it read again."""
    for _ in range(_READINGS):
        order = Order.objects.filter(pk=order_id).first()
        if order is None:
            return
        asked = details
        if _moves(order.shipping_address, details.shipping_address):
            asked = msgspec.structs.replace(details, tags=[*order.tags, RECALCULATE_SHIPPING])
        try:
            do(
                Operation.CHANGE_DETAILS,
                order_id,
                asked,
                event=event,
                reason=f"The customer has changed ({event.type}).",
                precondition=Precondition(order.version),
            )
        except VersionMismatch:
            continue
        except Refused as refusal:  # shipped or ended a moment ago; the customer's other orders still follow
            logger.info("Order does not follow its customer", extra={"order_id": str(order_id), "why": str(refusal)})
        return
    raise VersionMismatch(current=order.version, expected="the version that was read")


def _let_go_on(order: Order, event: Incoming) -> None:
    for hold in order.review_holds:
        request = ReleaseHold(hold_id=UUID(hold["id"]))
        try:
            do(Operation.RELEASE_HOLD, order.pk, request, event=event, reason=f"The customer is known ({event.type}).")
        except Refused as refusal:  # released a moment ago
            logger.info("No hold to release", extra={"order_id": str(order.pk), "why": str(refusal)})


def _moves(old: Mapping[str, str | None] | None, new: AddressPatch | UnsetType | None) -> bool:
    return isinstance(new, AddressPatch) and address_of(msgspec.structs.asdict(new)) != old
