"""`manage.py run --reload`, in a copy of the project that a test may change."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from orders_project.embedded_pg import Cluster
from tests.orders_project.running import Output, children_of
from tests.processes import running

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("orders_project.asgi:application", "relay_events", "sweep", "place_requested")
# Long enough for a machine ten times slower; nothing waits for the time to pass.
SECONDS = 300


@pytest.fixture
def project() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="reload-"))
    for package in (
        "audit",
        "customer_client",
        "events",
        "inventory_client",
        "orders",
        "orders_project",
        "remote_calls",
        "templates",
    ):
        shutil.copytree(ROOT / package, directory / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", directory)
    yield directory
    shutil.rmtree(directory)


def version_at(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60) as answer:
        version: str = json.load(answer)["version"]
    return version


def programs_of(pid: int) -> dict[str, int]:
    children = children_of(pid)
    return {name: children[name] for name in PROGRAMS}


def postmaster(environment: dict[str, str]) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMBEDDED_PG_HOME", environment["EMBEDDED_PG_HOME"])
        cluster = Cluster(ROOT)
    return int((cluster.data / "postmaster.pid").read_text().split()[0])


@pytest.mark.slow
def test_every_program_runs_the_code_as_it_was_last_saved(
    project: Path, environment: dict[str, str], free_port: int, tmp_path: Path
) -> None:
    module = project / "orders_project" / "settings.py"
    code = module.read_text()
    output = Output(tmp_path / "output")
    command = [sys.executable, "manage.py", "run", "--reload", "--no-demo", "--workers", "1", "--port", str(free_port)]
    with (
        output.path.open("w") as file,
        running(command, cwd=project, env=environment, stdout=file, stderr=subprocess.STDOUT) as run,
    ):
        output.wait_for(f"The order service runs at http://localhost:{free_port}", seconds=SECONDS)
        first, database = programs_of(run.pid), postmaster(environment)

        only_of_the_relay = project / "events" / "relay.py"
        with only_of_the_relay.open("a") as file:
            file.write("def broken(:\n")
        output.wait_for("(?s)def broken.*SyntaxError.*The old code goes on until the next change", seconds=SECONDS)
        module.write_text(code + "raise LookupError('of the settings')\n")
        shutil.copy(ROOT / "events" / "relay.py", only_of_the_relay)
        output.wait_for("(?s)LookupError: of the settings.*The old code goes on until the next change", seconds=SECONDS)

        assert (version_at(free_port), programs_of(run.pid)) == (settings.VERSION, first)

        module.write_text(code.replace(f'VERSION = "{settings.VERSION}"', 'VERSION = "changed"'))
        output.wait_for("The new code answers", seconds=SECONDS)

        assert version_at(free_port) == "changed"
        assert not set(first.values()) & set(programs_of(run.pid).values())

        last = children_of(run.pid)
        run.send_signal(signal.SIGINT)

        assert run.wait(timeout=SECONDS) == 0
        assert not [name for name, pid in last.items() if psutil.pid_exists(pid)]
        assert postmaster(environment) == database
        assert psutil.pid_exists(database)


def test_code_sql_descriptions_and_pages_count_and_nothing_else(project: Path) -> None:
    watch = (
        "import sys, django; django.setup()\n"
        "from orders_project.source_changes import source_changes\n"
        "changes = source_changes(); next(changes)\n"
        "print('watching', flush=True); sys.stdin.readline()\n"
        "seen = set()\n"
        "while 'apps.py' not in seen: seen |= {path.name for path in next(changes)}\n"
        "print(*sorted(seen))\n"
    )
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "orders_project.settings", "EMBEDDED_PG": "0", "DEBUG": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running([sys.executable, "-c", watch], cwd=project, env=variables, text=True, **pipes) as watcher:
        assert watcher.stdout
        assert watcher.stdout.readline() == "watching\n"

        for path in (
            "orders/apps.cpython-311.pyc",
            "orders/.apps.py.swp",
            "manage.py",
            "inventory_client/openapi.yaml",
            "orders/sql/orders_place.sql",
            "templates/admin/index.html",
            "events/apps.py",
        ):
            (project / path).touch()
        said, _ = watcher.communicate("\n")

    assert said == "apps.py index.html openapi.yaml orders_place.sql\n"
