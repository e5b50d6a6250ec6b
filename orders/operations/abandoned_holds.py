"""Stock that was held for a placement which never came to be."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from inventory_client.current import get_inventory
from inventory_client.errors import InventoryBusy, InventoryUnavailable, OutcomeUnknown
from inventory_client.outages import outage_of
from orders.models import Order

logger = logging.getLogger(__name__)

_TICK: Final = timedelta(microseconds=1)


class Swept(NamedTuple):
    """How many holds were released, and how many could not be; the next sweep goes on from `looked_until`."""

    released: int
    failed: int
    looked_until: datetime


def sweep_holds(*, after: datetime, before: datetime) -> Swept:
    """Release holds last touched in (after, before] that no order stands on.

    Orders are begun long before `before`, or never: see HOLD_GRACE_SECONDS. One whose commit takes
    longer owns its hold until then; that hold is looked at again, and the others need not wait. Neither need they
    for a release with an unknown outcome, which the inventory client names again, nor for one that fails: it is
    tried again too. Raises the database's error when the database itself is out of order.
    """
    inventory = get_inventory()
    released, failed, looked_until = 0, 0, before
    while holds := inventory.untouched_holds(after=after, before=before):
        touched = dict(holds)
        for reservation_id in _without_order(list(touched)):
            try:
                released += inventory.release_untouched(
                    reservation_id, before=before, unless=Order.all_objects.standing_on([reservation_id]).exists
                )
            except InventoryBusy:
                logger.info("hold in use", extra={"reservation_id": str(reservation_id)})
                looked_until = min(looked_until, touched[reservation_id] - _TICK)
            except InventoryUnavailable as error:
                logger.warning("holds not swept yet", extra={"error": str(error)})
                return Swept(released, failed, min(after, looked_until))
            except OutcomeUnknown as error:
                logger.warning(
                    "hold not released yet", extra={"reservation_id": str(reservation_id), "error": str(error)}
                )
            except Exception as error:
                if outage_of(error):
                    raise
                logger.exception("hold cannot be released", extra={"reservation_id": str(reservation_id)})
                failed += 1
                looked_until = min(looked_until, touched[reservation_id] - _TICK)
        newest = max(touched_at for _, touched_at in holds)
        if newest <= after:
            break
        after = newest
    return Swept(released, failed, looked_until)


def _without_order(reservation_ids: list[UUID]) -> Iterable[UUID]:
    known = set(Order.all_objects.standing_on(reservation_ids).values_list("reservation_id", flat=True))
    return [reservation_id for reservation_id in reservation_ids if reservation_id not in known]
