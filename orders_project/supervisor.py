"""Several programs under one foreground process: started together, restarted when dead, stopped together."""

import contextlib
import ctypes
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType

_POLL_SECONDS = 0.1
# Longer than any program takes: the web server's time for its workers is derived from it. Less than the
# `stop_grace_period` of docker-compose.yml.
STOP_SECONDS = 25
# A program that dies this soon after its start, this often in a row, will not come up.
_EARLY_DEATH_SECONDS = 10
_EARLY_DEATHS = 3
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1


class StopAsked(Exception):
    """A signal asked this process to stop."""


class ProgramFailed(Exception):
    """A program ended that should not have, or not in this way."""


class Supervisor:
    """A context in which programs run; leaving it stops them all.

    Each program is a process group of its own, so Ctrl-C in the terminal reaches only this process, which
    then stops the others in order. On Linux a program is also told to stop when this process is killed
    outright; elsewhere it would go on.
    """

    def __init__(self, directory: Path, *, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._directory = directory
        self._environment = environment
        self._say = say
        self._running: list[subprocess.Popen[bytes]] = []
        self._services: list[_Service] = []
        self._stop_asked = False

    def __enter__(self) -> "Supervisor":
        self._previous = {number: signal.signal(number, self._on_stop_signal) for number in _STOP_SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop(list(self._running))
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - our own programs and arguments
            command,
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        self._running.append(process)
        return process

    def finish(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Wait for the end of a program. Raises ProgramFailed when it is not a good one, and StopAsked."""
        while process.poll() is None:
            self._pause()
        self._running.remove(process)
        if process.returncode != 0:
            raise ProgramFailed(f"{name} failed ({_manner_of_death(process)}); what it said is above.")

    def keep_running(
        self, commands: Mapping[str, Sequence[str]], *, each_round: Callable[[], None], restarts: bool = False
    ) -> None:
        """Run the programs until StopAsked is raised, or ProgramFailed because one of them does not come up.

        `each_round` is called several times a second. If it may call `restart`, which `restarts` says, then
        a program that does not come up waits for that instead.
        """
        self._services = [_Service(self, name, command, patient=restarts) for name, command in commands.items()]
        while True:
            for service in self._services:
                service.look_after()
            each_round()
            self._pause()

    def restart(self) -> None:
        """Stop the programs that are kept running, all at once, and start them again."""
        self._stop([service.process for service in self._services if service.process is not None])
        for service in self._services:
            service.start()

    def say(self, text: str) -> None:
        self._say(text)

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """Drop a program that has died, and whatever it left running in its process group."""
        _signal_group(process, signal.SIGKILL)
        self._running.remove(process)

    def _pause(self) -> None:
        if self._stop_asked:
            raise StopAsked
        time.sleep(_POLL_SECONDS)

    def _on_stop_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop_asked = True

    def _stop(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0, deadline - time.monotonic()))
            _signal_group(process, signal.SIGKILL)
            process.wait()
            self._running.remove(process)


class _Service:
    """One program that is to run for as long as the supervisor does.

    A patient one that does not come up waits for the next `start`; otherwise that is the end of everything.
    """

    def __init__(self, supervisor: Supervisor, name: str, command: Sequence[str], *, patient: bool) -> None:
        self._supervisor = supervisor
        self._name = name
        self._command = command
        self._patient = patient
        self.start()

    def start(self) -> None:
        self._early_deaths = 0
        self._start()

    def look_after(self) -> None:
        if self.process is None:
            if time.monotonic() >= self._restart_at:
                self._start()
        elif self.process.poll() is not None:
            self._bury(self.process)

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self.process: subprocess.Popen[bytes] | None = self._supervisor.start(self._command)

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        self._supervisor.forget(process)
        self.process = None
        died_early = time.monotonic() - self._started_at < _EARLY_DEATH_SECONDS
        self._early_deaths = self._early_deaths + 1 if died_early else 0
        manner = _manner_of_death(process)
        if self._early_deaths >= _EARLY_DEATHS:
            self._give_up(manner)
            return
        delay = 2.0**self._early_deaths / 2
        self._restart_at = time.monotonic() + delay
        self._supervisor.say(f"{self._name} ended unexpectedly ({manner}); starting it again in {delay:g} s.")

    def _give_up(self, manner: str) -> None:
        what = (
            f"{self._name} ended {_EARLY_DEATHS} times in a row within {_EARLY_DEATH_SECONDS} s of its "
            f"start ({manner}); what it said is above."
        )
        if not self._patient:
            raise ProgramFailed(what)
        self._restart_at = math.inf
        self._supervisor.say(f"{what} It is started again after the next change.")


# Loaded here, because between fork and exec as little as possible may happen.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent() -> None:
    """Runs in the child: ask the kernel for SIGTERM when the parent dies, however it dies."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _manner_of_death(process: subprocess.Popen[bytes]) -> str:
    if process.returncode < 0:
        return f"killed by {signal.Signals(-process.returncode).name}"
    return f"exit code {process.returncode}"
