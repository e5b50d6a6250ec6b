"""The embedded inventory: stock and reservations in our own PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import DatabaseError

from inventory_client.client import HoldOutcome
from inventory_client.database import array_literal, delete_in_pieces, detail_of, rows
from inventory_client.errors import (
    InventoryError,
    ReservationMismatch,
    ReservationNotHeld,
    ReservationReleased,
    StockShortage,
    UnknownProduct,
)
from inventory_client.owning import Standing, released_alone
from inventory_client.values import Held, HoldRequest, Reservation, ReservationState, ShortLine
from remote_calls.transactions import refuse_open_transaction

HOLD = """
select outcomes, valid_until
  from inventory_hold(%s::uuid[], %s::integer[], %s::integer[], %s::text[], %s::integer[], %s::interval,
                      %s::integer[])
"""
RELEASE = "select inventory_release(%s, %s::timestamptz)"
CONFIRM = """
update inventory_reservation set state = 'confirmed', updated_at = clock_timestamp()
 where id = %s and state = 'held'
returning 'confirmed'
"""
GET = """
select id, state, revision, product_ids, quantities, updated_at, shipped from inventory_reservation where id = %s
"""
GET_ALL = """
select id, state, revision, product_ids, quantities, updated_at, shipped from inventory_reservation
 where id = any(%s::uuid[])
"""
# Each state has its own index by time, and a page of each holds the page of all. With ties: rows of one batch share
# their time, and callers go on after the last time they were given.
_CHANGED_IN_STATE = """
(select id, state, revision, product_ids, quantities, updated_at, shipped from inventory_reservation
  where state = '{state}' and updated_at >= %(since)s
  order by updated_at fetch first %(limit)s rows with ties)
"""
_OLDEST_OF_ALL = "order by updated_at fetch first %(limit)s rows with ties"
CHANGED_SINCE = (
    "union all".join(_CHANGED_IN_STATE.format(state=state.value) for state in ReservationState) + _OLDEST_OF_ALL
)
UNTOUCHED_HOLDS = """
select id, updated_at from inventory_reservation
 where state = 'held' and updated_at > %s and updated_at <= %s
 order by updated_at fetch first %s rows with ties
