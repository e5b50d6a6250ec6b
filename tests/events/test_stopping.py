"""A process that is asked to stop ends: by itself when it can, by the system's hand when something in it hangs."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.processes import running

_WORK = """
import sys, threading
from events.stopping import stop_on_signals
stop = stop_on_signals(within_seconds=1)
thread = threading.Thread(target={work})
thread.start()
print("at work", flush=True)
thread.join()
print("finished", flush=True)
"""


def _stopped(work: str) -> tuple[int, str]:
    with running([sys.executable, "-c", _WORK.format(work=work)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    return process.returncode, said


def test_what_is_under_way_is_finished():
    assert _stopped("stop.wait") == (0, "finished\n")


def test_what_hangs_keeps_nobody_waiting():
    assert _stopped("threading.Event().wait") == (-signal.SIGALRM, "")
