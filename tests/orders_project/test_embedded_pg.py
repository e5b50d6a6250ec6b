"""The embedded PostgreSQL, in clusters of its own; each process that uses one is a real process."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from orders_project.embedded_pg import Cluster, EmbeddedPgError
from tests.processes import running

ROOT = Path(__file__).resolve().parents[2]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")

# Connects as any process of the service does, and tells which server answered.
CONNECT = """
import sys
from pathlib import Path
from django.conf import settings
from orders_project.embedded_pg import Cluster

cluster = Cluster(Path(sys.argv[1]))
settings.configure(EMBEDDED_PG=cluster, DATABASES={"default": cluster.settings()})

from django.db import connection

def postmaster():
    with connection.cursor() as cursor:
        cursor.execute("select split_part(pg_read_file('postmaster.pid'), chr(10), 1)")
        return int(cursor.fetchone()[0])
"""
TELL_POSTMASTER = CONNECT + "print(postmaster())"
KEEP = "; connection.cursor().execute('create table kept as select 42 as answer')"
FIND = """
cursor = connection.cursor()
cursor.execute("select answer from kept")
print(cursor.fetchone()[0])
"""
OUTLIVE_POSTMASTER = (
    CONNECT
    + """
import os, signal
first = postmaster()
connection.cursor().execute("create table kept as select 42 as answer")
os.kill(first, signal.SIGKILL)
connection.close()
second = postmaster()
cursor = connection.cursor()
cursor.execute("select answer from kept")
print(first != second, cursor.fetchone()[0])
"""
)

# Listens where the server's socket is expected, and tells how much it was sent.
LISTEN = """
import os, socket, sys
from pathlib import Path

os.setgid(1)
os.setuid(1)
directory = Path(sys.argv[1])
directory.mkdir(exist_ok=True)
listener = socket.socket(socket.AF_UNIX)
listener.bind(str(directory / ".s.PGSQL.5432"))
listener.listen()
print("listens", flush=True)
while True:
    caller, _ = listener.accept()
    print(len(caller.recv(1000)), "bytes", flush=True)
"""
CONNECT_ELSEWHERE = (
    CONNECT
    + """
cluster.ensure()
cluster.ensure_once = lambda: sys.argv[2]  # it looked there a moment ago
try:
    postmaster()
except Exception as error:
    print(error)
"""
)


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that everybody may enter (root's server runs as another user), with a space in its path."""
    monkeypatch.delenv("EMBEDDED_PG_HOME", raising=False)
    directory = Path(tempfile.mkdtemp(prefix="a checkout "))
    directory.chmod(0o755)
    yield directory
    Cluster(directory).reset()
    shutil.rmtree(directory)


@contextmanager
def stranger_listening(directory: Path) -> Iterator[Any]:
    """Another user's process where the server's socket is expected."""
    command = [sys.executable, "-c", LISTEN, str(directory)]
    with running(command, stdout=subprocess.PIPE, text=True) as stranger:
        assert stranger.stdout
        assert stranger.stdout.readline() == "listens\n"
        try:
            yield stranger
        finally:
            stranger.kill()
            shutil.rmtree(directory)


