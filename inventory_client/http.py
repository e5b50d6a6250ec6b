"""The InventoryService over HTTP. Nothing of urllib3 leaves this module."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from django.db import transaction
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout, parse_url

from inventory_client import journal
from inventory_client.answers import (
    Answer,
    read_confirmed,
    read_hold,
    read_released,
    read_reservation,
    read_reservations,
)
from inventory_client.breaker import CircuitBreaker
from inventory_client.client import HoldOutcome
from inventory_client.database import refuse_open_transaction
from inventory_client.deadline import DeadlinePool, DeadlineTLSPool, attempt
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
from inventory_client.retry_budget import RetryBudget
from inventory_client.turns import in_turn
from inventory_client.values import Held, HoldRequest, Reservation
from inventory_client.wire import (
    JSON,
    HoldBody,
    LineBody,
)

# Headers to send along with every call of this context, `traceparent` and `X-Request-ID` for instance.
outgoing_headers: ContextVar[Mapping[str, str]] = ContextVar("inventory_outgoing_headers")

CONNECT_SECONDS = 0.25
TRY_SECONDS = 0.9
# A second try with less time than this would only be another unknown outcome.
RETRY_NEEDS_SECONDS = 0.3
RETRY_PAUSE_SECONDS = 0.05
CALLS_AT_ONCE = 16
CALL_WAITS_SECONDS = 0.05
BATCH_CALLS_AT_ONCE = 8
MAX_ANSWER_BYTES = 10_000_000

T = TypeVar("T")


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
        parsed = parse_url(url)
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError(f"INVENTORY_URL is {url!r}; expected http://host[:port][/path] or https://….")
        pool_class = DeadlineTLSPool if parsed.scheme == "https" else DeadlinePool
        self._pool = pool_class(parsed.host, parsed.port, maxsize=calls_at_once)
        self._path = (parsed.path or "").rstrip("/")
        self._headers = {"Accept": JSON, "User-Agent": "order-service"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout_seconds = timeout_seconds
        self._try_seconds = try_seconds
        # Silence for less than this is no fault of the service: the caller's own deadline has cut the try short.
        self._fair_seconds = min(try_seconds, timeout_seconds / 2)
        self._valid_for = timedelta(seconds=hold_grace_seconds / 2)
        self._breaker = breaker or CircuitBreaker(time.monotonic)
        self._retry_budget = retry_budget or RetryBudget()
        self._slots = BoundedSemaphore(calls_at_once)
        self._batch_threads = ThreadPoolExecutor(BATCH_CALLS_AT_ONCE, thread_name_prefix="inventory")

    def close(self) -> None:
        """Close connections and threads; the client cannot be used afterwards."""
        self._pool.close()
        self._batch_threads.shutdown()

    def hold(self, requests: Sequence[HoldRequest]) -> list[HoldOutcome]:
        refuse_open_transaction("hold")
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
            body = HoldBody(
                revision=request.revision,
                lines=[LineBody(product_id, quantity) for product_id, quantity in request.lines.items()],
            )
            try:
                joined = self._call(
                    "PUT",
                    _path(request.reservation_id),
                    lambda answer: read_hold(answer, request),
                    body=msgspec.json.encode(body),
                    deadline=deadline,
                    headers=headers,
                )
            except InventoryError as error:
                return error
            return Held(request.reservation_id, entry.touched_at + self._valid_for, joined)

        # A pool of threads is not worth its hand-over for one call.
        outcomes = (
            [put(requests[0])]
            if len(requests) == 1
            else in_turn(put, requests, self._batch_threads, at_once=BATCH_CALLS_AT_ONCE)
        )
        self._withdraw(requests, outcomes, asked)
        return outcomes

    def confirm(self, reservation_id: UUID) -> None:
        refuse_open_transaction("confirm")
        self._call("POST", f"{_path(reservation_id)}/confirm", lambda answer: read_confirmed(answer, reservation_id))
        journal.confirmed(reservation_id)

    def release(self, reservation_id: UUID) -> None:
        refuse_open_transaction("release")
        self._call("DELETE", _path(reservation_id), lambda answer: read_released(answer, reservation_id))
        journal.released(reservation_id)

    def get(self, reservation_id: UUID) -> Reservation | None:
        refuse_open_transaction("get")
        return self._ask("GET", _path(reservation_id), lambda answer: read_reservation(answer, reservation_id))

    def changed_since(self, since: datetime, *, limit: int = 1000) -> list[Reservation]:
        refuse_open_transaction("changed_since")
        query = urlencode({"updated_since": since.isoformat(), "limit": limit})
        return self._ask("GET", f"/reservations?{query}", read_reservations)

    def untouched_holds(self, *, after: datetime, before: datetime, limit: int = 1000) -> list[tuple[UUID, datetime]]:
        refuse_open_transaction("untouched_holds")
        return journal.untouched(after=after, before=before, limit=limit)

    def release_untouched(self, reservation_id: UUID, *, before: datetime, unless: Standing = lambda: False) -> bool:
        refuse_open_transaction("release_untouched")
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
        refuse_open_transaction("release_ownerless")
        with released_alone("inventory_asked_hold", reservation_id):
            journal.claim(reservation_id)
            if unless():
                transaction.set_rollback(True)
                return False
        self.release(reservation_id)
        return True

    def forget_holds(self, *, before: datetime) -> int:
        refuse_open_transaction("forget_holds")
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
            return self._call(method, path, read)
        except OutcomeUnknown as failure:
            raise InventoryUnavailable(str(failure), retry_after=failure.retry_after) from failure

    def _call(
        self,
        method: str,
        path: str,
        read: Callable[[Answer], T],
        *,
        body: bytes | None = None,
        deadline: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """What `read` makes of the answer. Every call may be repeated harmlessly, so a fault is tried twice.

        A refusal that follows an unknown outcome has it as its cause.
        """
        deadline = deadline or time.monotonic() + self._timeout_seconds
        headers = {**self._headers, **(outgoing_headers.get({}) if headers is None else headers)}
        if body is not None:
            headers["Content-Type"] = JSON
        if not self._slots.acquire(timeout=CALL_WAITS_SECONDS):
            raise InventoryUnavailable("Too many calls to the InventoryService are under way.", retry_after=1.0)
        try:
            return self._call_twice(method, path, read, body, deadline, headers)
        finally:
            self._slots.release()

    def _call_twice(
        self,
        method: str,
        path: str,
        read: Callable[[Answer], T],
        body: bytes | None,
        deadline: float,
        headers: Mapping[str, str],
    ) -> T:
        self._retry_budget.earn()
        failure: InventoryUnavailable | OutcomeUnknown | None = None
        while True:
            seconds = min(self._try_seconds, deadline - time.monotonic())
            if seconds <= 0:
                raise failure or InventoryUnavailable("There was no time left to ask the InventoryService.")
            wait = self._breaker.admit()
            if wait:
                raise failure or InventoryUnavailable(
                    "The InventoryService has failed too often and is left alone for a moment.",
                    retry_after=max(wait, 1.0),
                )
            fault: bool | None = True
            ends_at = time.monotonic() + seconds
            try:
                result = read(self._exchange(method, path, body, seconds, headers))
                fault = False
                return result
            except (InventoryUnavailable, OutcomeUnknown) as failed:
                if isinstance(failed, InventoryBusy):
                    fault = False
                elif seconds < self._fair_seconds and time.monotonic() >= ends_at:
                    fault = None
                # What is unknown once stays unknown, even when the second try surely did nothing.
                previous, failure = (
                    failure,
                    failed if failure is None or isinstance(failed, OutcomeUnknown) else failure,
                )
            except InventoryError as refusal:
                fault = False
                raise refusal from failure
            finally:
                self._breaker.record(fault=fault)
            pause = random.uniform(0, RETRY_PAUSE_SECONDS)  # noqa: S311
            enough_time = deadline - time.monotonic() - pause >= RETRY_NEEDS_SECONDS
            if previous or not enough_time or not self._retry_budget.spend():
                raise failure
            time.sleep(pause)

    def _exchange(
        self, method: str, path: str, body: bytes | None, seconds: float, headers: Mapping[str, str]
    ) -> Answer:
        with attempt(seconds=seconds, connect_seconds=CONNECT_SECONDS) as current:
            try:
                response = self._pool.urlopen(
                    method,
                    self._path + path,
                    body=body,
                    headers={**headers, "X-Request-Timeout-Ms": str(int(seconds * 1000))},
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    timeout=Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
                )
                content = response.read(MAX_ANSWER_BYTES + 1)
                if len(content) > MAX_ANSWER_BYTES:
                    response.close()
                response.release_conn()
            except (HTTPError, OSError) as error:
                if current.sent:
                    raise OutcomeUnknown(f"The InventoryService did not answer: {type(error).__name__}.") from error
                raise InventoryUnavailable(
                    f"The InventoryService cannot be reached: {type(error).__name__}."
                ) from error
        return Answer(response.status, response.headers, content)


def _path(reservation_id: UUID) -> str:
    return f"/reservations/{reservation_id}"
