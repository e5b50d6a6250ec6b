"""A request for which no thread becomes free is told so, while all threads are still busy."""

from __future__ import annotations

import asyncio
import faulthandler
from collections.abc import Iterable
from threading import Event
from typing import Any

import orjson
import pytest

from orders_project.front.application import Bounds, Front
from orders_project.front.dues import Dues
from orders_project.front.feed_watch import FeedWatch

# Only a test that fails waits as long.
GIVE_UP_SECONDS = 60


class Application:
    """A WSGI application that answers nothing until it may."""

    def __init__(self) -> None:
        self.begun, self.may_answer = Event(), Event()
        self.asked: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.asked.append(environ["PATH_INFO"])
        self.begun.set()
        assert self.may_answer.wait(GIVE_UP_SECONDS)
        start_response("200 OK", [])
        return [b"{}"]


@pytest.fixture(autouse=True)
def _no_watchdog_is_left() -> Any:
    yield
    faulthandler.cancel_dump_traceback_later()


async def ask(front: Front, path: str) -> tuple[int, Any]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "method": "GET",
        "http_version": "1.1",
        "path": path,
        "query_string": b"",
        "scheme": "http",
        "server": ("127.0.0.1", "8000"),
        "client": ("192.0.2.7", "40000"),
        "headers": [(b"content-length", b"0")],
    }
    await front(scope, receive, send)
    return sent[0]["status"], orjson.loads(sent[1]["body"])


def test_who_waits_too_long_is_told_so_and_nothing_is_done():
    application = Application()
    bounds = Bounds(threads=1, body_bytes=1000, body_seconds=60, waiting_seconds=1)

    async def meet() -> tuple[tuple[int, Any], tuple[int, Any], tuple[int, Any]]:
        front = Front(application, bounds=bounds, dues=Dues(None), feed=FeedWatch(lambda storefronts: {}))
        first = asyncio.create_task(ask(front, "/first"))
        while not application.begun.is_set():
            await asyncio.sleep(0)
        second = await ask(front, "/second")
        application.may_answer.set()
        return await first, second, await ask(front, "/third")

    first, (status, problem), third = asyncio.run(meet())

    assert (status, problem["code"]) == (503, "service_busy")
    assert (first, third) == ((200, {}), (200, {}))
    assert application.asked == ["/first", "/third"]
