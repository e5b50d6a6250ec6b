"""Orders that were asked for and are not placed: those that wait, and those that were rejected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from events.models import PARKED
from orders.models import RequestedOrder

MOST_COUNTED: Final = 10_001
# However long the backlog is: the oldest by its id, which has the time, and no more counted than anybody reads.
# In words that the indexes have, so that any plan finds them.
_STANDING: Final = f"""
select (select count(*) from (select from orders_requestedorder
          where state = 'requested' and next_attempt_at < '{PARKED.isoformat()}' limit %(most)s) as counted),
       (select count(*) from (select from orders_requestedorder
          where state = 'requested' and next_attempt_at >= '{PARKED.isoformat()}' limit %(most)s) as counted),
       (select count(*) from (select from orders_requestedorder where state = 'rejected' limit %(most)s) as counted),
       coalesce(extract(epoch from clock_timestamp() - (select requested_at from orders_requestedorder
          where state = 'requested' and next_attempt_at < '{PARKED.isoformat()}' order by id limit 1)), 0)
"""  # noqa: S608 - constants


class Page(NamedTuple):
    """Newest first; `next_before` is where to go on, None at the end."""

    requests: list[RequestedOrder]
    next_before: UUID | None


def read_request(order_id: UUID, *, storefront_id: int) -> RequestedOrder | None:
    """What was asked for under the id that the order will have, or would have had."""
    return RequestedOrder.objects.of_storefront(storefront_id).select_related("storefront").filter(pk=order_id).first()


def page_of_requests(storefront_id: int, conditions: Mapping[str, Any], *, before: UUID | None, limit: int) -> Page:
    """A page of the storefront's requests; `conditions` are filters by field."""
    requests = RequestedOrder.objects.of_storefront(storefront_id).filter(**conditions).select_related("storefront")
    if before is not None:
        requests = requests.filter(pk__lt=before)
    found = list(requests.defer("order").order_by("-pk")[: limit + 1])
    return Page(found[:limit], found[limit - 1].pk if len(found) > limit else None)


class Standing(NamedTuple):
    """How many wait, are parked, were rejected, each counted up to `MOST_COUNTED`, which means that or more; `seconds`
    ago the oldest that waits was asked for, 0 when none does.
    """

    waiting: int
    parked: int
    rejected: int
    seconds: float


def requests_standing() -> Standing:
    """How requests stand: its cost grows neither with what was placed nor with what waits."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"most": MOST_COUNTED})
        waiting, parked, rejected, seconds = cursor.fetchone()
    return Standing(waiting, parked, rejected, max(0.0, float(seconds)))
