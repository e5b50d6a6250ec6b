"""The ASGI application that the web server talks to, in front of Django's WSGI one.

A thread is taken only for a request that is complete, and given back before its answer is sent: bodies are read
and answers written here, by the event loop, for any number of clients at once and as slowly as they like, within
bounds. Health is answered beside the threads, whatever keeps those busy.
"""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from orders_project.front import refusals
from orders_project.front.bodies import BodyTooLarge, BodyTooSlow, ClientLeft, Receive, read_body
from orders_project.front.callers import Caller, caller_of
from orders_project.front.dues import Dues, Standing
from orders_project.front.refusals import Refusal
from orders_project.front.threads import FairThreads
from orders_project.front.watchdog import Watchdog
from orders_project.front.wsgi_call import Answer, Application, Environ, call, environ_of, set_body
from orders_project.health import ALIVE

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

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
    # Of one caller: requests that are read, wait or are answered, and what is kept of bodies meanwhile.
    at_once: int = 100
    waiting_seconds: float = 30
    # A client that takes none of its answer for so long gets no more of it.
    answer_seconds: float = ANSWER_SECONDS


class Front:
    """An ASGI 3 application. `application` is called in threads, never more than `bounds.threads` at once."""

    def __init__(self, application: Application, *, bounds: Bounds, dues: Dues) -> None:
        self._application = application
        self._bounds = bounds
        self._dues = dues
        self._under_way: Counter[object] = Counter()
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
        self._under_way[caller.shares_as] += 1
        try:
            answer = await self._answer(environ, caller, receive)
            head = environ["REQUEST_METHOD"] == "HEAD"
            await _send(send, answer, head=head, stalled_seconds=self._bounds.answer_seconds)
        except ClientLeft:
            return
        finally:
            self._under_way[caller.shares_as] -= 1
            if not self._under_way[caller.shares_as]:
                del self._under_way[caller.shares_as]

    def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads = FairThreads(self._bounds.threads, name="request")
        self._beside = FairThreads(1, name="beside")
        Watchdog(self._threads.longest_seconds).start()

    async def _answer(self, environ: Environ, caller: Caller, receive: Receive) -> Answer:
        started = time.perf_counter()
        beside = environ["PATH_INFO"] in _BESIDE
        standing: Standing | None = None
        refusal: Refusal | None = None
        if self._under_way[caller.shares_as] > self._bounds.at_once:
            refusal = refusals.TOO_MANY_AT_ONCE
        elif caller.due is not None and not beside:
            standing = self._dues.count(caller.counted_as, caller.due)
            if standing.wait_seconds:
                refusal = refusals.too_many_requests(caller.due.name, standing.wait_seconds)
        if refusal is None:
            try:
                await self._read_body(environ, receive)
                threads = self._beside if beside else self._threads
                answer = await self._called(environ, threads, caller)
            except BodyTooSlow:
                refusal = refusals.BODY_TOO_SLOW
            except _WaitedTooLong:
                refusal = refusals.WAITED_TOO_LONG
        if refusal is not None:
            answer = refusals.answer_to(environ, refusal, seconds=time.perf_counter() - started)
        if standing is not None:
            answer.headers += standing.headers()
        return answer

    async def _read_body(self, environ: Environ, receive: Receive) -> None:
        chunked = "HTTP_TRANSFER_ENCODING" in environ
        announced = None if chunked else int(environ.get("CONTENT_LENGTH") or 0)
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

    async def _called(self, environ: Environ, threads: FairThreads, caller: Caller) -> Answer:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        give_up_at = time.monotonic() + self._bounds.waiting_seconds

        def job() -> None:
            # Whoever asked has long given up; doing it now would only make others wait as well.
            if time.monotonic() > give_up_at:
                loop.call_soon_threadsafe(answered.set_exception, _WaitedTooLong())
                return
            try:
                answer = call(self._application, environ)
            except BaseException as error:
                logger.exception("the application failed outside of its own error handling")
                loop.call_soon_threadsafe(answered.set_exception, error)
            else:
                loop.call_soon_threadsafe(answered.set_result, answer)

        threads.submit(caller.shares_as, job)
        return await answered


class _WaitedTooLong(Exception):
    """No thread became free for the request in time."""


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