def python(program: str, checkout: Path, *arguments: str) -> AbstractContextManager[Any]:
    """A process that runs the program."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return running([sys.executable, "-c", program, checkout, *arguments], cwd=ROOT, text=True, **pipes)


def said_by(program: str, checkout: Path, *arguments: str) -> str:
    """What the program prints, all of it."""
    with python(program, checkout, *arguments) as process:
        return finish(process)


def finish(process: Any) -> str:
    output, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors
    said: str = output.strip()
    return said


def manage(*arguments: str, home: Path) -> str:
    environment = {**os.environ, "EMBEDDED_PG_HOME": str(home)}
    environment.pop("DATABASE_URL", None)
    result = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_many_first_connections_at_once_start_one_server(checkout: Path) -> None:
    with ExitStack() as started:
        processes = [started.enter_context(python(TELL_POSTMASTER, checkout)) for _ in range(5)]

        postmasters = {finish(process) for process in processes}

    assert len(postmasters) == 1


@pytest.mark.parametrize("seconds", [0.35, 0.6, 0.9])
def test_a_start_that_was_killed_does_not_stop_the_next_one(checkout: Path, seconds: float) -> None:
    with python(TELL_POSTMASTER, checkout) as first:
        time.sleep(seconds)
        first.kill()
        first.communicate()

    with python(TELL_POSTMASTER, checkout) as second:
        postmaster = finish(second)

    assert int(postmaster) > 0


def test_a_killed_server_is_started_again_by_the_next_connection_and_has_lost_nothing(checkout: Path) -> None:
    with python(OUTLIVE_POSTMASTER, checkout) as process:
        said = finish(process)

    assert said == "True 42"


def test_a_process_that_got_the_recorded_id_by_chance_is_left_alone(checkout: Path) -> None:
    cluster = Cluster(checkout)
    cluster.ensure()
    record = cluster.data / "postmaster.pid"
    lines = record.read_text().splitlines()
    cluster.stop()
    with running(["sleep", "600"]) as innocent:
        record.write_text("\n".join([str(innocent.pid), *lines[1:]]))

        stopped_nothing = cluster.stop()
        cluster.ensure()
        stopped = cluster.stop()

        assert (stopped_nothing, stopped, innocent.poll()) == (False, True, None)


def test_commands_that_need_no_database_start_none(checkout: Path) -> None:
    manage("help", home=checkout / "pg")
    manage("check", home=checkout / "pg")
    manage("collectstatic", "--no-input", "--dry-run", home=checkout / "pg")

    assert not (checkout / "pg").exists()


def test_the_command_starts_queries_stops_and_removes_it(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = checkout / "pg"
    monkeypatch.setenv("EMBEDDED_PG_HOME", str(home))  # for the fixture's clean-up too

    assert manage("embedded_pg", "status", home=home) == f"Not running: data={home}/data"
    assert manage("embedded_pg", "start", home=home).startswith("Running: host=/tmp/orders-pg-")
    assert manage("embedded_pg", "psql", "-Atc", "select current_database()", home=home) == "orders"
    assert manage("embedded_pg", "stop", home=home) == "Stopped."
    assert manage("embedded_pg", "stop", home=home) == "It was not running."
    assert manage("embedded_pg", "reset", home=home) == f"Removed {home}/data."
    assert not (home / "data").exists()


def test_an_unusable_home_is_told_with_the_way_out(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "file").touch()
    with monkeypatch.context() as environment:
        environment.setenv("EMBEDDED_PG_HOME", str(checkout / "file" / "pg"))
        cluster = Cluster(checkout)

    with pytest.raises(EmbeddedPgError, match="Set EMBEDDED_PG_HOME to a directory it can own, or DATABASE_URL"):
        cluster.ensure()


def test_programs_that_are_not_where_the_environment_says_are_told(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDED_PG_BIN", "/nowhere")

    with pytest.raises(EmbeddedPgError, match="EMBEDDED_PG_BIN is /nowhere"):
        Cluster(checkout).ensure()


def test_the_server_is_reachable_for_its_owner_only(checkout: Path) -> None:
    cluster = Cluster(checkout)

    host = Path(cluster.ensure())

    assert (host.stat().st_mode & 0o777, cluster.home.stat().st_mode & 0o777) == (0o700, 0o700)
    assert "\nlisten_addresses = ''" in "\n" + (cluster.data / "embedded.conf").read_text()


def test_a_server_whose_directory_was_cleared_away_is_started_anew_and_has_lost_nothing(checkout: Path) -> None:
    cluster = Cluster(checkout)
    first = said_by(TELL_POSTMASTER + KEEP, checkout)
    shutil.rmtree(cluster.host)

    second = said_by(TELL_POSTMASTER + FIND, checkout)

    assert second.splitlines() == [second.splitlines()[0], "42"]
    assert second.splitlines()[0] != first
    assert Path(cluster.host).stat().st_mode & 0o777 == 0o700


@needs_root
def test_a_server_of_another_user_in_its_place_is_told_nothing(checkout: Path) -> None:
    cluster = Cluster(checkout)
    cluster.ensure()
    noted = (cluster.data / "postmaster.pid").read_text()
    cluster.stop()
    expected = Path(cluster.host)
    expected.rmdir()
    (cluster.data / "postmaster.pid").write_text(noted)  # as after a crash

    with stranger_listening(expected) as stranger:
        was_ready = cluster.ready()
        postmaster = said_by(TELL_POSTMASTER, checkout)
        stranger.kill()
        heard = stranger.communicate()[0]

    assert (was_ready, heard) == (False, "")
    assert int(postmaster) > 0
    assert Path(cluster.host) != expected


@needs_root
def test_libpq_itself_refuses_a_server_of_another_user(checkout: Path) -> None:
    elsewhere = Path(f"/tmp/orders-pg-elsewhere-{os.getpid()}")
    with stranger_listening(elsewhere) as stranger:
        said = said_by(CONNECT_ELSEWHERE, checkout, str(elsewhere))
        stranger.kill()
        heard = stranger.communicate()[0]

    assert "requirepeer specifies" in said
    assert heard == "0 bytes\n"


@needs_root
def test_resetting_leaves_another_users_directory_alone(checkout: Path) -> None:
    cluster = Cluster(checkout)
    cluster.ensure()
    cluster.stop()
    host = Path(cluster.host)
    os.chown(host, 1, 1)

    cluster.reset()

    assert host.exists()
    host.rmdir()
