"""Taking orders in without placing them: what is asked for is durable, and answered, before anything is held.

`placing_requested.py` places them. Whoever asks gets the ids that the orders will have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson
from django.db import connection

from orders.announcing.changes import Origin
from orders.drafts import order_currency
from orders.models import Storefront
from orders.operations.idempotency import Idempotency, StoredAnswer, raise_if_answered
from orders.reading.documents import instant
from orders.requests.placing import NewOrder
from orders.rules.errors import InvalidRequest, OrderError, PlacementTooSlow
from orders.rules.ids import new_timed_id, time_of

ACCEPTED: Final = 202
_TRIES: Final = 2

_INSERT: Final = """
insert into orders_requestedorder (
    id, storefront_id, state, customer_id, external_reference, "order", actor, reason, request_id, trace, requested_at
)
select asked.id, %(storefront_id)s::int, 'requested', asked.customer_id, asked.external_reference, asked."order",
       %(actor)s::text, %(reason)s::text, %(request_id)s::text, %(trace)s::text, asked.requested_at
  from unnest(%(ids)s::uuid[], %(customer_ids)s::text[], %(references)s::text[], %(orders)s::bytea[],
              %(requested_at)s::timestamptz[])
       as asked (id, customer_id, external_reference, "order", requested_at)
"""
# Both or none: whoever comes second with the key waits for the first one's commit, and adds nothing.
_INSERT_ONCE: Final = f"""
with answered as (
    insert into orders_idempotentanswer (storefront_id, key, fingerprint, status, headers, body, created_at)
    values (%(storefront_id)s, %(key)s, %(fingerprint)s, %(status)s, '{{}}', %(answer)s, clock_timestamp())
    on conflict do nothing
    returning key
)
{_INSERT} cross join answered
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Taken:
    """An order that will be placed, or rejected, under this id."""

    order_id: UUID

    @property
    def requested_at(self) -> datetime:
        return time_of(self.order_id)


Answered = Taken | OrderError


def take_orders(
    requests: Sequence[NewOrder | OrderError],
    *,
    storefront: Storefront,
    origin: Origin,
    render: Callable[[Sequence[Answered]], StoredAnswer],
    idempotency: Idempotency | None = None,
) -> StoredAnswer:
    """Keep what is asked for, to be placed by `place_requested`; answer with what `render` makes of each.

    A request that is an error already is answered by that; so is one whose amounts have no currency. One statement:
    once it returns outside a transaction, nothing loses the orders. Raises Replay when the key came before with the
    same request, whether that one was placed at once or is to be later, and IdempotencyKeyReused when with another;
    PlacementTooSlow when nothing could be kept and the caller should try again.
    """
    answered = [_taken(request, storefront) for request in requests]
    answer = render(answered)
    rows = [
        (taken, request)
        for taken, request in zip(answered, requests, strict=True)
        if isinstance(taken, Taken) and isinstance(request, NewOrder)
    ]
    if not rows:
        return answer
    values: dict[str, Any] = {
        "storefront_id": storefront.pk,
        "ids": [taken.order_id for taken, _ in rows],
        "customer_ids": [request.customer_id for _, request in rows],
        "references": [request.external_reference for _, request in rows],
        "orders": [msgspec.json.encode(request) for _, request in rows],
        "requested_at": [taken.requested_at for taken, _ in rows],
        "actor": origin.actor,
        "reason": origin.reason,
        "request_id": origin.request_id,
        "trace": origin.trace,
    }
    if idempotency is not None:
        values |= {
            "key": idempotency.key,
            "fingerprint": bytes.fromhex(idempotency.fingerprint),
            "status": answer.status,
            "answer": answer.body,
        }
    for _ in range(_TRIES):
        with connection.cursor() as cursor:
            cursor.execute(_INSERT if idempotency is None else _INSERT_ONCE, values)
            if cursor.rowcount or idempotency is None:
                return answer
        raise_if_answered(storefront.pk, idempotency)
        # An old answer was in the way, and was forgotten before it could be read: the key is free now.
    raise PlacementTooSlow("The Idempotency-Key was used before and is just being forgotten; nothing was taken in.")


def receipt_of(taken: Taken) -> dict[str, Any]:
    """What whoever asked is told at once: enough to find the order, nothing of what is in it."""
    return {
        "id": str(taken.order_id),
        "status": "requested",
        "status_url": f"/api/v1/orders/{taken.order_id}",
        "requested_at": instant(taken.requested_at),
    }


def receipt_of_one(answered: Sequence[Answered]) -> StoredAnswer:
    """The answer to whoever asked for one order. Raises OrderError when it is none."""
    (taken,) = answered
    if isinstance(taken, OrderError):
        raise taken
    return StoredAnswer(ACCEPTED, orjson.dumps(receipt_of(taken)))


def _taken(request: NewOrder | OrderError, storefront: Storefront) -> Answered:
    if isinstance(request, OrderError):
        return request
    try:
        order_currency(request, storefront)
    except InvalidRequest as invalid:
        return invalid
    return Taken(new_timed_id())
