"""Placements that reach a process while another one's database call is under way are placed together, in one call.

An order written with seven others costs the database half of what it costs alone. Nobody waits for others to come:
the first placement on an idle process goes at once, and those that arrive while its call is under way wait for that
anyway, since a worker's threads share two processors with the database. When the call has ended, one of those who
wait makes the next call, for all of them.

What is refused concerns only those it is about. A call tells of a shortage for all it was made for, so those who ask
for the product that is short are placed alone, with the patience of whoever is alone, and the others together again.
A call of several waits for locks a moment only: one busy row must not keep fifteen others waiting.

The threads know each other by this module alone. `turns` may be told that one of them waits, so that another request
is answered meanwhile.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from threading import Lock
from typing import Final, Protocol

from django.db import Error, OperationalError, connection, transaction

from inventory_client.ledger import EmbeddedLedger, Refused
from inventory_client.outages import outage_of, sqlstate_of
from inventory_client.values import Held, HoldRequest
from orders.operations.placing_at_once import AtOnce, hold_and_write, place_at_once
from orders.operations.writing import NewRows, write_new
from orders.rules.errors import PlacementTooSlow

MOST_ORDERS: Final = 16
MOST_LINES: Final = 400
# An order of so many lines is a call's worth of work by itself.
_MOST_LINES_EACH: Final = 50
PATIENCE: Final = timedelta(milliseconds=50)
# Longer than a call may take whose connection is open (STATEMENT_TIMEOUT_MS).
_WAITING_SECONDS: Final = 20.0
# Somebody held a row for longer than the patience, or two calls stood in each other's way: alone, each may succeed.
_BUSY: Final = frozenset({"55P03", "40P01"})


class Turns(Protocol):
    """Who is told when this thread begins to wait for another's work, and when it goes on."""

    def leave(self) -> None: ...

    def take(self, *, at_once: bool, asks_database: bool = True) -> None:
        """Go on; `at_once` when little is left to do, else when it is this thread's turn again."""


class _Everybodys:
    """Threads that nobody shares out wait where they are."""

    def leave(self) -> None: ...

    def take(self, *, at_once: bool, asks_database: bool = True) -> None: ...


@dataclass(eq=False, slots=True)
class _Placement:
    """One order to be placed, and what has become of it: a result, an error, or neither when it has to go alone."""

    request: HoldRequest
    rows: NewRows
    result: AtOnce | None = None
    error: Exception | None = None
    leads: list[_Placement] | None = None
    # Its thread has failed: it goes on with nothing.
    is_gone: bool = False
    # Held until there is something to go on with.
    gate: Lock = field(default_factory=Lock)

    @property
    def is_placed(self) -> bool:
        """Written, and nothing is left to be told to the inventory."""
        return self.result is not None and self.result.written and self.rows.orders[0]["stock_action"] is None

    @property
    def reference(self) -> tuple[int, str]:
        """The storefront and the external reference, empty where it has none."""
        row = self.rows.orders[0]
        return row["storefront_id"], row["external_reference"] or ""


class Together:
    """Places orders for all threads of a process, one call at a time.

    Who has waited for others for `waiting_seconds` is told to try again.
    """

    def __init__(self, *, waiting_seconds: float = _WAITING_SECONDS) -> None:
        self.turns: Turns = _Everybodys()
        self._waiting_seconds = waiting_seconds
        self._lock = Lock()
        self._waiting: deque[_Placement] = deque()
        self._under_way = False

    @property
    def waiting(self) -> int:
        """How many wait for the call under way to end."""
        return len(self._waiting)

    def place(self, ledger: EmbeddedLedger, requests: Sequence[HoldRequest], rows: NewRows) -> AtOnce | None:
        """As `place_at_once`, perhaps together with what other threads are about to place.

        Raises PlacementTooSlow, too, when it has waited too long for others and nothing was placed.
        """
        if len(requests) > 1 or len(requests[0].lines) > _MOST_LINES_EACH:
            return place_at_once(ledger, requests, rows)
        placement = _Placement(requests[0], rows)
        with self._lock:
            if self._under_way:
                placement.gate.acquire()
                self._waiting.append(placement)
            else:
                self._under_way = True
                placement.leads = [placement]
        if placement.leads is None:
            try:
                self._wait(placement)
            except BaseException:
                self._withdraw(placement)
                raise
        if placement.leads is not None:
            self._lead(ledger, placement)
        if placement.error is not None:
            raise placement.error
        return placement.result or place_at_once(ledger, requests, rows)

    def _wait(self, placement: _Placement) -> None:
        """Until it is placed, has to go alone, or is to lead."""
        self.turns.leave()
        went_on = False
        try:
            went_on = placement.gate.acquire(timeout=self._waiting_seconds)
        finally:
            placed = placement.is_placed
            self.turns.take(at_once=not went_on or placement.leads is not None or placed, asks_database=not placed)
        if not went_on:
            self._give_up(placement)

    def _give_up(self, placement: _Placement) -> None:
        with self._lock:
            if placement in self._waiting:
                self._waiting.remove(placement)
                raise PlacementTooSlow("Others were placed for too long; this was not begun, and nothing was placed.")
        if placement.gate.acquire(blocking=False):
            return  # just now
        # As when the connection breaks: it may be there.
        raise OperationalError("The call that places this order does not end.")

    def _withdraw(self, placement: _Placement) -> None:
        """Its thread has failed while it waited: nobody begins to place it, and another leads whom it was to lead.

        What others are placing already stays theirs.
        """
        with self._lock:
            placement.is_gone = True
            if placement in self._waiting:
                self._waiting.remove(placement)
            led, placement.leads = placement.leads, None
            if led is not None:
                self._waiting.extendleft(reversed(led))
                self._hand_over()

    def _lead(self, ledger: EmbeddedLedger, leader: _Placement) -> None:
        """Place whom it leads; then the next ones are somebody else's to place, and all of these go on."""
        placements = leader.leads or [leader]
        try:
            _place(ledger, placements)
        finally:
            with self._lock:
                leader.leads = None
                self._hand_over()
            for placement in placements:
                if placement is not leader:
                    placement.gate.release()

    def _hand_over(self) -> None:
        """To the next who waits, if there is one; call it with the lock held.

        Chosen and told in one step: who gives up at that moment is either not chosen yet, or knows that it leads.
        """
        following = self._next()
        self._under_way = bool(following)
        if following:
            following[0].leads = following
            following[0].gate.release()

    def _next(self) -> list[_Placement]:
        """Those who wait, first come first served, as many as go together."""
        chosen: list[_Placement] = []
        lines = 0
        passed_over: list[_Placement] = []
        while self._waiting and len(chosen) < MOST_ORDERS and lines < MOST_LINES:
            placement = self._waiting.popleft()
            if placement.is_gone:
                continue
            if _may_join(placement, chosen):
                chosen.append(placement)
                lines += len(placement.request.lines)
            else:
                passed_over.append(placement)
        self._waiting.extendleft(reversed(passed_over))
        return chosen


