"""Clients of the feed wait without a thread, are told of the next event, and are let go when they leave."""

from __future__ import annotations

import asyncio
import faulthandler
import threading
from collections.abc import Collection, Coroutine, Iterable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from orders.api.feed import PAUSE, Pause
from orders_project.front.application import Bounds, Front
from orders_project.front.dues import Dues
from orders_project.front.feed_watch import FeedWatch

# Only a test that fails waits as long.
GIVE_UP_SECONDS = 60
BOUNDS = Bounds(threads=1, body_bytes=1000, body_seconds=60, waiting_for_events=2)


@pytest.fixture(autouse=True)
def _no_watchdog_is_left() -> Any:
    yield
    faulthandler.cancel_dump_traceback_later()


class Feed:
    """A feed whose events are texts, and the WSGI application that reads it: for `wait` seconds, or as a stream."""

    def __init__(self, wait: float | None = GIVE_UP_SECONDS) -> None:
        self.wait = wait
        self.events: list[str] = []
        self.looked_for: list[list[int]] = []
        self.calls: list[str] = []
        self.status = "200 OK"

    def heads_of(self, storefronts: Collection[int]) -> dict[int, int]:
        self.looked_for.append(list(storefronts))
        return {1: len(self.events)}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.calls.append(environ["PATH_INFO"])
        start_response(self.status, [("Content-Length", "99")])
        if PAUSE not in environ:
            return [b"{}"]
        pause: Pause | None = environ[PAUSE]
        events = self.events[pause.position if pause else 0 :]
        if self.status != "200 OK" or (events and self.wait is not None):
            environ[PAUSE] = None
        else:
            environ[PAUSE] = Pause(1, len(self.events), self.wait, has_more=False)
        return [orjson.dumps(events)]


class Client:
    """Asks once, takes what it is sent, and may leave."""

    def __init__(self, front: Front, path: str = "/api/v1/events", *, address: str = "192.0.2.7") -> None:
        self._address = address
        self.sent: list[dict[str, Any]] = []
        self._arrived = asyncio.Event()
        self._gone = asyncio.Event()
        self.answering = asyncio.create_task(front(self._scope(path), self._receive, self._send))

    async def until(self, enough: Any) -> None:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            while not enough():
                await self._arrived.wait()
                self._arrived.clear()

    async def answered(self) -> tuple[int, Any]:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await self.answering
        return self.sent[0]["status"], orjson.loads(self.sent[1]["body"])

    def leave(self) -> None:
        self._gone.set()

    @property
    def parts(self) -> list[bytes]:
        return [message["body"] for message in self.sent[1:]]

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self._arrived.set()

    def _scope(self, path: str) -> dict[str, Any]:
        return {
            "method": "GET",
            "http_version": "1.1",
            "path": path,
            "query_string": b"",
            "scheme": "http",
            "server": ("127.0.0.1", "8000"),
            "client": (self._address, "40000"),
            "headers": [(b"content-length", b"0")],
        }


async def _until(condition: Any) -> None:
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while not condition():
            await asyncio.sleep(0.001)


def meet(feed: Feed, scene: Any, bounds: Bounds = BOUNDS) -> Any:
    """Play the scene with a front before the feed."""

    async def play() -> Any:
        watch = FeedWatch(feed.heads_of, look_seconds=0.001)
        front = Front(feed, bounds=bounds, dues=Dues(None), feed=watch)
        acting: Coroutine[Any, Any, Any] = scene(front, watch)
        return await acting

    return asyncio.run(play())


def test_the_next_event_is_answered_once_it_is_there_and_others_are_answered_meanwhile():
    feed = Feed()

    async def scene(front: Front, watch: FeedWatch) -> Any:
        waiting = Client(front)
        await _until(lambda: feed.looked_for)
        assert await Client(front, "/other").answered() == (200, {})  # by the one thread there is
        feed.events.append("first")
        return await waiting.answered()

    assert meet(feed, scene) == (200, ["first"])
    assert feed.calls == ["/api/v1/events", "/other", "/api/v1/events"]


