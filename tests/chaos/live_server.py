"""The service as it runs in production, over real HTTP, in processes that a test may kill."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any, Self, TypeVar
from urllib.parse import quote

import orjson
import psutil
import urllib3
from django.conf import settings
from django.db import connection

from orders_project.web_server import web_server_command
from tests.processes import running

T = TypeVar("T")

START_SECONDS = 60.0
# Longer than any wait inside the service (lock_timeout 2 s, statement_timeout 15 s), on a busy machine too.
ANSWER_SECONDS = 60.0


def database_url() -> str:
    """Where this test's database is, for other processes; the embedded server listens on a socket's path."""
    connection.ensure_connection()
    given = connection.settings_dict
    user = quote(given["USER"], safe="")
    password = f":{quote(given['PASSWORD'], safe='')}" if given["PASSWORD"] else ""
    host = quote(given["HOST"], safe="")
    port = f":{given['PORT']}" if given["PORT"] else ""
    return f"postgres://{user}{password}@{host}{port}/{quote(given['NAME'], safe='')}"


def environment(**variables: str) -> dict[str, str]:
    """What a process of the service needs to use this test's database as a production server would."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("KILL_AT", "INVENTORY_URL")}
    return inherited | {
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "orders_project.settings",
        "DEBUG": "0",
        "HTTPS": "0",
        "SECRET_KEY": "only-for-tests-" + "x" * 50,
        "ALLOWED_HOSTS": "127.0.0.1,testserver",
        "LOG_LEVEL": "ERROR",
        **variables,
    }


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's code, or the empty string when it is no problem."""
        return str(self.json()["code"]) if self.status >= 400 else ""


class LiveServer:
    """Granian with the real application; a context in which it runs. `restart` brings a killed one back."""

    def __init__(self, directory: Path, *, workers: int = 2, **variables: str) -> None:
        self._started = ExitStack()
        self._log = directory / "server.log"
        self._workers = workers
        self._environment = environment(STATIC_ROOT=str(directory), **variables)
        self._http = urllib3.PoolManager(maxsize=64, retries=False, timeout=ANSWER_SECONDS)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_until_ready()
        except BaseException:
            self._started.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
        self._started.close()
        self._http.clear()

    def start(self) -> None:
        command = web_server_command("127.0.0.1", self._port, workers=self._workers)
        with self._log.open("ab") as log:
            process = running(
                command,
                cwd=settings.BASE_DIR,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            self._process = self._started.enter_context(process)

    def kill_workers(self) -> None:
        """End the processes that answer, but not the one that looks after them."""
        for worker in psutil.Process(self._process.pid).children():
            if "spawn_main" in " ".join(worker.cmdline()):
                worker.kill()

    def kill(self) -> None:
        """End every process of the server at once, wherever it stands."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._end(signal.SIGTERM)

    def ended_as(self, how: signal.Signals, *, wait_seconds: float) -> int:
        """Send it the signal, and wait for the code it ends with by itself."""
        self._process.send_signal(how)
        return self._process.wait(wait_seconds)

    def _end(self, how: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"The server ended: {self.log()}"
            with contextlib.suppress(urllib3.exceptions.HTTPError):
                if self.call("GET", "/healthz", timeout=2.0).status == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"The server did not come up: {self.log()}")

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = ANSWER_SECONDS,
    ) -> Answer:
        """Raises urllib3's HTTPError when no answer comes."""
        answer = self._http.request(
            method,
            f"{self.address}{path}",
            body=None if body is None else orjson.dumps(body),
            headers={"Content-Type": "application/json", **(headers or {})},
            timeout=timeout,
        )
        return Answer(answer.status, answer.headers, answer.data)


def at_once(calls: Sequence[Callable[[], T]], *, clients: int = 16) -> list[T]:
    """Make the calls from `clients` threads that begin together; the results in the order of the calls."""
    clients = min(clients, len(calls))
    begin = Barrier(clients)

    def run(client: int) -> list[T]:
        begin.wait()
        return [call() for call in calls[client::clients]]

    results: list[T | None] = [None] * len(calls)
    with ThreadPoolExecutor(clients) as threads:
        for client, done in enumerate(threads.map(run, range(clients))):
            results[client::clients] = done
    return results  # type: ignore[return-value]  # every place is taken
