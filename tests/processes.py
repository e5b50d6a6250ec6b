"""Processes that tests start: none outlives its test, however the test ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

Process = subprocess.Popen[Any]


@contextmanager
def running(command: Sequence[str | Path], **options: Any) -> Iterator[Process]:
    """The process, in a group of its own; whoever is left of the group at the end is killed."""
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