def _may_join(placement: _Placement, others: list[_Placement]) -> bool:
    """Not with its twin.

    Two requests of one key would touch their one hold at the same instant, and by a later touch alone does the one
    who gives up know that the other stands on it. Two of one reference would be refused, and everybody with them.
    """
    return not any(
        other.request.reservation_id == placement.request.reservation_id
        or (placement.reference[1] and other.reference == placement.reference)
        for other in others
    )


def _place(ledger: EmbeddedLedger, placements: list[_Placement]) -> None:
    """Give each its result or its error; those who get neither have to go alone."""
    # In one order for all processes: two calls with the same two references do not wait for each other in a circle.
    left = sorted(placements, key=lambda placement: placement.reference)
    while left:
        try:
            made = hold_and_write(ledger, [each.request for each in left], _rows_of(left), patience=PATIENCE)
        except Refused as refused:
            if len(left) == 1:
                left[0].result = AtOnce([refused.as_error()], written=False)
                return
            products = refused.product_ids()
            left = [each for each in left if products.isdisjoint(each.request.lines)]
        except Error as error:
            _fail(left, error)
            return
        except (TypeError, ValueError):
            if len(left) > 1:  # one of them cannot be sent, and nothing was: each alone
                return
            raise
        except BaseException:
            for each in left:
                each.error = OperationalError("The call that places this order was ended.")
            raise
        else:
            for each, hold in zip(left, made.holds, strict=True):
                each.result = AtOnce([hold], made.written)
            if not made.written and len(left) > 1:
                _write_fresh(left)
            return


def _write_fresh(placements: list[_Placement]) -> None:
    """Write those whose holds are fresh, where others' are not: these may be repeats, and look for their answers."""
    fresh = []
    for each in placements:
        hold = each.result.holds[0] if each.result else None
        if isinstance(hold, Held) and not hold.joined:
            fresh.append((each, hold))
    if not fresh or len(fresh) == len(placements):  # their rows were refused: each finds out by itself whether its own
        return
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("select set_config('lock_timeout', %s, true)", [f"{PATIENCE.total_seconds()}s"])
            write_new(_rows_of([each for each, _ in fresh]), valid_until=fresh[0][1].valid_until)
    except Error as error:
        if outage_of(error) is not None:
            _fail([each for each, _ in fresh], error)
        return
    for each, hold in fresh:
        each.result = AtOnce([hold], written=True)


def _fail(placements: list[_Placement], error: Error) -> None:
    """Where the database is to blame, all get the error: what was sent may be there. Else each goes alone."""
    of_all = outage_of(error) is not None or (isinstance(error, OperationalError) and sqlstate_of(error) not in _BUSY)
    if not of_all and (len(placements) > 1 or sqlstate_of(error) in _BUSY):
        return
    for each in placements:
        # One of its own: threads must not add to each other's tracebacks.
        each.error = copy.copy(error)
        each.error.__cause__ = error.__cause__


def _rows_of(placements: Sequence[_Placement]) -> NewRows:
    rows = [placement.rows for placement in placements]
    if len(rows) == 1:
        return rows[0]
    return NewRows(
        orders=list(chain.from_iterable(each.orders for each in rows)),
        items=list(chain.from_iterable(each.items for each in rows)),
        events=list(chain.from_iterable(each.events for each in rows)),
        answers=list(chain.from_iterable(each.answers for each in rows)),
    )


together: Final = Together()
