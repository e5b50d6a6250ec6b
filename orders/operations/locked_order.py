"""The one helper that opens a transaction and holds an order's row, and what ends every change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from django.db import OperationalError, transaction
from django.utils import timezone

from events import outbox
from orders import errors
from orders.changes import Change, Origin
from orders.models import Order
from orders.operations.inventory_upkeep import settle_order
from orders.order_documents import document_of
from orders.signals import order_changed


@dataclass(frozen=True, slots=True)
class Precondition:
    """What the caller believes: the version of an If-Match header, None when it does not care."""

    version: int | None = None

    def check(self, order: Order) -> None:
        if self.version is not None and self.version != order.version:
            raise errors.VersionMismatch(current=order.version, expected=f'"{self.version}"')


ANY_VERSION = Precondition()


@contextmanager
def locked_order(order_id: UUID, *, storefront_id: int | None, deleted: bool = False) -> Iterator[Order]:
    """Open the transaction and hold the order's row until it ends.

    `storefront_id` None is for staff and commands, who may act for every storefront.

    Raises OrderNotFound, or OrderBusy when others hold the row for longer than lock_timeout.
    """
    orders = Order.all_objects if deleted else Order.objects
    with transaction.atomic(durable=True):
        queryset = orders.select_for_update(of=("self",)).select_related("storefront")
        if storefront_id is not None:
            queryset = queryset.of_storefront(storefront_id)
        try:
            order = queryset.get(pk=order_id)
        except Order.DoesNotExist:
            raise errors.OrderNotFound(order_id) from None
        except OperationalError as error:
            if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise errors.OrderBusy(order_id) from error
            raise
        yield order


def commit_change(
    order: Order, event_type: str, *, before: dict[str, Any], after: dict[str, Any], origin: Origin
) -> dict[str, Any]:
    """Save the locked order as its next version, tell the receivers, write their events; return its document.

    After the commit the inventory is told at once, if it has to be; the sweeper repeats what fails.
    """
    order.version += 1
    order.updated_at = max(timezone.now(), order.placed_at)
    order.save()
    document = document_of(order)
    change = Change(
        type=event_type,
        order_id=order.pk,
        storefront_id=order.storefront_id,
        storefront_code=order.storefront.code,
        version=order.version,
        occurred_at=order.updated_at,
        document=document,
        origin=origin,
        before=before,
        after=after,
    )
    order_changed.send(sender=Order, change=change)
    outbox.append(change.events)
    if order.stock_action is not None:
        transaction.on_commit(lambda: settle_order(order.pk), robust=True)
    return document
