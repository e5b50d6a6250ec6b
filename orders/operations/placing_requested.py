"""Placing what was asked for before: in batches, by any number of workers, each order once or told why not.

A worker puts the requests it takes off for as long as it may need for them; another takes those of one that died.
That two have the same request is possible and harmless: its row is removed in the transaction that writes its order,
and whoever comes second finds none. Both ask for the same reservation, so that no stock is held twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from events.models import PARKED
from inventory_client.outages import outage_of
from orders.announcing.changes import Origin
from orders.drafts import Draft
from orders.models import RequestedOrder, Storefront
from orders.models.requested import RequestedOrderQuerySet
from orders.operations.customers import WELCOME, verdicts_on
from orders.operations.holding import review_hold
from orders.operations.kill_points import kill_point
from orders.operations.placing import Outcome, Placed, place_drafts
from orders.operations.rejecting import reject_request
from orders.requests.placing import KeptOrder
from orders.rules import errors

logger = logging.getLogger(__name__)

AT_ONCE: Final = 100
MAX_TRIES: Final = 8
# Longer than a batch takes, whatever the inventory does: a worker that died is waited for so long.
_TAKEN: Final = timedelta(seconds=60)
_FIRST_PAUSE: Final = timedelta(seconds=1)
_LONGEST_PAUSE: Final = timedelta(minutes=15)
_LONGEST_ERROR: Final = 2000

# An equal part of each storefront's, so that none waits for all of another's; when there are more storefronts than
# room, of some. Of each in order of their turn; those whom others are taking at this moment are passed over.
# A try counts before it begins: one that ends the process could not be counted afterwards. For "exists" the
# planner may read all that wait, and by the array alone it knows that few are taken.
_TAKE: Final = """
with storefronts as materialized (
    select storefront.id
      from orders_storefront as storefront cross join lateral (
          select from orders_requestedorder
           where storefront_id = storefront.id and state = 'requested' and next_attempt_at <= statement_timestamp()
           order by next_attempt_at, id limit 1
      ) as first
     order by random() limit %(most)s
), due as materialized (
    select of_one.id, of_one.attempts
      from storefronts cross join lateral (
          select id, attempts from orders_requestedorder
           where storefront_id = storefronts.id and state = 'requested' and next_attempt_at <= statement_timestamp()
           order by next_attempt_at, id limit %(most)s / (select count(*) from storefronts) for update skip locked
      ) as of_one
)
update orders_requestedorder as taken
   set next_attempt_at = clock_timestamp() + %(taken)s * interval '1 second', attempts = greatest(1, due.attempts)
  from due where taken.id = due.id and taken.id = any (array(select id from due))
returning taken.id, due.attempts
"""
# In the order in which others lock several, and as they were read: what has changed since is not what was drafted.
_CLAIM: Final = """
with mine as materialized (
    select request.id
      from orders_requestedorder as request
      join unnest(%(ids)s::uuid[], %(orders)s::bytea[]) as drafted (id, "order")
        on request.id = drafted.id and request."order" = drafted."order"
     where request.state = 'requested'
     order by request.id for update of request
)
delete from orders_requestedorder as placed using mine where placed.id = mine.id returning placed.id
"""


class ProcessEnded(Exception):
    """Whatever tried to place it ended before it could say how that went, each time."""

    def __init__(self) -> None:
        super().__init__(
            f"Its tries were begun {MAX_TRIES} times and never ended: look for processes that were killed or crashed, "
            "and for what they had in memory."
        )


class Progress(NamedTuple):
    """What became of the requests of one call; those that wait are tried again later."""

    placed: int = 0
    rejected: int = 0
    waiting: int = 0

    @property
    def taken(self) -> int:
        return sum(self)

    @property
    def settled(self) -> int:
        return self.placed + self.rejected

    @classmethod
    def sum(cls, parts: Iterable[Progress]) -> Progress:
        return cls(*map(sum, zip(cls(), *parts, strict=True)))


def place_requested(*, most: int = AT_ONCE) -> Progress:
    """Place what is due, at most so many; any number of processes may do this at once.

    Refusals are told by `order.rejected`. While inventory or customers cannot be asked, requests wait, and no try is
    counted. One whose try failed otherwise, or began and never ended, is tried alone, after all others, and again
    after 1 second, 4, 16 …; after 8 tries it is parked until somebody decides. Raises the database's error when the
    database is out of order.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"taken": _TAKEN.total_seconds(), "most": most})
        tries_before: dict[UUID, int] = dict(cursor.fetchall())
    if not tries_before:
        return Progress()
    kill_point("after_take")
    requests = RequestedOrder.objects.waiting().filter(pk__in=tries_before).select_related("storefront")
    first_tries: list[RequestedOrder] = []
    others: list[RequestedOrder] = []
    for request in requests.order_by("storefront_id", "pk"):
        (others if tries_before[request.pk] else first_tries).append(request)
    # Whoever ends the process again does so when the others are settled, and those tried less often before it.
    others.sort(key=attrgetter("attempts"))
    together = Progress.sum(_place(list(of_one)) for _, of_one in groupby(first_tries, key=attrgetter("storefront_id")))
    return Progress.sum([together, *(_place_alone(request) for request in others)])


def _place_alone(request: RequestedOrder) -> Progress:
    """Try one again that failed, or that a process which died was trying, alone or among others."""
    if request.attempts >= MAX_TRIES:
        _note_failure(request, ProcessEnded())
        return Progress(waiting=1)
    # Another may have begun it meanwhile, when those before it took long; then that one's try counts.
    if not _as_tried(request).update(attempts=F("attempts") + 1, next_attempt_at=Now() + _TAKEN):
        return Progress()
    request.attempts += 1
    return _place([request])


