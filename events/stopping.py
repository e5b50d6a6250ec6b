"""How a process that runs until it is stopped is stopped: within half a minute, whatever it is at."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Final

# Less than the thirty seconds after which Docker, ECS and Kubernetes kill what they have asked to stop.
STOP_SECONDS: Final = 25


def stop_on_signals(*, within_seconds: int = STOP_SECONDS) -> threading.Event:
    """An event that SIGTERM and Ctrl-C set; whoever looks at it finishes what is under way, and ends.

    What has not ended by then hangs, or takes longer than anybody waits: the system ends the process, as a crash would,
    for which every process is made: what was under way is done again by the next one. A second signal does it at once.
    """
    stop = threading.Event()

    def request_stop(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)
        # Kept by the system: nothing that hangs in here can hold it up.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(within_seconds)

    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGINT, request_stop)
    return stop
