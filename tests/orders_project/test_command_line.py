"""Whatever is out of order around a command is told in a sentence, whatever the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from inventory_client.models import Stock
from orders.models import Order, Storefront
from tests.orders.importing.lines import line
from tests.outages import execute, full_disk, read_only_database

_OF_THIS_SERVICE = [
    ["api_keys", "list"],
    ["doctor"],
    ["outbox", "status"],
    ["outbox", "retry", "--all"],
    ["reconcile_stock", "--repair"],
    ["relay_events", "--once"],
    ["seed_demo"],
    ["set_stock", "cup=5"],
    ["storefronts", "list"],
    ["sweep", "--once"],
    ["order", "confirm", "AU-7K3M9QXD4F"],
]
_NOT_DONE = {"doctor": 2, "reconcile_stock": 2}  # there 1 says that something was found


def _told(command: list[str], environment: dict[str, str], manage_py: Path) -> str:
    """What a command that cannot do its work says last, which it ends with the exit code for that."""
    ran = subprocess.run(
        [sys.executable, manage_py, *command], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert ran.returncode == _NOT_DONE.get(command[0], 1), ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stderr.splitlines()[-1].removeprefix("CommandError: ")


@pytest.mark.parametrize("command", [*_OF_THIS_SERVICE, ["migrate"], ["createsuperuser", "--noinput"]], ids=" ".join)
def test_a_database_that_is_not_there(manage_py: Path, command: list[str], tmp_path: Path):
    nowhere = {
        "DATABASE_URL": "postgres://orders:hunter2@127.0.0.1:1/orders",
        "DJANGO_SUPERUSER_USERNAME": "ann",
        "DJANGO_SUPERUSER_EMAIL": "ann@example.org",
        "DJANGO_SUPERUSER_PASSWORD": "correct horse",
        "SECRET_KEY": "k" * 50,
    }
    facts = ["--facts", str(tmp_path / "facts.json")] if command == ["seed_demo"] else []

    said = _told(command + facts, os.environ | nowhere, manage_py)

    assert said.startswith("The database cannot be reached: connection failed: ")
    assert "Start it, or correct DATABASE_URL, and run the same command again." in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "command",
    [
        ["api_keys", "create", "au"],
        ["relay_events", "--once"],
        ["set_stock", "cup=5"],
        ["storefronts", "off", "au", "--reason", "a key has leaked"],
        ["sweep", "--once"],
    ],
    ids=" ".join,
)
def test_a_database_that_can_only_be_read(
    storefront: Storefront, command_environment: dict[str, str], manage_py: Path, command: list[str]
):
    with read_only_database():
        said = _told(command, command_environment, manage_py)

    assert said.startswith("The database takes no changes: cannot execute ")
    assert said.endswith(
        "It is a standby, or somebody has made it read-only: run the same command where changes are taken."
    )
    storefront.refresh_from_db()
    assert storefront.switched_off_at is None
    assert not Stock.objects.exists()


def test_a_database_without_room(command_environment: dict[str, str], manage_py: Path, tmp_path: Path):
    (tmp_path / "orders.ndjson").write_text(line())

    with full_disk():
        said = _told(["import_orders", str(tmp_path / "orders.ndjson")], command_environment, manage_py)

    assert said == (
        "The database has no room left: could not extend file: No space left on device. Give it disk space or memory, "
        "and run the same command again. So far: 0 placed, 0 skipped, 0 refused. What is there already is skipped then."
    )
    assert not Order.objects.exists()


@pytest.mark.parametrize("command", [["set_stock", "cup=5"], ["doctor"]], ids=" ".join)
def test_a_database_that_was_not_migrated(command_environment: dict[str, str], manage_py: Path, command: list[str]):
    empty = f"not_migrated_{os.getpid()}"
    execute(f"create database {empty}")
    try:
        url = urlsplit(command_environment["DATABASE_URL"])._replace(path=f"/{empty}").geturl()
        said = _told(command, command_environment | {"DATABASE_URL": url}, manage_py)
    finally:
        execute(f"drop database {empty}")

    assert said.startswith("The database lacks tables, columns or functions of this version: relation ")
    assert said.endswith("Run `manage.py migrate`, and the same command again.")


def test_a_database_where_others_hold_the_rows(command_environment: dict[str, str], manage_py: Path):
    execute("begin; lock table inventory_stock")
    try:
        said = _told(["set_stock", "cup=5"], command_environment | {"LOCK_TIMEOUT_MS": "50"}, manage_py)
    finally:
        execute("rollback")

    assert said.startswith("The database is busy: canceling statement due to lock timeout. Others are changing the ")


def test_an_argument_that_is_no_text(command_environment: dict[str, str], manage_py: Path):
    ran = subprocess.run(
        [sys.executable, manage_py, "storefronts", "on", b"\xff"],
        env=command_environment,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 1
    assert ran.stderr == "The argument '\\udcff' is not UTF-8, as names, numbers and texts have to be.\n"


def test_a_file_that_the_operating_system_refuses(command_environment: dict[str, str], manage_py: Path, tmp_path: Path):
    (tmp_path / "file").touch()

    said = _told(
        ["collectstatic", "--no-input"], command_environment | {"STATIC_ROOT": f"{tmp_path}/file/static"}, manage_py
    )

    assert said.startswith("The operating system refused something: [Errno 20] Not a directory: ")


def test_a_reader_that_has_seen_enough_is_no_error_of_ours(command_environment: dict[str, str], manage_py: Path):
    reading, writing = os.pipe()
    os.close(reading)

    ran = subprocess.run(
        [sys.executable, manage_py, "order", "--list"], env=command_environment, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)

    assert (ran.returncode, ran.stderr) == (1, b"")


def test_who_interrupts_a_command_knows_it(command_environment: dict[str, str], manage_py: Path):
    command: list[str | Path] = [sys.executable, manage_py, "shell", "--no-imports", "-c", "raise KeyboardInterrupt"]

    ran = subprocess.run(command, env=command_environment, capture_output=True, text=True)

    assert (ran.returncode, ran.stderr) == (130, "Stopped.\n")


def test_a_mistake_of_ours_still_shows_where_it_is(command_environment: dict[str, str], manage_py: Path):
    command: list[str | Path] = [sys.executable, manage_py, "shell", "--no-imports", "-c", "[][0]"]

    ran = subprocess.run(command, env=command_environment, capture_output=True, text=True)

    assert ran.returncode == 1
    assert ran.stderr.startswith("Traceback (most recent call last):\n")
