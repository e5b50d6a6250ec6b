"""Clients of the feed that have read all there is: kept by the event loop, without a thread, until there is more.

Each time the API is asked anew, with the key, and of a stream at each heartbeat too: a key that was revoked, or whose
storefront was switched off, ends it soon, whether anything happens or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any, Final

from orders.api.feed import Pause
from orders_project.front.bodies import Receive
from orders_project.front.feed_watch import FeedWatch
from orders_project.front.wsgi_call import Answer

Send = Callable[[dict[str, Any]], Awaitable[None]]
# The API's answer to whoever was kept waiting, and whether it is to be kept again.
AskAgain = Callable[[Pause], Awaitable[tuple[Answer, Pause | None]]]

HEARTBEAT_SECONDS: Final = 15.0
# Then the client comes again: to another worker, perhaps, or to a newer release.
_STREAM_SECONDS: Final = 900.0
_HEARTBEAT: Final = b": still here\n\n"
_SHUT_OUT: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# Of no use to a client that reads for ever.
_OF_WHOLE_ANSWERS: Final = frozenset({b"content-length", b"etag"})


async def next_page(pause: Pause, answer: Answer, *, watch: FeedWatch, receive: Receive, ask_again: AskAgain) -> Answer:
    """The page with the next event; `answer`, which is empty, once the client has waited as long as it can."""
    current: Pause | None = pause
    left_at = asyncio.get_running_loop().time() + (pause.seconds or 0)
    async with _client_leaving(receive) as gone:
        while current is not None:
            seconds = left_at - asyncio.get_running_loop().time()
            if not await _moved(current, watch=watch, gone=gone, seconds=seconds):
                return answer
            answer, current = await ask_again(current)
    return answer


async def stream(
    pause: Pause,
    answer: Answer,
    *,
    watch: FeedWatch,
    receive: Receive,
    send: Send,
    ask_again: AskAgain,
    stalled_seconds: float,
    heartbeat_seconds: float,
) -> None:
    """Send the answer, and what follows it, for as long as the client stays, takes it and may read."""

    async def send_part(body: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(stalled_seconds):
            await send({"type": "http.response.body", "body": body, "more_body": more})

    current: Pause | None = pause
    ends_at = asyncio.get_running_loop().time() + _STREAM_SECONDS
    headers = [(name, value) for name, value in answer.headers if name.lower() not in _OF_WHOLE_ANSWERS]
    # Proxies that gather an answer before they hand it on (nginx) leave this one alone.
    headers.append((b"x-accel-buffering", b"no"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    with suppress(TimeoutError):
        async with _client_leaving(receive) as gone:
            await send_part(answer.body)
            while current is not None and asyncio.get_running_loop().time() < ends_at:
                moved = current.has_more or await _moved(current, watch=watch, gone=gone, seconds=heartbeat_seconds)
                if gone.done() or watch.ended:
                    break
                position = current.position
                answer, following = await ask_again(current)
                if following is not None or moved or answer.status in _SHUT_OUT:
                    current = following
                # Otherwise it is trouble, as of the database, which whoever has nothing to miss sits out.
                if current is not None:
                    await send_part(answer.body if current.position > position else _HEARTBEAT)
        # What went wrong the client is told when it comes back.
        await send_part(b"", more=False)


async def _moved(pause: Pause, *, watch: FeedWatch, gone: asyncio.Task[None], seconds: float) -> bool:
    """Whether there is more, after so many seconds at most. Not, when the client has gone or this worker stops."""
    moved = asyncio.create_task(watch.moved_beyond(pause.storefront_id, pause.position))
    try:
        await asyncio.wait({moved, gone}, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
        return moved.done() and moved.result() and not gone.done()
    finally:
        moved.cancel()


@asynccontextmanager
async def _client_leaving(receive: Receive) -> AsyncIterator[asyncio.Task[None]]:
    """A task that is done once the client has hung up."""

    async def until_it_leaves() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    gone = asyncio.create_task(until_it_leaves())
    try:
        yield gone
    finally:
        gone.cancel()
