"""Being told that this worker is to stop, beside the web server, which waits then until every answer has ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType


def when_stopping(do: Callable[[], None]) -> None:
    """Call it in the running event loop once SIGTERM comes, if somebody handles that; else the process ends anyway.

    The event loop hears of a signal by its wakeup file, whatever handler there is, so this takes nothing from it.
    """
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGTERM)
    if not callable(before):
        return

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(do)
        before(number, frame)

    signal.signal(signal.SIGTERM, stop)
    signal.siginterrupt(signal.SIGTERM, False)
