"""The ASGI application that the web server talks to, in front of Django's WSGI one.

A thread is taken only for a request that is complete, and given back before its answer is sent: bodies are read
and answers written here, by the event loop, for any number of clients at once and as slowly as they like, within
bounds. Health is answered beside the threads, whatever keeps those busy.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from orders_project.front import refusals
from orders_project.front.bodies import BodyTooLarge, BodyTooSlow, ClientLeft, Receive, read_body
from orders_project.front.callers import Caller, caller_of
from orders_project.front.dues import Dues
from orders_project.front.refusals import Refusal
from orders_project.front.threads import FairThreads
from orders_project.front.under_way import UnderWay
from orders_project.front.watchdog import Watchdog
from orders_project.front.wsgi_call import Answer, Application, Environ, call, environ_of, set_body
from orders_project.health import ALIVE

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# Asked by machines about this process; a thread of their own answers, with a connection of its own.
_BESIDE: Final = frozenset({"/readyz", "/metrics"})
_ALIVE: Final = Answer(
    200, [(b"content-type", b"application/json"), (b"cache-control", b"no-store")], orjson.dumps(ALIVE)
)
_FRAME_BYTES: Final = 1 << 15
ANSWER_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a worker takes upon itself: bytes, seconds and numbers at once."""

    threads: int
    body_bytes: int
    body_seconds: float
    # Of one caller: requests that are read, wait or are answered, and how many of these with the largest body.
    at_once: int = 100
    bodies_at_once: int = 20
    waiting_seconds: float = 30
    # A client that takes none of its answer for so long gets no more of it.
    answer_seconds: float = ANSWER_SECONDS


class Front:
    """An ASGI 3 application. `application` is called in threads, never more than `bounds.threads` at once."""

    def __init__(self, application: Application, *, bounds: Bounds, dues: Dues) -> None:
        self._application = application
        self._bounds = bounds
        self._dues = dues
        self._under_way = UnderWay(requests=bounds.at_once, size=bounds.bodies_at_once * bounds.body_bytes)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._loop is None:
            self._start()
        path = scope["path"]
        if path == "/healthz" and scope["method"] in ("GET", "HEAD"):
            await _send(send, _ALIVE, head=scope["method"] == "HEAD", stalled_seconds=self._bounds.answer_seconds)
            return
        environ = environ_of(scope)
        caller = caller_of(environ)
        announced = _announced_bytes(environ)
        kept = self._bounds.body_bytes if announced is None else min(announced, self._bounds.body_bytes)
        within = self._under_way.begin(caller.shares_as, kept)
        try:
            answer = await self._answer(environ, caller, receive, announced=announced, within=within)
            head = environ["REQUEST_METHOD"] == "HEAD"
            await _send(send, answer, head=head, stalled_seconds=self._bounds.answer_seconds)
        except ClientLeft:
            return
        finally:
            self._under_way.end(caller.shares_as, kept)

    def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads = FairThreads(self._bounds.threads, name="request")
        self._beside = FairThreads(1, name="beside")
        Watchdog(self._threads.longest_seconds).start()

    async def _answer(
        self, environ: Environ, caller: Caller, receive: Receive, *, announced: int | None, within: bool
    ) -> Answer:
        started = time.perf_counter()
        beside = environ["PATH_INFO"] in _BESIDE
        due = None if beside else caller.due
        standing = due and self._dues.count(caller.counted_as, due)
        answer: Answer | Refusal
        if not within:
            answer = refusals.TOO_MANY_AT_ONCE
        elif standing and standing.wait_seconds:
            answer = refusals.too_many_requests(standing)
        else:
            try:
                await self._read_body(environ, receive, announced)
                answer = await self._called(environ, self._beside if beside else self._threads, caller)
            except BodyTooSlow:
                answer = refusals.BODY_TOO_SLOW
        if isinstance(answer, Refusal):
            answer = refusals.answer_to(environ, answer, seconds=time.perf_counter() - started)
        if standing:
            answer.headers += standing.headers()
        return answer

    async def _read_body(self, environ: Environ, receive: Receive, announced: int | None) -> None:
        most = self._bounds.body_bytes
        body = b""
        if announced != 0:
            try:
                body = await read_body(receive, announced=announced, most=most, seconds=self._bounds.body_seconds)
            except BodyTooLarge:
                # Django refuses it by its length, in the words of whoever was asked.
                environ["CONTENT_LENGTH"] = str(max(announced or 0, most + 1))
                environ["wsgi.input"] = io.BytesIO()
                return
        set_body(environ, body)

    async def _called(self, environ: Environ, threads: FairThreads, caller: Caller) -> Answer | Refusal:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer | Refusal] = loop.create_future()
        give_up_at = time.monotonic() + self._bounds.waiting_seconds

        def job() -> None:
            answer: Answer | Refusal = refusals.FAILED
            try:
                # Whoever asked has long given up; doing it now would only make others wait as well.
                late = time.monotonic() > give_up_at
                answer = refusals.WAITED_TOO_LONG if late else call(self._application, environ)
            finally:
                loop.call_soon_threadsafe(_settle, answered, answer)

        threads.submit(caller.shares_as, job)
        return await answered


def _announced_bytes(environ: Environ) -> int | None:
    """How long the body is said to be; None where it comes in chunks."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        return None
    # Sent twice it is the same number twice: the server refuses everything else.
    return int(environ.get("CONTENT_LENGTH", "").partition(",")[0] or 0)


def _settle(answered: asyncio.Future[Answer | Refusal], answer: Answer | Refusal) -> None:
    if not answered.done():  # canceled, when the server stops
        answered.set_result(answer)


async def _send(send: Send, answer: Answer, *, head: bool, stalled_seconds: float) -> None:
    """Raises ClientLeft when the client takes nothing of a long answer for so many seconds."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    body = b"" if head else answer.body
    if len(body) <= 2 * _FRAME_BYTES:
        await send({"type": "http.response.body", "body": body})
        return
    # Piece by piece: the server takes the next one when the client has made room for it.
    view = memoryview(body)
    for start in range(0, len(body), _FRAME_BYTES):
        more = start + _FRAME_BYTES < len(body)
        try:
            async with asyncio.timeout(stalled_seconds):
                piece = bytes(view[start : start + _FRAME_BYTES])
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        except TimeoutError:
            raise ClientLeft from None
