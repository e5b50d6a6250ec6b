"""Orders whose time has come: pending ones to be canceled, delivered ones to be completed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from orders.models import Order, Storefront, UpkeepFailure
from orders.models.querysets import OrderQuerySet
from orders.operations.call import Call, Document
from orders.operations.canceling import expire_order
from orders.operations.failing_upkeep import each_alone
from orders.operations.shipping import complete_order
from orders.requests.operations import Plain
from orders.rules.callers import system

_AT_ONCE: Final = 500

Upkeep = UpkeepFailure.Upkeep


def expire_orders(*, now: datetime) -> int:
    """Cancel pending orders past `reserved_until` for which no money was recorded; return how many.

    All of it is checked again under each order's lock: one that has been paid, confirmed or extended since
    is left alone.
    """
    orders = Order.objects.expired(now).not_put_off(Upkeep.EXPIRE).order_by("reserved_until")
    return _each(Upkeep.EXPIRE, orders, expire_order, "not confirmed in time")


def complete_orders(*, now: datetime) -> int:
    """Complete orders that were delivered as long ago as their storefront wants; return how many."""
    completed = 0
    for storefront in Storefront.objects.all():
        if (days := storefront.complete_after_days) is not None:
            delivered = Order.objects.delivered(storefront.pk, before=now - timedelta(days=days))
            orders = delivered.not_put_off(Upkeep.COMPLETE).order_by("delivered_at")
            completed += _each(Upkeep.COMPLETE, orders, complete_order, "delivered long enough ago")
    return completed


def _each(upkeep: Upkeep, orders: OrderQuerySet, operation: Callable[..., Document], reason: str) -> int:
    call = Call(system("sweep"), reason=reason)

    def do(order_id: UUID) -> bool:
        operation(order_id, Plain(), call=call)
        return True

    return each_alone(upkeep, orders.values_list("pk", flat=True)[:_AT_ONCE], do)
