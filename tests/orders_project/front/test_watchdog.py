"""A worker that is stuck ends, so that another can take its place."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from django.conf import settings

STUCK = """
import asyncio, time
from orders_project.front import watchdog

watchdog._LOOK_SECONDS = 0.05

async def main():
    watchdog.Watchdog(lambda: {longest}, stuck_seconds={stuck}).start()
    {then}

asyncio.run(main())
"""


def run(*, longest: str, stuck: float, then: str) -> subprocess.CompletedProcess[str]:
    code = STUCK.format(longest=longest, stuck=stuck, then=then)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120, check=False)


def test_a_request_that_takes_for_ever_ends_the_worker_and_shows_where_it_stands():
    ended = run(longest="100.1", stuck=100, then="await asyncio.sleep(1000)")

    assert ended.returncode == -signal.SIGKILL
    assert "most recent call first" in ended.stderr


def test_a_loop_that_stands_still_ends_the_worker():
    ended = run(longest="0.0", stuck=0.2, then="time.sleep(1000)")

    assert ended.returncode == 1
    assert "Timeout" in ended.stderr


@pytest.mark.parametrize("longest", ["0.0", "99.9"])
def test_a_worker_that_works_goes_on(longest):
    ended = run(longest=longest, stuck=100, then="await asyncio.sleep(0.3); print('well')")

    assert (ended.returncode, ended.stdout) == (0, "well\n")
