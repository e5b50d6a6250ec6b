"""Changing what was asked for and waits to be placed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import msgspec
from django.db.models import QuerySet

from orders.models import RequestedOrder, Storefront
from orders.requests.placing import KeptOrder

logger = logging.getLogger(__name__)

_READ_AT_ONCE: Final = 100


def change_requests(
    customer_id: str, change: Callable[[KeptOrder], KeptOrder], *, storefronts: QuerySet[Storefront]
) -> int:
    """Have what the customer waits for be placed as `change` makes it; return how many are another than before.

    In the caller's transaction. Whoever is placing one at this moment has done so when this returns, or does not: what
    is an order by then is to be changed as one.
    """
    theirs = RequestedOrder.objects.waiting().filter(storefront__in=storefronts, customer_id=customer_id)
    changed = 0
    for request in theirs.select_for_update(of=("self",)).order_by("pk").iterator(chunk_size=_READ_AT_ONCE):
        try:
            order = msgspec.json.decode(bytes(request.order or b""), type=KeptOrder)
        except msgspec.DecodeError as error:  # its worker fails by it too, and tells so
            logger.warning("Request cannot be read", extra={"order_id": str(request.pk), "error": str(error)})
            continue
        if (wanted := change(order)) != order:
            request.order = msgspec.json.encode(wanted)
            request.save(update_fields=["order"])
            changed += 1
    return changed
