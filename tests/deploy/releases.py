"""The release before this one: which it is, its code in a directory of its own, and its processes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import orjson
import urllib3
from django.conf import settings

from tests.processes import running

ROOT: Final = Path(settings.BASE_DIR)
_START_SECONDS: Final = 60.0
_ANSWER_SECONDS: Final = 60.0


def previous_release() -> str:
    """PREVIOUS_RELEASE, else the newest tag before this commit, else the commit before the newest migration was added:
    where every commit is deployed, that is the last code which a new schema meets. Raises LookupError when the history
    does not go back so far.
    """
    if given := os.environ.get("PREVIOUS_RELEASE"):
        return given
    if tag := _git("describe", "--tags", "--abbrev=0", "HEAD^"):
        return tag
    added = _git("log", "-1", "--diff-filter=A", "--format=%H", "--", "*/migrations/0*.py")
    if added and (before := _git("rev-parse", "--verify", "--quiet", f"{added}^")):
        return before
    raise LookupError("The history has no tag, and no commit before the newest migration: is it a shallow clone?")


def _git(*arguments: str) -> str:
    """What git says, or the empty string where it refuses."""
    # The checkout may be another user's, as in a container.
    command = ["git", "-c", f"safe.directory={ROOT}", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def code_of(release: str, directory: Path) -> Path:
    """Its files, as they were committed."""
    command = ["git", "-c", f"safe.directory={ROOT}", "archive", "--format=tar", release]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(directory, filter="data")
    return directory


class Server:
    """The web server of some release, answering at an address of its own."""

    def __init__(self, code: Path, environment: Mapping[str, str], *, before: Sequence[str] = ()) -> None:
        """`before` are words that stand before the command, such as what shuts it in."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._code = code
        self._before = before
        self._environment = dict(environment)
        self._http = urllib3.PoolManager(retries=False, timeout=_ANSWER_SECONDS)

    @contextmanager
    def running(self, log: Path) -> Iterator[Server]:
        command = [*self._before, sys.executable, "manage.py", "serve", "--port", str(self.port), "--workers", "1"]
        with (
            log.open("ab") as output,
            running(command, cwd=self._code, env=self._environment, stdout=output, stderr=output) as process,
        ):
            deadline = time.monotonic() + _START_SECONDS
            while not self._answers():
                assert process.poll() is None, f"It ended: {log.read_text(errors='replace')}"
                assert time.monotonic() < deadline, f"It did not come up: {log.read_text(errors='replace')}"
                time.sleep(0.05)
            yield self
            process.terminate()
            assert process.wait(40) == 0, log.read_text(errors="replace")

    def _answers(self) -> bool:
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            return self._http.request("GET", f"http://127.0.0.1:{self.port}/healthz").status == 200
        return False

    def call(self, method: str, path: str, body: object = None, *, key: str) -> tuple[int, Any]:
        """The status, and the JSON that was answered."""
        answer = self._http.request(
            method,
            f"http://127.0.0.1:{self.port}{path}",
            body=None if body is None else orjson.dumps(body),
            headers={"Content-Type": "application/json", "X-API-Key": key},
        )
        return answer.status, orjson.loads(answer.data) if answer.data else None


def manage(
    code: Path, environment: Mapping[str, str], *arguments: str, before: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """A command of that release, to its end."""
    command = [*before, sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=code, env=dict(environment), capture_output=True, text=True, check=False)
