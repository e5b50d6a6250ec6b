"""Removing a person from the books: amounts, items and sequence stay, and nobody learns from them whose they were."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from django.db import connection

from events import erasing
from events.inbox.erasing import drop_letters
from orders.announcing.payloads import PERSONAL_FIELDS
from orders.models import IdempotentAnswer, Order, Storefront
from orders.operations.call import Call, Document
from orders.operations.locked_order import locked_order
from orders.reading.customers import orders_of_customer
from orders.reading.seen import MASKED
from orders.requests.operations import Plain
from orders.rules.errors import OrderError, OrderNotFound
from orders.rules.lifecycle import Operation

# Stands where the customer's id stood.
ERASED: Final = "erased"
MOST_ORDERS: Final = 500

_ANSWERS: Final = """
select key, body from orders_idempotentanswer where storefront_id = %s and position(%s::bytea in body) > 0 for update
"""


class Erasure(NamedTuple):
    """What became of a customer's orders; with `remaining` there are more than one call takes, so call again."""

    erased: list[Order]
    refused: list[tuple[Order, OrderError]]
    remaining: bool


def erase_customer(storefront: Storefront, customer_id: str, *, call: Call) -> Erasure:
    """Remove what tells of a customer from all their orders in a storefront, deleted ones too, each order alone.

    Orders that are under way, or that a hold keeps, are refused and left as they are. Whatever dies on the way can be
    called again: an order is found by its customer until all of it is erased.
    """
    orders = list(orders_of_customer(storefront, customer_id)[: MOST_ORDERS + 1])
    chosen, remaining = orders[:MOST_ORDERS], len(orders) > MOST_ORDERS
    outcome = Erasure([], [], remaining)
    for order in chosen:
        try:
            erase_order(order.pk, Plain(), call=call, customer_id=customer_id)
        except OrderNotFound:
            continue  # another customer's since it was looked for, or erased by another call
        except OrderError as refusal:
            outcome.refused.append((order, refusal))
        else:
            outcome.erased.append(order)
    if call.rehearsal is None:
        drop_letters(customer_id, is_meant=partial(_is_about, customer_id, storefront))
    return outcome


def _is_about(customer_id: str, storefront: Storefront, event: dict[str, Any]) -> bool:
    """Whether an event that came in tells of the customer; that they are to be erased is still to be done."""
    data = event.get("data")
    return (
        isinstance(data, dict)
        and event.get("type") != "customer.erased"
        and data.get("customer_id") == customer_id
        and data.get("storefront") in (None, storefront.code)
    )


def erase_order(order_id: UUID, request: Plain, *, call: Call, customer_id: str | None = None) -> Document:
    """Remove what tells of its customer: from the order, its parcels, its events and what is beside them, and from
    answers kept for repeats. Cannot be undone.

    Raises StatusConflict while it is under way, OnHold where a hold keeps it, OrderNotFound when it is not of the
    customer that is named.
    """
    with locked_order(order_id, Operation.ERASE, call, deleted=True, checked=False) as locked:
        order = locked.order
        if customer_id not in (None, order.customer_id):
            raise OrderNotFound(order_id)
        locked.check(Operation.ERASE)
        order.customer_id = ERASED
        order.contact_email = order.contact_phone = order.contact_phone_e164 = None
        order.shipping_address = order.billing_address = None
        order.note, order.metadata, order.tags, order.deleted_reason = "", {}, [], ""
        order.shipments.update(tracking_number=None, tracking_link=None)
        redaction = _Redaction(order)
        erasing.erase(order.pk, redaction.event_data)
        _redact_answers(order, redaction)
        # That they changed is told; the rest is as if it had never been.
        locked.before = {**locked.before, **_without_person(locked.before)}
        return locked.commit(rewritten=PERSONAL_FIELDS)


class _Redaction:
    """What is told of an order, without what tells of its customer."""

    def __init__(self, order: Order) -> None:
        self._order_id = str(order.pk)

    def event_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """Of an event: the order after it, and what had changed."""
        changes = {name: [_cleared(name, value) for value in both] for name, both in data["changes"].items()}
        return {**data, "order": _without_person(data["order"]), "changes": changes}

    def answer(self, value: Any) -> Any:
        """Of an answer, which may be about several orders, in the words of either version."""
        if isinstance(value, list):
            return [self.answer(part) for part in value]
        if not isinstance(value, dict):
            return value
        if self._order_id in (value.get("id"), value.get("orderId")):
            return _without_person(value)
        return {name: self.answer(part) for name, part in value.items()}


def _without_person(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _cleared(name, value) for name, value in document.items()}


def _cleared(name: str, value: Any) -> Any:
    if value is None:
        return None
    match name:
        case "customer_id" | "customerId":
            return ERASED
        case "shipments":
            return [_without_person(parcel) for parcel in value]
        case "tracking_number" | "tracking_link" | "trackingNumber" | "trackingLink":
            return None
        case "tags":
            return []
        case "metadata":
            return {}
    return MASKED.get(name, value)


def _redact_answers(order: Order, redaction: _Redaction) -> None:
    """In answers kept for repeats. They are no documents of their orders: whoever repeats gets what is left."""
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERS, [order.storefront_id, str(order.pk).encode()])
        for key, body in cursor.fetchall():
            left = orjson.dumps(redaction.answer(orjson.loads(bytes(body))))
            IdempotentAnswer.objects.filter(storefront_id=order.storefront_id, key=key).update(body=left)