"""
FORGET = """
with due as materialized (
    select ctid, updated_at from inventory_reservation
     where state = 'released' and updated_at >= %(after)s and updated_at < %(before)s
     order by updated_at limit %(limit)s for update skip locked
), forgotten as (
    delete from inventory_reservation where ctid = any (array(select ctid from due))
)
select count(*), max(updated_at) from due
"""

# The SQLSTATE of inventory_hold's refusal.
REFUSED = "IV001"


class EmbeddedLedger:
    """Never oversells under any concurrency; its calls cannot deadlock (`sql/hold.sql` says why)."""

    def __init__(self, *, hold_grace_seconds: float) -> None:
        self._grace = f"{hold_grace_seconds} seconds"

    def hold(self, requests: Sequence[HoldRequest]) -> list[HoldOutcome]:
        refuse_open_transaction("inventory.hold")
        if not requests:
            return []
        try:
            return self._hold_together(requests)
        except Refused as refused:
            if len(requests) == 1:
                return [refused.as_error()]
            refused_products = refused.product_ids()
        except InventoryError as failure:
            return [failure] * len(requests)
        return self._hold_apart(requests, refused_products)

    def confirm(self, reservation_id: UUID) -> None:
        refuse_open_transaction("inventory.confirm")
        if rows(CONFIRM, [reservation_id]):
            return
        found = self.get(reservation_id)
        if found is None or found.state != ReservationState.CONFIRMED:
            raise ReservationNotHeld(reservation_id, found.state if found else "unknown")

    def release(self, reservation_id: UUID) -> None:
        refuse_open_transaction("inventory.release")
        rows(RELEASE, [reservation_id, None])

    def get(self, reservation_id: UUID) -> Reservation | None:
        refuse_open_transaction("inventory.get")
        found = rows(GET, [reservation_id])
        return _reservation(found[0]) if found else None

    def get_all(self, reservation_ids: Collection[UUID]) -> dict[UUID, Reservation]:
        refuse_open_transaction("inventory.get_all")
        found = [_reservation(row) for row in rows(GET_ALL, [list(reservation_ids)])]
        return {reservation.reservation_id: reservation for reservation in found}

    def changed_since(self, since: datetime, *, limit: int = 1000) -> list[Reservation]:
        refuse_open_transaction("inventory.changed_since")
        return [_reservation(row) for row in rows(CHANGED_SINCE, {"since": since, "limit": limit})]

    def untouched_holds(self, *, after: datetime, before: datetime, limit: int = 1000) -> list[tuple[UUID, datetime]]:
        refuse_open_transaction("inventory.untouched_holds")
        found = rows(UNTOUCHED_HOLDS, [after, before, limit])
        return [(reservation_id, touched_at) for reservation_id, touched_at in found]

    def release_untouched(self, reservation_id: UUID, *, before: datetime, unless: Standing = lambda: False) -> bool:
        refuse_open_transaction("inventory.release_untouched")
        with released_alone("inventory_reservation", reservation_id):
            if unless():
                return False
            ((released,),) = rows(RELEASE, [reservation_id, before])
        return bool(released)

    def release_ownerless(self, reservation_id: UUID, *, unless: Standing) -> bool:
        refuse_open_transaction("inventory.release_ownerless")
        with released_alone("inventory_reservation", reservation_id):
            if unless():
                return False
            rows(RELEASE, [reservation_id, None])
        return True

    def forget_holds(self, *, before: datetime) -> int:
        refuse_open_transaction("inventory.forget_holds")
        return delete_in_pieces(FORGET, before=before)

    def hold_call(self, requests: Sequence[HoldRequest]) -> HoldCall:
        """A call of inventory_hold(), for whoever makes it as part of a larger one."""
        return HoldCall(requests, self._grace)

    def _hold_together(self, requests: Sequence[HoldRequest]) -> list[HoldOutcome]:
        """One call that holds all requests or raises Refused."""
        call = self.hold_call(requests)
        try:
            ((outcomes, valid_until),) = rows(HOLD, [*call.parameters, call.shipped])
        except DatabaseError as error:
            raise refusal_in(error) or error from None
        return call.outcomes(outcomes, valid_until)

    def _hold_apart(self, requests: Sequence[HoldRequest], refused: set[str]) -> list[HoldOutcome]:
        """Hold what has no refused product together, and the rest one by one, first come first served."""
        untouched = [request for request in requests if refused.isdisjoint(request.lines)]
        together = iter(self.hold(untouched) if untouched else [])
        return [
            next(together) if refused.isdisjoint(request.lines) else self.hold([request])[0] for request in requests
        ]


class HoldCall:
    """The parameters of inventory_hold() for some requests, and what its answer means for each of them.

    `shipped` is its last parameter, which nobody needs who holds for new orders.
    """

    def __init__(self, requests: Sequence[HoldRequest], grace: str) -> None:
        self._requests = requests
        self._order = sorted(range(len(requests)), key=lambda index: requests[index].reservation_id)
        line_counts, product_ids, quantities = [], [], []
        for index in self._order:
            lines = sorted(requests[index].lines.items())
            line_counts.append(len(lines))
            product_ids.extend([product_id for product_id, _ in lines])
            quantities.extend([quantity for _, quantity in lines])
        self.shipped = _shipped([requests[index] for index in self._order])
        self.parameters: list[Any] = [
            array_literal([requests[index].reservation_id for index in self._order]),
            array_literal([requests[index].revision for index in self._order]),
            array_literal(line_counts),
            array_literal(product_ids),
            array_literal(quantities),
            grace,
        ]

    def outcomes(self, outcomes: Sequence[str], valid_until: datetime) -> list[HoldOutcome]:
        """In the order of the requests."""
        answers = dict(zip(self._order, outcomes, strict=True))
        return [
            _outcome(request.reservation_id, answers[index], valid_until)
            for index, request in enumerate(self._requests)
        ]


def _shipped(requests: Sequence[HoldRequest]) -> str | None:
    """Line by line, in the byte order of each request's products; None when nothing has been shipped of any."""
    if not any(request.shipped for request in requests):
        return None
    return array_literal(
        [request.shipped.get(product_id, 0) for request in requests for product_id in sorted(request.lines)]
    )


def refusal_in(error: DatabaseError) -> Refused | None:
    """What inventory_hold() refused, if that is what the error is."""
    detail = detail_of(error, sqlstate=REFUSED)
    return Refused(detail) if detail is not None else None


class _RefusedLines(msgspec.Struct):
    short: list[ShortLine]
    unknown: list[str]


class Refused(Exception):
    """inventory_hold held nothing of its call; every line that stood in the way is named."""

    def __init__(self, detail: str) -> None:
        self.lines = msgspec.json.decode(detail, type=_RefusedLines)
        super().__init__(detail)

    def product_ids(self) -> set[str]:
        return {*self.lines.unknown, *(line.product_id for line in self.lines.short)}

    def as_error(self) -> InventoryError:
        return UnknownProduct(self.lines.unknown) if self.lines.unknown else StockShortage(self.lines.short)


def _outcome(reservation_id: UUID, outcome: str, valid_until: datetime) -> HoldOutcome:
    match outcome:
        case "held":
            return Held(reservation_id, valid_until)
        case "joined":
            return Held(reservation_id, valid_until, joined=True)
        case "released":
            return ReservationReleased(reservation_id)
        case _:
            return ReservationMismatch(reservation_id)


def _reservation(row: tuple[Any, ...]) -> Reservation:
    reservation_id, state, revision, product_ids, quantities, updated_at, shipped = row
    lines = dict(zip(product_ids, quantities, strict=True))
    gone = {product_id: units for product_id, units in zip(product_ids, shipped, strict=False) if units}
    return Reservation(reservation_id, ReservationState(state), revision, lines, updated_at, gone)
