"""Clients that are coroutines, for a sink that is not: their event loop runs in a thread, so that heartbeats go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own, from the first `run` until `stop`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, coroutine: Coroutine[Any, Any, T], *, seconds: float) -> T:
        """What the coroutine returns or raises; TimeoutError when that takes longer, and it is canceled."""
        loop = self._started()
        return asyncio.run_coroutine_threadsafe(_within(coroutine, seconds), loop).result()

    def stop(self) -> None:
        """Safe to call twice, and without `run`."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
            self._thread.start()
        return self._loop


async def _within(coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
    return await asyncio.wait_for(coroutine, seconds)
