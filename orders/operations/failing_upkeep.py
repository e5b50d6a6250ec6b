"""Upkeep of many orders, each on its own: what fails is written down, and tried again later than the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models.functions import Now

from inventory_client.outages import outage_of
from orders.models import Order, UpkeepFailure
from orders.rules.errors import OrderError

logger = logging.getLogger(__name__)

_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_OUT_OF_DATE: Final = timedelta(days=1)
_LONGEST_ERROR: Final = 500
# One may be a single order's after all: a call for which no time was left, say.
_OUT_OF_REACH_FOR_ALL: Final = 3


class NotDone(Exception):
    """Upkeep of one order has failed for a reason that it will meet again; says which."""


class OutOfReach(Exception):
    """What upkeep needs cannot be reached: no order's own failure, and the others would most likely meet it too."""


def each_alone(upkeep: UpkeepFailure.Upkeep, order_ids: Iterable[UUID], do: Callable[[UUID], bool]) -> int:
    """Do it to each order; return how many it was done to, which is what `do` tells.

    A refusal is no failure: the order has changed since it was chosen. Whatever else an order raises is its own
    failure; only OutOfReach is nobody's, and ends it early when it comes a few times in a row. Raises the
    database's error when the database itself is out of order.
    """
    done = unreached = 0
    for order_id in order_ids:
        if unreached == _OUT_OF_REACH_FOR_ALL:
            logger.warning("upkeep ends early", extra={"upkeep": upkeep.value})
            break
        try:
            done += do(order_id)
        except OrderError as refusal:
            logger.info("left alone by upkeep", extra={"order_id": str(order_id), "why": str(refusal)})
        except OutOfReach:
            unreached += 1
            continue
        except NotDone as error:
            _put_off(upkeep, order_id, str(error))
        except Exception as error:
            if outage_of(error):
                raise
            logger.exception("upkeep failed", extra={"order_id": str(order_id), "upkeep": upkeep.value})
            _put_off(upkeep, order_id, f"{type(error).__name__}: {error}")
        else:
            UpkeepFailure.objects.filter(order_id=order_id, upkeep=upkeep).delete()
        unreached = 0
    # Due for a day and not tried: the order has gone on, and upkeep has nothing to do with it any more.
    UpkeepFailure.objects.filter(upkeep=upkeep, retry_at__lt=Now() - _OUT_OF_DATE).delete()
    return done


def _put_off(upkeep: UpkeepFailure.Upkeep, order_id: UUID, error: str) -> None:
    """Twice as long as before, so that an order nobody mends costs next to nothing."""
    earlier = UpkeepFailure.objects.filter(order_id=order_id, upkeep=upkeep).values_list("attempts", flat=True).first()
    attempts = 1 + (earlier or 0)
    UpkeepFailure.objects.update_or_create(
        order_id=order_id,
        upkeep=upkeep,
        defaults={
            "storefront_id": Order.all_objects.values_list("storefront_id", flat=True).get(pk=order_id),
            "attempts": attempts,
            "error": error.replace("\0", "")[:_LONGEST_ERROR],
            "failed_at": Now(),
            "retry_at": Now() + min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(attempts - 1, 20)),
        },
    )
