"""Who waits for a storefront's next event is told when it is there: one thread looks for all of them."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from django.db import connection

from orders_project.front.threads import FairThreads

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.2
_TROUBLE_SECONDS: Final = 5.0

Heads = dict[int, int]
T = TypeVar("T")


class FeedWatch:
    """Asks `heads_of` for the last positions of the storefronts that are waited for, over and over.

    It is asked in a thread of its own, over a connection of its own, which are there for as long as somebody waits.
    Whatever it raises is taken for "nothing new yet": whoever waits asks the API in the end, and is told of trouble.
    """

    def __init__(self, heads_of: Callable[[Collection[int]], Heads], *, look_seconds: float = _LOOK_SECONDS) -> None:
        self._heads_of = heads_of
        self._look_seconds = look_seconds
        self._waiting: defaultdict[int, dict[asyncio.Future[bool], int]] = defaultdict(dict)
        self._looking: asyncio.Task[None] | None = None
        self._threads: FairThreads | None = None
        self.ended = False

    async def moved_beyond(self, storefront_id: int, position: int) -> bool:
        """True once the storefront's feed goes on behind the position; False when the watch ends before."""
        if self.ended:
            return False
        loop = asyncio.get_running_loop()
        moved: asyncio.Future[bool] = loop.create_future()
        self._waiting[storefront_id][moved] = position
        if self._looking is None:
            self._looking = loop.create_task(self._look())
        try:
            return await moved
        finally:
            del self._waiting[storefront_id][moved]
            if not self._waiting[storefront_id]:
                del self._waiting[storefront_id]

    def end(self) -> None:
        """Let everybody go who waits, now and from now on: the worker stops."""
        self.ended = True
        for waiting in self._waiting.values():
            for moved in waiting:
                _settle(moved, False)

    async def _look(self) -> None:
        try:
            while self._waiting:
                heads = await self._in_thread(partial(self._find_heads, list(self._waiting)))
                for storefront_id, head in (heads or {}).items():
                    for moved, position in self._waiting.get(storefront_id, {}).items():
                        if head > position:
                            _settle(moved, True)
                await asyncio.sleep(self._look_seconds if heads is not None else _TROUBLE_SECONDS)
                if not self._waiting:
                    await self._in_thread(_let_go)
        finally:
            self._looking = None

    def _find_heads(self, storefront_ids: Collection[int]) -> Heads | None:
        try:
            return self._heads_of(storefront_ids)
        except Exception:
            logger.exception("the feed cannot be watched; whoever waits for events waits longer")
            _let_go()
            return None

    async def _in_thread(self, question: Callable[[], Heads | None]) -> Heads | None:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Heads | None] = loop.create_future()

        def job() -> None:
            loop.call_soon_threadsafe(_settle, answered, question())

        if self._threads is None:
            self._threads = FairThreads(1, name="feed")
        self._threads.submit("feed", job, writes=False)
        return await answered


def _let_go() -> None:
    """Of the thread's connection, whatever state it is in."""
    with suppress(Exception):
        connection.close()


def _settle(future: asyncio.Future[T], result: T) -> None:
    if not future.done():  # whoever waited has been canceled
        future.set_result(result)
