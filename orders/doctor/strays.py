"""Rows that do not belong where they stand, which no foreign key of the database forbids."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, NamedTuple

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from events.models import Event
from orders.announcing.payloads import ORDER_REJECTED
from orders.doctor.examined_orders import older_changed_orders
from orders.doctor.extent import Extent
from orders.doctor.findings import Finding
from orders.models import (
    Credit,
    Order,
    OrderItem,
    PaymentRecord,
    Refund,
    Return,
    ReturnItem,
    Shipment,
    ShipmentItem,
    Storefront,
)
from orders.reading.windows import Window, windows

_ROWS_AT_ONCE: Final = 5000

_HAS_STOREFRONT: Final = Exists(Storefront.objects.filter(pk=OuterRef("storefront_id")))
_HAS_ORDER: Final = Exists(Order.all_objects.filter(pk=OuterRef("order_id"), storefront_id=OuterRef("storefront_id")))
_HAS_REFUND: Final = Q(refund_id=None) | Exists(
    Refund.objects.filter(pk=OuterRef("refund_id"), order_id=OuterRef("order_id"))
)


# What was asked for and rejected has no order; what an order had is told of no rejected one.
_REJECTED: Final = Q(type=ORDER_REJECTED, sequence=1)


def _has_item(order_id: str) -> Exists:
    return Exists(
        OrderItem.objects.filter(
            pk=OuterRef("item_id"), order_id=OuterRef(order_id), storefront_id=OuterRef("storefront_id")
        )
    )


class _Rule(NamedTuple):
    """Rows of `rows` in the window of `id_field`, or of certain orders, have to fulfil `belongs`."""

    rows: type[Model]
    id_field: str
    order_field: str
    belongs: Q | Exists


# By the table whose primary key is walked.
_RULES: Final[dict[type[Model], list[_Rule]]] = {
    Order: [_Rule(Order, "pk", "pk", _HAS_STOREFRONT)],
    OrderItem: [_Rule(OrderItem, "pk", "order_id", _HAS_ORDER)],
    Shipment: [
        _Rule(Shipment, "pk", "order_id", _HAS_ORDER),
        _Rule(ShipmentItem, "shipment_id", "shipment__order_id", _has_item("shipment__order_id")),
    ],
    Return: [
        _Rule(Return, "pk", "order_id", _HAS_ORDER),
        _Rule(ReturnItem, "part_of_id", "part_of__order_id", _has_item("part_of__order_id")),
    ],
    PaymentRecord: [_Rule(PaymentRecord, "pk", "order_id", _HAS_ORDER & _HAS_REFUND)],
    Refund: [_Rule(Refund, "pk", "order_id", _HAS_ORDER)],
    Credit: [_Rule(Credit, "pk", "order_id", _HAS_ORDER & _HAS_REFUND)],
}


def strays(extent: Extent) -> Iterator[Finding]:
    """Rows of no order, or of another one's or another storefront's; events of no order."""
    for walked, rules in _RULES.items():
        for window in windows(walked, since=extent.oldest_id, rows=_ROWS_AT_ONCE):
            for rule in rules:
                yield from _of_rule(rule, extent, **window.of(rule.id_field))
    for order_ids in older_changed_orders(extent):
        for rule in chain.from_iterable(_RULES.values()):
            # What was made since stands in the windows.
            older = {f"{rule.order_field}__in": order_ids, f"{rule.id_field}__lt": extent.oldest_id}
            yield from _of_rule(rule, extent, **older)
    for window in windows(Event, since=extent.oldest_id, rows=_ROWS_AT_ONCE):
        yield from _events_of_no_order(window, extent)


def _of_rule(rule: _Rule, extent: Extent, **which: Any) -> Iterator[Finding]:
    rows: QuerySet[Any] = rule.rows._base_manager.filter(**which).exclude(rule.belongs)
    for row in extent.of(rows):
        order_id = row.pk if isinstance(row, Order) else getattr(row, "order_id", None)
        yield Finding("stray_row", f"{rule.rows._meta.db_table} {row.pk}", order_id)


def _events_of_no_order(window: Window, extent: Extent) -> Iterator[Finding]:
    order = Exists(Order.all_objects.filter(pk=OuterRef("stream_id"), storefront_id=OuterRef("storefront_id")))
    events = Event.objects.filter(**window.of("pk"), type__startswith="order.").exclude(_REJECTED).exclude(order)
    for event_id, stream_id in extent.of(events).values_list("pk", "stream_id"):
        yield Finding("event_of_no_order", f"event {event_id}", stream_id)
