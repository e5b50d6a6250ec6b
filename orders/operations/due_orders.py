"""Orders whose time has come: pending ones to be canceled, delivered ones to be completed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from orders.models import Order, Storefront
from orders.operations.call import Call, Document
from orders.operations.canceling import expire_order
from orders.operations.shipping import complete_order
from orders.requests.operations import Plain
from orders.rules.callers import system
from orders.rules.errors import OrderError

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 500


def expire_orders(*, now: datetime) -> int:
    """Cancel pending orders past `reserved_until` for which no money was recorded; return how many.

    All of it is checked again under each order's lock: one that has been paid, confirmed or extended since
    is left alone.
    """
    expired = Order.objects.expired(now).order_by("reserved_until").values_list("pk", flat=True)[:_AT_ONCE]
    return _each(expired, expire_order, "not confirmed in time")


def complete_orders(*, now: datetime) -> int:
    """Complete orders that were delivered as long ago as their storefront wants; return how many."""
    completed = 0
    for storefront in Storefront.objects.exclude(complete_after_days=None):
        delivered_before = now - timedelta(days=storefront.complete_after_days or 0)
        orders = Order.objects.delivered(storefront.pk, before=delivered_before).order_by("delivered_at")
        completed += _each(orders.values_list("pk", flat=True)[:_AT_ONCE], complete_order, "delivered long enough ago")
    return completed


def _each(order_ids: Iterable[UUID], operation: Callable[..., Document], reason: str) -> int:
    done = 0
    for order_id in order_ids:
        try:
            operation(order_id, Plain(), call=Call(system("sweep"), reason=reason))
        except OrderError as error:
            logger.info("left alone by the sweep", extra={"order_id": str(order_id), "why": str(error)})
        else:
            done += 1
    return done
