"""The InventoryService over HTTP."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from django.db import transaction

from inventory_client import journal
from inventory_client.answers import (
    is_unreadable,
    read_confirmed,
    read_hold,
    read_released,
    read_reservation,
    read_reservations,
)
from inventory_client.client import HoldOutcome
from inventory_client.errors import (
    InventoryBusy,
    InventoryError,
    InventoryUnavailable,
    OutcomeUnknown,
    ReservationReleased,
    StockShortage,
    UnknownProduct,
)
from inventory_client.owning import Standing, released_alone
from inventory_client.turns import in_turn
from inventory_client.values import Held, HoldRequest, Reservation
from inventory_client.wire import HoldBody, LineBody
from remote_calls.breaker import CircuitBreaker
from remote_calls.retry_budget import RetryBudget
from remote_calls.service import CALLS_AT_ONCE, TRY_SECONDS, Answer, Failures, RemoteService, outgoing_headers
from remote_calls.transactions import refuse_open_transaction

BATCH_CALLS_AT_ONCE = 8

T = TypeVar("T")

_FAILURES: Final = Failures(InventoryError, InventoryUnavailable, OutcomeUnknown, busy=(InventoryBusy,))


class HttpInventory:
    """Safe to use from many threads; keep one per process: pool, breaker and retry budget are its memory.

    `timeout_seconds` bounds each call with its retry, and a batch of holds as a whole.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        timeout_seconds: float,
        hold_grace_seconds: float,
        breaker: CircuitBreaker | None = None,
        retry_budget: RetryBudget | None = None,
        try_seconds: float = TRY_SECONDS,
        calls_at_once: int = CALLS_AT_ONCE,
    ) -> None:
        self._service = RemoteService(
            "InventoryService",
            url,
            setting="INVENTORY_URL",
            token=token,
            timeout_seconds=timeout_seconds,
            failures=_FAILURES,
            breaker=breaker,
            retry_budget=retry_budget,
            try_seconds=try_seconds,
            calls_at_once=calls_at_once,
        )
        self._timeout_seconds = timeout_seconds
        self._valid_for = timedelta(seconds=hold_grace_seconds / 2)
        self._batch_threads = ThreadPoolExecutor(BATCH_CALLS_AT_ONCE, thread_name_prefix="inventory")

    def close(self) -> None:
        """Close connections and threads; the client cannot be used afterwards."""
        self._service.close()
        self._batch_threads.shutdown()

    def hold(self, requests: Sequence[HoldRequest]) -> list[HoldOutcome]:
        refuse_open_transaction("inventory.hold")
        if not requests:
            return []
        deadline = time.monotonic() + self._timeout_seconds
        headers = outgoing_headers.get({})
        try:
            asked = journal.ask([request.reservation_id for request in requests])
        except InventoryError as failure:
            return [failure] * len(requests)

        def put(request: HoldRequest) -> HoldOutcome:
            entry = asked.get(request.reservation_id)
            if entry is None:
                return ReservationReleased(request.reservation_id)
            try:
                joined = self._put(request, deadline, headers)
                if joined is None:
                    joined = self._put(replace(request, shipped={}), deadline, headers, told_shipped=False)
            except InventoryError as error:
                return error
            return Held(request.reservation_id, entry.touched_at + self._valid_for, bool(joined))

        # A pool of threads is not worth its hand-over for one call.
        outcomes = (
            [put(requests[0])]
            if len(requests) == 1
            else in_turn(put, requests, self._batch_threads, at_once=BATCH_CALLS_AT_ONCE)
        )
        self._withdraw(requests, outcomes, asked)
        return outcomes

    def _put(
        self, request: HoldRequest, deadline: float, headers: Mapping[str, str], *, told_shipped: bool = True
    ) -> bool | None:
        """Whether the hold had been made before; None from a service that knows nothing of shipped units (version 1).

        It has not acted on what it cannot read, so the same without them is safe.
        """
        body = HoldBody(
            revision=request.revision,
            lines=[
                LineBody(product_id, quantity, request.shipped.get(product_id, 0))
                for product_id, quantity in request.lines.items()
            ],
        )

        def read(answer: Answer) -> bool | None:
            if request.shipped and is_unreadable(answer):
                return None
            return read_hold(answer, request, told_shipped=told_shipped)

        return self._service.call(
            "PUT",
            _path(request.reservation_id),
            read,
            body=msgspec.json.encode(body),
            deadline=deadline,
            headers=headers,
        )

    def confirm(self, reservation_id: UUID) -> None:
        refuse_open_transaction("inventory.confirm")
        self._service.call(
            "POST", f"{_path(reservation_id)}/confirm", lambda answer: read_confirmed(answer, reservation_id)
        )
        journal.confirmed(reservation_id)

    def release(self, reservation_id: UUID) -> None:
        refuse_open_transaction("inventory.release")
        self._service.call("DELETE", _path(reservation_id), lambda answer: read_released(answer, reservation_id))
        journal.released(reservation_id)

    def get(self, reservation_id: UUID) -> Reservation | None:
        refuse_open_transaction("inventory.get")
        return self._ask("GET", _path(reservation_id), lambda answer: read_reservation(answer, reservation_id))

    def get_all(self, reservation_ids: Collection[UUID]) -> dict[UUID, Reservation]:
        """One call for each: the contract has none for several."""
        found = ((reservation_id, self.get(reservation_id)) for reservation_id in reservation_ids)
        return {reservation_id: reservation for reservation_id, reservation in found if reservation is not None}

    def changed_since(self, since: datetime, *, limit: int = 1000) -> list[Reservation]:
        refuse_open_transaction("inventory.changed_since")
        query = urlencode({"updated_since": since.isoformat(), "limit": limit})
        return self._ask("GET", f"/reservations?{query}", read_reservations)

    def untouched_holds(self, *, after: datetime, before: datetime, limit: int = 1000) -> list[tuple[UUID, datetime]]:
        refuse_open_transaction("inventory.untouched_holds")
        return journal.untouched(after=after, before=before, limit=limit)

    def release_untouched(self, reservation_id: UUID, *, before: datetime, unless: Standing = lambda: False) -> bool:
        refuse_open_transaction("inventory.release_untouched")
        with released_alone("inventory_asked_hold", reservation_id):
            if unless():
                return False
            claimed = journal.claim_untouched(reservation_id, before=before)
        if not claimed:
            return journal.is_released(reservation_id)
        self.release(reservation_id)
        return True

    def release_ownerless(self, reservation_id: UUID, *, unless: Standing) -> bool:
        """A confirmed reservation has no row in the journal until somebody asks for it again: so it is given one."""
        refuse_open_transaction("inventory.release_ownerless")
        with released_alone("inventory_asked_hold", reservation_id):
            journal.claim(reservation_id)
            if unless():
                transaction.set_rollback(True)
                return False
        self.release(reservation_id)
        return True

    def forget_holds(self, *, before: datetime) -> int:
        refuse_open_transaction("inventory.forget_holds")
        return journal.forget(before=before)

    def _withdraw(
        self,
        requests: Sequence[HoldRequest],
        outcomes: Sequence[HoldOutcome],
        asked: Mapping[UUID, journal.Asked],
    ) -> None:
        """Strike what is certainly not held off the journal: the sweeper need not end it."""
        refused = [
            request.reservation_id
            for request, outcome in zip(requests, outcomes, strict=True)
            if isinstance(outcome, StockShortage | UnknownProduct | InventoryUnavailable)
            # Another try, still under way somewhere, might hold after all.
            and not isinstance(outcome.__cause__, OutcomeUnknown)
            and asked[request.reservation_id].first
        ]
        if refused:
            # Without this statement the sweeper does it.
            with suppress(InventoryError):
                journal.withdraw(refused, touched_at=asked[refused[0]].touched_at)

    def _ask(self, method: str, path: str, read: Callable[[Answer], T]) -> T:
        """A call that changes nothing: its failures are never an unknown outcome."""
        try:
            return self._service.call(method, path, read)
        except OutcomeUnknown as failure:
            raise InventoryUnavailable(str(failure), retry_after=failure.retry_after) from failure


def _path(reservation_id: UUID) -> str:
    return f"/reservations/{reservation_id}"
