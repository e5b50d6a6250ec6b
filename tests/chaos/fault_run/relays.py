"""Relay processes that may be killed, stopped, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection

from tests.processes import Process, running

RELAYS: Final = 3
_END_SECONDS: Final = 60.0


class Relays:
    """Three of them. A relay that is killed is started again at once."""

    def __init__(self, stack: ExitStack, environment: Mapping[str, str], log: Path, *, batch: int) -> None:
        self._stack = stack
        self._environment = {**environment, "LOG_LEVEL": "ERROR", "PYTHONFAULTHANDLER": "1"}
        self._log = log
        self._command = [sys.executable, "manage.py", "relay_events", "--batch", str(batch)]
        self.processes = [self._started() for _ in range(RELAYS)]
        self.killed = 0

    def kill_one(self) -> None:
        """The one that runs for longest."""
        victim = self.processes.pop(0)
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        self.killed += 1
        self.processes.append(self._started())

    def end(self) -> None:
        """As an operator does, and wait for it."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                ended = process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)
                ended = process.wait()
            # One that has only just been started does not know yet what to do when it is asked to end.
            assert ended in (0, -signal.SIGTERM), self.said()

    def said(self) -> str:
        return self._log.read_text(errors="replace")[-20000:]

    def _started(self) -> Process:
        with self._log.open("ab") as log:
            process = running(self._command, env=self._environment, cwd=settings.BASE_DIR, stdout=log, stderr=log)
            return self._stack.enter_context(process)


def cut_sessions(application: str = "relay %") -> int:
    """End the database sessions, as the server does with those that idle too long in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid() and application_name like %s",
            [application],
        )
        (count,) = cursor.fetchone()
    return int(count)
