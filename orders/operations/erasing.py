"""Removing a person from the books: amounts, items and sequence stay, and nobody learns from them whose they were."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple
from uuid import UUID

from django.db import transaction

from events import erasing
from events.inbox.erasing import drop_letters, forget_subject
from orders.announcing.payloads import PERSONAL_FIELDS
from orders.models import BulkRunOrder, KeptForm, Order, Storefront, UpkeepFailure
from orders.operations.call import Call, Document
from orders.operations.erasing_requests import erase_requests
from orders.operations.locked_order import locked_order
from orders.operations.obstacles import obstacles
from orders.operations.redacting import Redaction, without_person
from orders.operations.stored_answers import find_answers, redact_answers
from orders.reading.customers import orders_of_customer, tells_of
from orders.requests.operations import Plain
from orders.rules.erased import ERASED, ERASED_WORDS
from orders.rules.errors import OrderError, OrderNotFound
from orders.rules.lifecycle import Operation

MOST_ORDERS: Final = 500
MOST_REFUSED_TOLD: Final = 100


class Erasure(NamedTuple):
    """What became of a customer's orders; with `remaining` there are more to erase than one call takes, so call again.

    `refused` are the first, with what stands in the way of each, of `refused_count`. `requests` counts what was asked
    for and not placed.
    """

    erased: list[Order]
    refused: list[tuple[Order, OrderError]]
    refused_count: int
    remaining: bool
    requests: int = 0

    @property
    def refused_untold(self) -> int:
        """How many more are refused than `refused` tells."""
        return self.refused_count - len(self.refused)


def erase_customer(storefront: Storefront, customer_id: str, *, call: Call) -> Erasure:
    """Remove what tells of a customer from all their orders in a storefront, deleted ones too, each order alone.

    Orders that are under way, or that a hold keeps, are refused and left as they are; however many they are, the others
    are erased. Whatever dies on the way can be called again: an order is found by its customer until all of it is
    erased.
    """
    if customer_id == ERASED:
        return Erasure([], [], 0, remaining=False)
    # First: whatever has been placed before is an order now, and erased or refused as one.
    requests = erase_requests(storefront, customer_id) if call.rehearsal is None else 0
    of_customer = orders_of_customer(storefront, customer_id)
    orders = list(of_customer.erasable()[: MOST_ORDERS + 1])
    chosen, remaining = orders[:MOST_ORDERS], len(orders) > MOST_ORDERS
    erased, refused = _erase_each(chosen, customer_id, call)
    kept = of_customer.not_erasable()
    refused_count = len(refused) + kept.count()
    for order in kept[: max(0, MOST_REFUSED_TOLD - len(refused))]:
        refused += [(order, refusal) for refusal in obstacles(order, Operation.ERASE, call.caller)][:1]
    if call.rehearsal is None:
        drop_letters(customer_id, is_meant=tells_of(customer_id, storefront.code), waits=True)
        if not Order.all_objects.in_any_storefront().filter(customer_id=customer_id).exists():
            forget_subject(customer_id)
    return Erasure(erased, refused, refused_count, remaining, requests)


def _erase_each(
    orders: list[Order], customer_id: str, call: Call
) -> tuple[list[Order], list[tuple[Order, OrderError]]]:
    if call.rehearsal is None and orders:
        call = replace(call, answers=find_answers(orders))
    erased, refused = [], []
    for order in orders:
        try:
            erase_order(order.pk, Plain(), call=call, customer_id=customer_id)
        except OrderNotFound:
            continue  # another customer's since it was looked for, or erased by another call
        except OrderError as refusal:
            refused.append((order, refusal))
        else:
            erased.append(order)
    return erased, refused


def erase_within(order_id: UUID, *, call: Call, customer_id: str) -> Document:
    """The same in the transaction that the caller has open; what is refused leaves nothing behind there."""
    with transaction.atomic():
        return erase_order(order_id, Plain(), call=replace(call, joins_transaction=True), customer_id=customer_id)


def erase_order(order_id: UUID, request: Plain, *, call: Call, customer_id: str | None = None) -> Document:
    """Remove what tells of its customer: from the order, its parcels, its events and what is beside them, and from
    answers kept for repeats (see `call.answers`). Cannot be undone.

    Raises StatusConflict while it is under way, OnHold where a hold keeps it, OrderNotFound when it is not of the
    customer that is named.
    """
    with locked_order(order_id, Operation.ERASE, call, deleted=True, checked=False) as locked:
        order = locked.order
        if customer_id not in (None, order.customer_id):
            raise OrderNotFound(order_id)
        locked.check(Operation.ERASE)
        redaction = Redaction(order.pk)
        if call.rehearsal is None:
            redact_answers(order, redaction, call.answers)
        order.customer_id = ERASED
        order.contact_email = order.contact_phone = order.contact_phone_e164 = None
        order.shipping_address = order.billing_address = None
        order.note, order.metadata, order.tags, order.deleted_reason = "", {}, [], ""
        order.shipments.update(tracking_number=None, tracking_link=None)
        erasing.erase(order.pk, redaction.event_data)
        # The database's error may repeat the row that it refused.
        UpkeepFailure.objects.filter(order_id=order.pk).update(error="What it was told of a person who was erased.")
        # Why a bulk run was refused may name what was asked for.
        BulkRunOrder.objects.filter(order_id=order.pk).exclude(words="").update(words=ERASED_WORDS)
        # What somebody had typed on one of its pages.
        KeptForm.objects.filter(order_id=order.pk).delete()
        # That they changed is told; the rest is as if it had never been.
        locked.before = {**locked.before, **without_person(locked.before)}
        return locked.commit(rewritten=PERSONAL_FIELDS)