def test_who_has_waited_long_enough_is_answered_that_there_is_nothing():
    feed = Feed(wait=0.01)

    async def scene(front: Front, watch: FeedWatch) -> Any:
        return await Client(front).answered()

    assert meet(feed, scene) == (200, [])
    assert feed.calls == ["/api/v1/events"]


def test_what_is_there_is_answered_at_once():
    feed = Feed()
    feed.events.append("first")

    async def scene(front: Front, watch: FeedWatch) -> Any:
        return await Client(front).answered()

    assert meet(feed, scene) == (200, ["first"])
    assert feed.looked_for == []


def test_numbering_that_hangs_in_its_commit_leaves_a_thread_to_those_who_read():
    """As while a synchronous standby is away: whoever reads the feed gives out positions, which is a change."""
    may_commit, committing = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/api/v1/events":
            committing.set()
            assert may_commit.wait(GIVE_UP_SECONDS)
        start_response("200 OK", [])
        return [b"{}"]

    async def play() -> Any:
        watch = FeedWatch(lambda storefronts: {})
        front = Front(application, bounds=replace(BOUNDS, threads=2), dues=Dues(None), feed=watch)
        reading = [Client(front, address=f"192.0.{number}.7") for number in (1, 2)]
        await _until(committing.is_set)
        answer = await Client(front, "/other", address="192.0.3.7").answered()
        may_commit.set()
        return answer, [await client.answered() for client in reading]

    assert asyncio.run(play()) == ((200, {}), [(200, {})] * 2)


def test_more_of_a_storefront_than_may_wait_are_told_to_come_back():
    feed = Feed()

    async def scene(front: Front, watch: FeedWatch) -> Any:
        waiting = [Client(front), Client(front)]
        await _until(lambda: len(feed.calls) == 2)
        refused = Client(front)
        status, problem = await refused.answered()
        feed.events.append("first")
        assert [await client.answered() for client in waiting] == [(200, ["first"])] * 2
        # There is room again.
        assert await Client(front).answered() == (200, ["first"])
        return status, problem["code"], dict(refused.sent[0]["headers"])[b"retry-after"]

    assert meet(feed, scene) == (429, "too_many_waiting", b"10")


def test_nobody_is_looked_for_any_more_who_has_left():
    feed = Feed()

    async def scene(front: Front, watch: FeedWatch) -> None:
        client = Client(front)
        await _until(lambda: feed.looked_for)
        client.leave()
        await client.answered()
        await _until(lambda: watch._looking is None)

    meet(feed, scene)

    assert feed.calls == ["/api/v1/events"]


def test_a_worker_that_stops_keeps_nobody():
    async def scene(front: Front, watch: FeedWatch) -> Any:
        waiting = Client(front)
        await asyncio.sleep(0)
        watch.end()
        return await waiting.answered(), await Client(front).answered()

    assert meet(Feed(), scene) == ((200, []), (200, []))


def test_a_refusal_of_whoever_was_kept_waiting_is_answered():
    """Such as of a key that was revoked."""
    feed = Feed()

    async def scene(front: Front, watch: FeedWatch) -> Any:
        waiting = Client(front)
        await _until(lambda: feed.looked_for)
        feed.status = "401 Unauthorized"
        feed.events.append("first")
        status, _ = await waiting.answered()
        return status

    assert meet(feed, scene) == 401


def test_a_failing_look_keeps_clients_waiting():
    feed = Feed(wait=0.05)

    def fail(storefronts: Collection[int]) -> dict[int, int]:
        feed.looked_for.append(list(storefronts))
        raise OSError("no database")

    async def scene() -> Any:
        watch = FeedWatch(fail, look_seconds=0.001)
        front = Front(feed, bounds=BOUNDS, dues=Dues(None), feed=watch)
        return await Client(front).answered()

    assert asyncio.run(scene()) == (200, [])
    assert feed.looked_for == [[1]]


