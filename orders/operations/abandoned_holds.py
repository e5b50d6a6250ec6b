"""Stock that was held for a placement which never came to be."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from inventory_client.current import get_inventory
from inventory_client.errors import InventoryUnavailable, OutcomeUnknown
from orders.models import Order

logger = logging.getLogger(__name__)


def sweep_holds(*, after: datetime, before: datetime) -> tuple[int, datetime]:
    """Release holds last touched in (after, before] that no order stands on.

    Returns how many were released and up to when all holds have been looked at; the next sweep goes on
    from there. Orders are written long before `before`, or never: see HOLD_GRACE_SECONDS. A hold whose
    release has an unknown outcome is named by the inventory client again, so the others need not wait.
    """
    inventory = get_inventory()
    released = 0
    while holds := inventory.untouched_holds(after=after, before=before):
        for reservation_id in _without_order([reservation_id for reservation_id, _ in holds]):
            try:
                released += inventory.release_untouched(reservation_id, before=before)
            except InventoryUnavailable as error:
                logger.warning("holds not swept yet", extra={"error": str(error)})
                return released, after
            except OutcomeUnknown as error:
                logger.warning(
                    "hold not released yet", extra={"reservation_id": str(reservation_id), "error": str(error)}
                )
        newest = max(touched_at for _, touched_at in holds)
        if newest <= after:
            break
        after = newest
    return released, before


def _without_order(reservation_ids: list[UUID]) -> Iterable[UUID]:
    known = set(Order.all_objects.standing_on(reservation_ids).values_list("reservation_id", flat=True))
    return [reservation_id for reservation_id in reservation_ids if reservation_id not in known]
