"""How long what a killed relay had in hand waits for another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final

from django.conf import settings

from events.relay import Relay
from events.sinks.memory import MemorySink
from events.sinks.protocol import Outcome, OutgoingEvent
from orders.models import Storefront
from tests.chaos.fault_run.writers import place
from tests.processes import running

# A relay whose sink hangs for ever in the middle of a batch.
_HANGING: Final = """
import time, django
django.setup()
from events.relay import Relay
from events.sinks.memory import MemorySink

class Hanging(MemorySink):
    def publish(self, events):
        print("publishing", flush=True)
        time.sleep(10_000)

Relay("memory", Hanging()).drain()
"""


class _Noticing(MemorySink):
    def __init__(self) -> None:
        super().__init__()
        self.got = threading.Event()
        self.got_at = 0.0

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        self.got_at = time.monotonic()
        self.got.set()
        return super().publish(events)


def takeovers(storefront: Storefront, environment: Mapping[str, str], *, times: int) -> list[float]:
    """Seconds from kill -9 of the one to the first event that the other publishes. settings.EVENT_SINKS is `memory`."""
    seconds = []
    for _ in range(times):
        place(storefront, ["cup"] * 3)
        command = [sys.executable, "-c", _HANGING]
        with running(
            command, env=environment, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as hanging:
            assert hanging.stdout is not None
            assert hanging.stdout.readline() == b"publishing\n"
            sink, stop = _Noticing(), threading.Event()
            relay = threading.Thread(target=Relay("memory", sink).run, args=(stop,))
            relay.start()
            try:
                time.sleep(1.0)  # so that it has found nothing to claim, and rests
                assert not sink.got.is_set()
                os.kill(hanging.pid, signal.SIGKILL)
                killed_at = time.monotonic()
                assert sink.got.wait(60)
                seconds.append(sink.got_at - killed_at)
            finally:
                stop.set()
                relay.join()
    return seconds