class TestStream:
    def test_goes_on_with_each_event_until_the_client_leaves(self):
        feed = Feed(wait=None)
        feed.events.append("first")

        async def scene(front: Front, watch: FeedWatch) -> list[dict[str, Any]]:
            client = Client(front)
            await client.until(lambda: b'["first"]' in client.parts)
            feed.events.append("second")
            await client.until(lambda: b'["second"]' in client.parts)
            client.leave()
            await client.answering
            return client.sent

        start, *parts = meet(feed, scene)

        assert start["status"] == 200
        assert {b"content-length", b"etag"} & dict(start["headers"]).keys() == set()
        assert parts == [
            {"type": "http.response.body", "body": b'["first"]', "more_body": True},
            {"type": "http.response.body", "body": b'["second"]', "more_body": True},
            {"type": "http.response.body", "body": b"", "more_body": False},
        ]

    @pytest.mark.parametrize("status", ["401 Unauthorized", "503 Service Unavailable"])
    def test_ends_where_the_api_refuses_to_go_on(self, status):
        """The client comes back, and is told why."""
        feed = Feed(wait=None)

        async def scene(front: Front, watch: FeedWatch) -> Any:
            client = Client(front)
            await client.until(lambda: client.parts)
            feed.status = status
            feed.events.append("secret")
            await client.answering
            return client.parts

        assert meet(feed, scene) == [b"[]", b""]

    @pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
    def test_ends_for_a_key_that_may_read_no_more_though_nothing_happens(self, status):
        feed = Feed(wait=None)

        async def scene(front: Front, watch: FeedWatch) -> Any:
            client = Client(front)
            await client.until(lambda: client.parts)
            feed.status = status
            async with asyncio.timeout(GIVE_UP_SECONDS):
                await client.answering
            return client.parts

        parts = meet(feed, scene, replace(BOUNDS, heartbeat_seconds=0.01))

        assert (parts[0], parts[-1]) == (b"[]", b"")

    def test_with_nothing_to_tell_outlives_trouble(self):
        feed = Feed(wait=None)

        async def scene(front: Front, watch: FeedWatch) -> Any:
            client = Client(front)
            await client.until(lambda: client.parts)
            feed.status = "503 Service Unavailable"
            asked = len(feed.calls)
            await _until(lambda: len(feed.calls) > asked + 2)
            feed.status = "200 OK"
            feed.events.append("first")
            await client.until(lambda: b'["first"]' in client.parts)
            client.leave()
            await client.answering
            return client.parts[1]

        assert meet(feed, scene, replace(BOUNDS, heartbeat_seconds=0.01)) == b": still here\n\n"

    def test_ends_when_the_worker_stops(self):
        async def scene(front: Front, watch: FeedWatch) -> Any:
            client = Client(front)
            await client.until(lambda: client.parts)
            watch.end()
            await client.answering
            return client.parts

        assert meet(Feed(wait=None), scene) == [b"[]", b""]

    def test_says_that_it_is_still_there(self):
        bounds = replace(BOUNDS, heartbeat_seconds=0.01)

        async def scene(front: Front, watch: FeedWatch) -> Any:
            client = Client(front)
            await client.until(lambda: b": still here\n\n" in client.parts)
            client.leave()
            await client.answering
            return client.parts[0]

        assert meet(Feed(wait=None), scene, bounds) == b"[]"

    def test_ends_for_a_client_that_takes_nothing(self):
        bounds = replace(BOUNDS, answer_seconds=0.01)

        async def scene(front: Front, watch: FeedWatch) -> Any:
            client = Client(front)
            taken = client._send

            async def stall(message: dict[str, Any]) -> None:
                await taken(message)
                if message["type"] == "http.response.body":
                    await asyncio.Event().wait()

            client.answering.cancel()
            return await front(client._scope("/api/v1/events"), client._receive, stall)

        assert meet(Feed(wait=None), scene, bounds) is None