def _place(requests: Sequence[RequestedOrder]) -> Progress:
    """Of one storefront. One that makes the others fail is found by trying each alone."""
    try:
        outcomes = _outcomes_of(requests)
    except Exception as error:
        if outage_of(error):
            raise
        if len(requests) > 1:
            logger.warning("Requests are placed one by one", extra={"requests": len(requests), "error": str(error)})
            return Progress.sum(_place([request]) for request in requests)
        if not isinstance(error, errors.OrderError):
            _note_failure(requests[0], error)
            return Progress(waiting=1)
        outcomes = {0: error}
    kill_point("before_settle")
    return Progress.sum(_settle(request, outcomes.get(position)) for position, request in enumerate(requests))


def _outcomes_of(requests: Sequence[RequestedOrder]) -> dict[int, Outcome]:
    """By position; none for what somebody else has settled meanwhile."""
    storefront = requests[0].storefront
    if storefront.switched_off_at is not None:
        refusal = errors.StorefrontSwitchedOff(
            storefront.code, since=storefront.switched_off_at, reason=storefront.switched_off_reason
        )
        return dict.fromkeys(range(len(requests)), refusal)
    outcomes: dict[int, Outcome] = {}
    drafts: list[Draft] = []
    verdicts = verdicts_on(
        {request.customer_id for request in requests}, storefront, idempotency=None, effect="No order was placed"
    )
    for position, request in enumerate(requests):
        verdict = verdicts.get(request.customer_id, WELCOME)
        if verdict.refusal:
            outcomes[position] = verdict.refusal
            continue
        try:
            drafts.append(_draft(position, request, storefront, held_up=verdict.held_up))
        except errors.OrderError as refusal:
            outcomes[position] = refusal
    if drafts:
        place_drafts(drafts, outcomes, claim=partial(_claim, {request.pk: request.order for request in requests}))
    return outcomes


def _draft(position: int, request: RequestedOrder, storefront: Storefront, *, held_up: bool) -> Draft:
    """Under the id that was promised. A space, so that no Idempotency-Key asks for the same reservation."""
    return Draft(
        position,
        msgspec.json.decode(bytes(request.order or b""), type=KeptOrder),
        storefront,
        Origin(request.actor, request.reason, request.request_id, request.trace),
        repeats_as=(f"requested {request.pk}", 0),
        holds=[review_hold()] if held_up else [],
        order_id=request.pk,
    )


def _claim(drafted: Mapping[UUID, Any], order_ids: Sequence[UUID]) -> set[UUID]:
    """Remove the requests whose orders are being written; return those that were still there, and as drafted."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"ids": list(order_ids), "orders": [drafted[order_id] for order_id in order_ids]})
        return {row[0] for row in cursor.fetchall()}


def _settle(request: RequestedOrder, outcome: Outcome | None) -> Progress:
    """What cannot be settled counts as a failed try, and holds up no other."""
    try:
        return _settled(request, outcome)
    except Exception as error:
        if outage_of(error):
            raise
        _note_failure(request, error)
        return Progress(waiting=1)


def _settled(request: RequestedOrder, outcome: Outcome | None) -> Progress:
    match outcome:
        case Placed():
            return Progress(placed=1)
        case errors.TemporarilyUnavailable():
            _put_off(request, outcome)
            return Progress(waiting=1)
        case errors.OrderError():
            return Progress(rejected=int(reject_request(request.pk, outcome)))
        case _:
            return Progress(waiting=_make_due(request))


def _make_due(request: RequestedOrder) -> int:
    """What nobody else has settled has only changed, such as its address: its try counts for nothing."""
    return _as_tried(request).update(attempts=F("attempts") - 1, next_attempt_at=Now())


def _put_off(request: RequestedOrder, trouble: errors.TemporarilyUnavailable) -> None:
    """It is nobody's fault: as long as it lasts, the request waits."""
    pause = timedelta(seconds=max(1.0, trouble.retry_after))
    told = f"{trouble.code}: {trouble.detail}".replace("\0", "")[:_LONGEST_ERROR]
    _as_tried(request).update(attempts=F("attempts") - 1, next_attempt_at=Now() + pause, last_error=told)


def _note_failure(request: RequestedOrder, error: Exception) -> None:
    """Its try is counted already."""
    is_parked = request.attempts >= MAX_TRIES
    # Of the database's sentences the first alone: the others quote rows.
    said = getattr(getattr(error.__cause__, "diag", None), "message_primary", None) or error
    told = f"{type(error).__name__}: {said}".replace("\0", "")[:_LONGEST_ERROR]
    pause: timedelta = min(_LONGEST_PAUSE, _FIRST_PAUSE * 4 ** (request.attempts - 1))
    _as_tried(request).update(next_attempt_at=PARKED if is_parked else Now() + pause, last_error=told)
    logger.log(
        logging.ERROR if is_parked else logging.WARNING,
        "Requested order is parked" if is_parked else "Requested order could not be placed and will be tried again",
        extra={"order_id": str(request.pk), "attempts": request.attempts},
        exc_info=error,
    )


def _as_tried(request: RequestedOrder) -> RequestedOrderQuerySet:
    """The request as this try knows it: none when another has begun one meanwhile, which then counts."""
    return RequestedOrder.objects.waiting().filter(pk=request.pk, attempts=request.attempts)


def try_again(requests: RequestedOrderQuerySet, *, by: str) -> int:
    """Make the parked ones of the requests due again, no try counted. Return how many they were."""
    retried = requests.parked().update(next_attempt_at=Now(), attempts=0)
    logger.info("Parked requests made due again", extra={"requests": retried, "by": by})
    return retried
