"""The embedded inventory: stock and reservations in our own PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import DatabaseError
from django.utils import timezone

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
  from inventory_hold(%s::uuid[], %s::integer[], %s::integer[], %s::text[], %s::integer[], %s::interval)
"""
RELEASE = "select inventory_release(%s, %s::timestamptz)"
CONFIRM = """
update inventory_reservation set state = 'confirmed', updated_at = clock_timestamp()
 where id = %s and state = 'held'
returning 'confirmed'
"""
GET = "select id, state, revision, product_ids, quantities, updated_at from inventory_reservation where id = %s"
# A BRIN index finds a slice of time fast, but gives no order: sorting all that changed since then would take ever
# longer. With ties: rows of one batch share their time, and callers go on after the last time they were given.
CHANGED_BETWEEN = """
select id, state, revision, product_ids, quantities, updated_at from inventory_reservation
 where updated_at >= %s and updated_at < %s
 order by updated_at fetch first %s rows with ties
"""
FIRST_CHANGE = "select min(updated_at) from inventory_reservation where updated_at >= %s"
UNTOUCHED_HOLDS = """
select id, updated_at from inventory_reservation
 where state = 'held' and updated_at > %s and updated_at <= %s
 order by updated_at fetch first %s rows with ties
"""
FORGET = """
delete from inventory_reservation where ctid = any (array(
    select ctid from inventory_reservation where state = 'released' and updated_at < %s limit %s for update skip locked
))
"""

_SLICE = timedelta(minutes=1)
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
        except _Refused as refused:
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

    def changed_since(self, since: datetime, *, limit: int = 1000) -> list[Reservation]:
        """Reads slice by slice; where nothing changed it goes to the next change at once."""
        refuse_open_transaction("inventory.changed_since")
        found: list[tuple[Any, ...]] = []
        # Nothing changed tomorrow; beyond the last year there would be no next slice.
        start, width = min(since, timezone.now() + timedelta(days=1)), _SLICE
        while len(found) < limit:
            part = rows(CHANGED_BETWEEN, [start, start + width, limit - len(found)])
            found += part
            start, width = start + width, width * 2
            if not part:
                ((first,),) = rows(FIRST_CHANGE, [start])
                if first is None:
                    break
                start, width = first, _SLICE
        return [_reservation(row) for row in found]

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
        return delete_in_pieces(FORGET, [before])

    def hold_call(self, requests: Sequence[HoldRequest]) -> HoldCall:
        """A call of inventory_hold(), for whoever makes it as part of a larger one."""
        return HoldCall(requests, self._grace)

    def _hold_together(self, requests: Sequence[HoldRequest]) -> list[HoldOutcome]:
        """One call that holds all requests or raises _Refused."""
        call = self.hold_call(requests)
        try:
            ((outcomes, valid_until),) = rows(HOLD, call.parameters)
        except DatabaseError as error:
            raise _refused_in(error) or error from None
        return call.outcomes(outcomes, valid_until)

    def _hold_apart(self, requests: Sequence[HoldRequest], refused: set[str]) -> list[HoldOutcome]:
        """Hold what has no refused product together, and the rest one by one, first come first served."""
        untouched = [request for request in requests if refused.isdisjoint(request.lines)]
        together = iter(self.hold(untouched) if untouched else [])
        return [
            next(together) if refused.isdisjoint(request.lines) else self.hold([request])[0] for request in requests
        ]


class HoldCall:
    """The parameters of inventory_hold() for some requests, and what its answer means for each of them."""

    def __init__(self, requests: Sequence[HoldRequest], grace: str) -> None:
        self._requests = requests
        self._order = sorted(range(len(requests)), key=lambda index: requests[index].reservation_id)
        line_counts, product_ids, quantities = [], [], []
        for index in self._order:
            lines = sorted(requests[index].lines.items())
            line_counts.append(len(lines))
            product_ids.extend([product_id for product_id, _ in lines])
            quantities.extend([quantity for _, quantity in lines])
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


def refusal_in(error: DatabaseError) -> InventoryError | None:
    """What inventory_hold() refused, if that is what the error is."""
    refused = _refused_in(error)
    return refused.as_error() if refused else None


def _refused_in(error: DatabaseError) -> _Refused | None:
    detail = detail_of(error, sqlstate=REFUSED)
    return _Refused(detail) if detail is not None else None


class _RefusedLines(msgspec.Struct):
    short: list[ShortLine]
    unknown: list[str]


class _Refused(Exception):
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
    reservation_id, state, revision, product_ids, quantities, updated_at = row
    lines = dict(zip(product_ids, quantities, strict=True))
    return Reservation(reservation_id, ReservationState(state), revision, lines, updated_at)
