"""Reading a request's body before a thread is taken for it, bounded in bytes and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

Receive = Callable[[], Awaitable[dict[str, Any]]]

# A client may send all before it listens: this many times the limit is read on and dropped, so that it gets its
# answer. Whoever sends more finds the connection closed.
_DROPPED_TIMES: Final = 4
_DROPPED_BYTES: Final = 1 << 16
_DROPPED_SECONDS: Final = 1.0


class ClientLeft(Exception):
    """The client hung up before its body was complete."""


class BodyTooSlow(Exception):
    """The body was not complete in time."""


class BodyTooLarge(Exception):
    """The body is larger than allowed."""


async def read_body(receive: Receive, *, announced: int | None, most: int, seconds: float) -> bytes:
    """The whole body of an ASGI request.

    `announced` is its Content-Length, None when it comes in chunks, and `most` is allowed, all in bytes.
    Raises BodyTooLarge, BodyTooSlow after `seconds`, or ClientLeft.
    """
    body = bytearray()
    read = 0
    enough = _DROPPED_TIMES * most
    try:
        async with asyncio.timeout(seconds):
            # Asking once more than needed would cost a change of threads for every request.
            while (announced is None or read < announced) and read <= enough:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientLeft
                part: bytes = message.get("body", b"")
                read += len(part)
                if read <= most:
                    body += part
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        if read <= most:
            raise BodyTooSlow from None
    if read > most:
        raise BodyTooLarge
    return bytes(body)


async def drop_body(receive: Receive, *, announced: int | None) -> None:
    """Read what is there of a body nobody wants, if it is short: else its client might never see why it was refused."""
    with suppress(BodyTooLarge, BodyTooSlow, ClientLeft):
        await read_body(receive, announced=announced, most=_DROPPED_BYTES, seconds=_DROPPED_SECONDS)
