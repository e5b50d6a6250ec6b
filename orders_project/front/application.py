"""The ASGI application that the web server talks to, in front of Django's WSGI one.

A thread is taken only for a request that is complete, and given back before its answer is sent: bodies are read
and answers written here, by the event loop, for any number of clients at once and as slowly as they like, within
bounds. Health is answered beside the threads, whatever keeps those busy.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import orjson

from orders.api.feed import FEED_PATH, PAUSE, Pause
from orders.operations.placing_together import together
from orders_project.front import feed_clients, refusals
from orders_project.front.bodies import BodyTooLarge, BodyTooSlow, ClientLeft, Receive, drop_body, read_body
from orders_project.front.callers import Caller, caller_of
from orders_project.front.dues import Dues
from orders_project.front.feed_watch import FeedWatch
from orders_project.front.heads import refusal_of_head
from orders_project.front.lengths import announced_bytes, refusal_of_length
from orders_project.front.places import Places
from orders_project.front.processors import keep_to_one_processor
from orders_project.front.refusals import Refusal
from orders_project.front.stopping import when_stopping
from orders_project.front.threads import FairThreads
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
    # Threads that may wait for another's work, beside those at work.
    aside: int = 16
    # Requests of one key whose bodies are read, and of one storefront that wait or are answered.
    at_once: int = 100
    # How many bodies of the largest size are kept, of one key and in all.
    bodies_at_once: int = 20
    bodies_of_all_at_once: int = 80
    waiting_seconds: float = 30
    # A client that takes none of its answer for so long gets no more of it.
    answer_seconds: float = ANSWER_SECONDS
    # Clients of the feed that wait for an event, of one storefront and in all.
    waiting_for_events: int = 50
    waiting_for_events_of_all: int = 1_000
    # A stream of events says so often that it is still there.
    heartbeat_seconds: float = feed_clients.HEARTBEAT_SECONDS
    # Whoever asks for readiness is told what was found for somebody else so long ago.
    readiness_seconds: float = 1


class Front:
    """An ASGI 3 application. `application` is called in threads, never more than `bounds.threads` at once.

    `feed` tells when there is something for the clients that wait for events.
    """

    def __init__(self, application: Application, *, bounds: Bounds, dues: Dues, feed: FeedWatch) -> None:
        self._application = application
        self._bounds = bounds
        self._dues = dues
        self._reading = Places(most_each=bounds.at_once)
        self._answering = Places(most_each=bounds.at_once)
        self._room = Places(
            most_each=bounds.bodies_at_once * bounds.body_bytes, most=bounds.bodies_of_all_at_once * bounds.body_bytes
        )
        self._waiting = Places(most_each=bounds.waiting_for_events, most=bounds.waiting_for_events_of_all)
        self._feed = feed
        self._readiness: asyncio.Task[Answer | Refusal] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._loop is None:
            self._start()
        path, method = scope["path"], scope["method"]
        reply = partial(_send, send, head=method == "HEAD", stalled_seconds=self._bounds.answer_seconds)
        if path == "/healthz" and method in ("GET", "HEAD"):
            await reply(_ALIVE)
            return
        started = time.perf_counter()
        environ = environ_of(scope)
        if path == "/readyz" and method == "GET":
            await reply(_told(environ, await self._ready(environ), started))
            return
        caller = caller_of(environ)
        standing = caller.due and self._dues.count(caller.counted_as, caller.due)
        announced = announced_bytes(environ)
        size = self._bounds.body_bytes if announced is None else min(announced, self._bounds.body_bytes)
        if path == FEED_PATH and method == "GET":
            environ[PAUSE] = None
        with self._room.taken(caller.counted_as, size) as has_room:
            refusal = refusal_of_head(environ) or refusal_of_length(environ)
            if standing and standing.wait_seconds:
                refusal = refusals.too_many_requests(standing)
            elif size and not has_room:
                refusal = refusals.NO_ROOM
            if refusal is None:
                refusal = await self._read_body(environ, receive, announced, caller)
            elif announced != 0:
                await drop_body(receive, announced=announced)
            with self._answering.taken(caller.shares_as) as free:
                if refusal is None and not free:
                    refusal = refusals.TOO_MANY_AT_ONCE
                if refusal is None:
                    answer = _told(environ, await self._asked(environ, caller), started)
                else:
                    answer = _told(environ, refusal, started)
                if standing:
                    answer.headers += standing.headers()
                pause: Pause | None = environ.get(PAUSE)
                if pause is None:
                    await reply(answer)
        if pause is not None:
            await self._keep(scope, receive, send, pause, answer, caller)

    async def _asked(self, environ: Environ, caller: Caller) -> Answer | Refusal:
        """What the application answers to a request whose body has been read."""
        path = environ["PATH_INFO"]
        threads = self._beside if path in _BESIDE else self._threads
        # Whoever reads the feed numbers what has arrived: a commit, as a change has.
        writes = not caller.reads or path == FEED_PATH
        return await self._called(environ, threads, caller.shares_as, writes=writes)

    async def _keep(
        self, scope: Scope, receive: Receive, send: Send, pause: Pause, answer: Answer, caller: Caller
    ) -> None:
        """Answer a client of the feed once there is an event, or for as long as it reads a stream."""
        stalled_seconds = self._bounds.answer_seconds

        async def ask_again(pause: Pause) -> tuple[Answer, Pause | None]:
            standing = caller.due and self._dues.count(caller.counted_as, caller.due)
            while standing and standing.wait_seconds:
                await asyncio.sleep(standing.wait_seconds)
                standing = self._dues.count(caller.counted_as, standing.due)
            started = time.perf_counter()
            environ = environ_of(scope)
            set_body(environ, b"")
            environ[PAUSE] = pause
            with self._answering.taken(caller.shares_as) as free:
                answer = await self._asked(environ, caller) if free else refusals.TOO_MANY_AT_ONCE
            told = _told(environ, answer, started)
            return told, environ[PAUSE] if told.status == HTTPStatus.OK else None

        with self._waiting.taken(pause.storefront_id) as free:
            if not free:
                refused = _told(environ_of(scope), refusals.TOO_MANY_WAITING, time.perf_counter())
                await _send(send, refused, head=False, stalled_seconds=stalled_seconds)
            elif pause.seconds is None:
                await feed_clients.stream(
                    pause,
                    answer,
                    watch=self._feed,
                    receive=receive,
                    send=send,
                    ask_again=ask_again,
                    stalled_seconds=stalled_seconds,
                    heartbeat_seconds=self._bounds.heartbeat_seconds,
                )
            else:
                answer = await feed_clients.next_page(
                    pause, answer, watch=self._feed, receive=receive, ask_again=ask_again
                )
                await _send(send, answer, head=False, stalled_seconds=stalled_seconds)

    async def _ready(self, environ: Environ) -> Answer | Refusal:
        """What was found when it was asked last, a moment ago: any number may ask, and the database is asked by one."""
        if self._readiness is None:
            set_body(environ, b"")
            loop = asyncio.get_running_loop()
            self._readiness = loop.create_task(self._called(environ, self._beside, "readiness"))
            loop.call_later(self._bounds.readiness_seconds, self._forget_readiness)
        return await asyncio.shield(self._readiness)

    def _forget_readiness(self) -> None:
        if self._readiness is not None and not self._readiness.done():
            self._readiness.add_done_callback(lambda _: self._forget_readiness())
        else:
            self._readiness = None

    def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        keep_to_one_processor()  # now all workers are there, and the threads are not yet
        self._threads = FairThreads(self._bounds.threads, name="request", aside=self._bounds.aside)
        together.turns = self._threads
        self._beside = FairThreads(1, name="beside")
        Watchdog(self._threads.longest_seconds).start()
        when_stopping(self._feed.end)

    async def _read_body(
        self, environ: Environ, receive: Receive, announced: int | None, caller: Caller
    ) -> Refusal | None:
        """Put the body into the environ, or say why not."""
        if announced == 0:
            set_body(environ, b"")
            return None
        most = self._bounds.body_bytes
        with self._reading.taken(caller.counted_as) as free:
            if not free:
                await drop_body(receive, announced=announced)
                return refusals.TOO_MANY_AT_ONCE
            try:
                body = await read_body(receive, announced=announced, most=most, seconds=self._bounds.body_seconds)
            except BodyTooSlow:
                return refusals.BODY_TOO_SLOW
            except ClientLeft:
                return refusals.BODY_INCOMPLETE
            except BodyTooLarge:
                # Django refuses it by its length, in the words of whoever was asked.
                environ["CONTENT_LENGTH"] = str(max(announced or 0, most + 1))
                environ["wsgi.input"] = io.BytesIO()
                return None
        set_body(environ, body)
        return None

    async def _called(
        self, environ: Environ, threads: FairThreads, caller: Hashable, *, writes: bool = False
    ) -> Answer | Refusal:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer | Refusal] = loop.create_future()

        def job() -> None:
            answer: Answer | Refusal = refusals.FAILED
            try:
                answer = call(self._application, environ)
            finally:
                loop.call_soon_threadsafe(_settle, answered, answer)

        def give_up() -> None:
            # Whoever asked stops waiting soon; doing it later would only make others wait as well.
            if threads.withdraw(caller, job):
                _settle(answered, refusals.WAITED_TOO_LONG)

        threads.submit(caller, job, writes=writes)
        patience = loop.call_later(self._bounds.waiting_seconds, give_up)
        try:
            return await answered
        finally:
            patience.cancel()


def _told(environ: Environ, answer: Answer | Refusal, started: float) -> Answer:
    """An answer of its own for each who asked, whose headers may be added to."""
    if isinstance(answer, Refusal):
        return refusals.answer_to(environ, answer, seconds=time.perf_counter() - started)
    return Answer(answer.status, list(answer.headers), answer.body)


def _settle(answered: asyncio.Future[Answer | Refusal], answer: Answer | Refusal) -> None:
    if not answered.done():  # canceled, when the server stops
        answered.set_result(answer)


async def _send(send: Send, answer: Answer, *, head: bool, stalled_seconds: float) -> None:
    """Nothing more once the client takes nothing of a long answer for so many seconds."""
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
            return
