"""Pending orders whose stock was held long enough."""

from __future__ import annotations

import logging
from datetime import datetime

from orders.changes import Origin
from orders.errors import OrderError
from orders.models import Order
from orders.operations.changing import cancel_order
from orders.operations.locked_order import Precondition
from orders.statuses import CancelReason

logger = logging.getLogger(__name__)


def expire_orders(*, now: datetime, origin: Origin, limit: int = 500) -> int:
    """Cancel pending orders past `reserved_until`, up to `limit`; return how many.

    The version found here is checked again under each order's lock: an order that has been confirmed
    or extended since is left alone.
    """
    expired = 0
    expired_orders = Order.all_objects.expired(now).order_by("reserved_until").values_list("pk", "version")
    for order_id, version in expired_orders[:limit]:
        try:
            cancel_order(
                order_id,
                storefront_id=None,
                origin=origin,
                cause=CancelReason.EXPIRED,
                precondition=Precondition(version),
            )
        except OrderError as error:
            logger.info("not expired", extra={"order_id": str(order_id), "why": str(error)})
        else:
            expired += 1
    return expired
