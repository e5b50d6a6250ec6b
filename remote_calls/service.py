"""How another service is asked over HTTP: within a deadline, twice at most, and not while it keeps failing.

Nothing of urllib3 leaves this package.
"""

import random
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from threading import BoundedSemaphore
from typing import NamedTuple, TypeVar

import msgspec
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout, parse_url

from remote_calls.breaker import CircuitBreaker
from remote_calls.deadline import DeadlinePool, DeadlineTLSPool, attempt
from remote_calls.errors import RemoteFailure, UnreadableAnswer
from remote_calls.metrics import NOT_MADE, TRIES
from remote_calls.retry_budget import RetryBudget

# Headers to send along with every call of this context, `traceparent` and `X-Request-ID` for instance.
outgoing_headers: ContextVar[Mapping[str, str]] = ContextVar("outgoing_headers")

JSON = "application/json"
CONNECT_SECONDS = 0.25
TRY_SECONDS = 0.9
# A second try with less time than this would only be another unknown outcome.
RETRY_NEEDS_SECONDS = 0.3
RETRY_PAUSE_SECONDS = 0.05
CALLS_AT_ONCE = 16
CALL_WAITS_SECONDS = 0.05
MAX_ANSWER_BYTES = 10_000_000
# Whatever the service says: what waits for it is tried again.
MOST_RETRY_AFTER = 3600.0

T = TypeVar("T")
Body = TypeVar("Body", bound=msgspec.Struct)


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after(self) -> float:
        """In seconds."""
        told = self.headers.get("Retry-After")
        return min(float(told), MOST_RETRY_AFTER) if told and told.isascii() and told.isdigit() else 5.0

    def decoded(self, shape: type[Body]) -> Body:
        """The body as JSON. Raises UnreadableAnswer, also for what is nested too deep."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadableAnswer(str(error)) from error


class Failures(NamedTuple):
    """What a call ends with, in its client's own words, when it does not end with an answer.

    `unavailable` says that it certainly had no effect, `unknown` that it may have had one. `busy` is no fault of the
    service, and neither is a `refusal`, which `read` raises.
    """

    refusal: type[Exception]
    unavailable: type[RemoteFailure]
    unknown: type[RemoteFailure]
    busy: tuple[type[RemoteFailure], ...] = ()


class RemoteService:
    """Safe to use from many threads; keep one per process: pool, breaker and retry budget are its memory.

    `name` is told in sentences, `setting` is where the URL comes from. Each call with its retry ends within
    `timeout_seconds`.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        setting: str,
        token: str,
        timeout_seconds: float,
        failures: Failures,
        breaker: CircuitBreaker | None = None,
        retry_budget: RetryBudget | None = None,
        try_seconds: float = TRY_SECONDS,
        calls_at_once: int = CALLS_AT_ONCE,
    ) -> None:
        parsed = parse_url(url)
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError(f"{setting} is {url!r}; expected http://host[:port][/path] or https://….")
        self._name = name
        pool_class = DeadlineTLSPool if parsed.scheme == "https" else DeadlinePool
        self._pool = pool_class(parsed.host, parsed.port, maxsize=calls_at_once)
        self._path = (parsed.path or "").rstrip("/")
        self._headers = {"Accept": JSON, "User-Agent": "order-service"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout_seconds = timeout_seconds
        self._failures = failures
        self._try_seconds = try_seconds
        # Silence for less than this is no fault of the service: the caller's own deadline has cut the try short.
        self._fair_seconds = min(try_seconds, timeout_seconds / 2)
        self._breaker = breaker or CircuitBreaker(time.monotonic)
        self._retry_budget = retry_budget or RetryBudget()
        self._slots = BoundedSemaphore(calls_at_once)

    def close(self) -> None:
        """Close the connections; nothing can be asked afterwards."""
        self._pool.close()

    def call(
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
            NOT_MADE.labels(self._name, "too_many_at_once").inc()
            raise self._failures.unavailable(f"Too many calls to the {self._name} are under way.", retry_after=1.0)
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
        failure: RemoteFailure | None = None
        while True:
            seconds = min(self._try_seconds, deadline - time.monotonic())
            if seconds <= 0:
                NOT_MADE.labels(self._name, "no_time").inc()
                raise failure or self._failures.unavailable(f"There was no time left to ask the {self._name}.")
            wait = self._breaker.admit()
            if wait:
                NOT_MADE.labels(self._name, "breaker_open").inc()
                raise failure or self._failures.unavailable(
                    f"The {self._name} has failed too often and is left alone for a moment.",
                    retry_after=max(wait, 1.0),
                )
            fault: bool | None = True
            outcome = "failed"
            began = time.monotonic()
            ends_at = began + seconds
            try:
                result = read(self._exchange(method, path, body, seconds, headers))
                fault, outcome = False, "answered"
                return result
            except RemoteFailure as failed:
                if isinstance(failed, self._failures.busy):
                    fault, outcome = False, "busy"
                elif seconds < self._fair_seconds and time.monotonic() >= ends_at:
                    fault = None
                # What is unknown once stays unknown, even when the second try surely did nothing.
                previous, failure = (
                    failure,
                    failed if failure is None or isinstance(failed, self._failures.unknown) else failure,
                )
            except self._failures.refusal as refusal:
                fault, outcome = False, "refused"
                raise refusal from failure
            finally:
                TRIES.labels(self._name, outcome).observe(time.monotonic() - began)
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
                    raise self._failures.unknown(
                        f"The {self._name} answered with more than {MAX_ANSWER_BYTES:,} bytes."
                    )
                response.release_conn()
            except (HTTPError, OSError, ValueError) as error:  # a chunk of less than no bytes is a ValueError
                kind = self._failures.unknown if current.sent else self._failures.unavailable
                what = "did not answer" if current.sent else "cannot be reached"
                raise kind(f"The {self._name} {what}: {type(error).__name__}.") from error
        return Answer(response.status, response.headers, content)
