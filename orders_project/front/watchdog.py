"""Ends a worker that no longer answers; the process that started it starts another."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

# No request takes as long: every statement ends after STATEMENT_TIMEOUT_MS, every call and every answer about
# many orders after its own time. Only a commit may wait longer, for a standby that is away.
STUCK_SECONDS: Final = 300
_LOOK_SECONDS: Final = 5
_STDERR: Final = 2


class Watchdog:
    """Looks every few seconds whether a request thread is stuck, and is itself watched by the interpreter.

    What all threads do is written to standard error first. An event loop that stands still cannot look, so a
    timer which needs no Python (`faulthandler`) ends the process unless each look puts it off.
    """

    def __init__(self, longest_seconds: Callable[[], float], *, stuck_seconds: float = STUCK_SECONDS) -> None:
        self._longest_seconds = longest_seconds
        self._stuck_seconds = stuck_seconds

    def start(self) -> None:
        """Look from now on, in the running event loop."""
        faulthandler.dump_traceback_later(self._stuck_seconds, exit=True, file=_STDERR)
        if self._longest_seconds() > self._stuck_seconds:
            logger.critical("a request takes too long; this worker ends", extra={"seconds": self._stuck_seconds})
            faulthandler.dump_traceback(file=_STDERR, all_threads=True)
            os.kill(os.getpid(), signal.SIGKILL)
        asyncio.get_running_loop().call_later(_LOOK_SECONDS, self.start)
