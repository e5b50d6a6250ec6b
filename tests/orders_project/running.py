"""Looking at a running program: what it says, and what it has started."""

from __future__ import annotations

import re
import time
from pathlib import Path

import psutil


class Output:
    """What a running program has said so far, read from a file as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def wait_for(self, pattern: str, *, seconds: float = 90) -> str:
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.path.read_text())):
            assert time.monotonic() < deadline, self.path.read_text()
            time.sleep(0.1)
        return found.group()


def children_of(pid: int) -> dict[str, int]:
    """Process ids by the last word of the command line."""
    running = [child for child in psutil.Process(pid).children() if child.status() != psutil.STATUS_ZOMBIE]
    return {child.cmdline()[-1]: child.pid for child in running}
