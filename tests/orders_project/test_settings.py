"""Environment variables that cannot be read end every command with a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_TO_DO = "Correct the environment variable, or remove it to get the default."


def _told(variables: dict[str, str], *command: str) -> str:
    """What the command says before it ends with 1."""
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "k" * 50, "EMBEDDED_PG": "0"}
    ran = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=environment | variables, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    return ran.stderr


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DEBUG", "maybe", "1 or 0"),
        ("HTTPS", "", "1 or 0"),
        ("EMBEDDED_PG", "maybe", "1 or 0"),
        ("LOCK_TIMEOUT_MS", "abc", "a whole number"),
        ("REQUEST_THREADS", "3.5", "a whole number"),
        ("TRUSTED_PROXIES", "two", "a whole number"),
        ("READS_PER_SECOND", "nan", "a number"),
        ("BODY_SECONDS", "inf", "a number"),
        ("PORT", "0", "a whole number from 1 to 65535"),
        ("LOG_LEVEL", "loud", "one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("LOG_FORMAT", "xml", "one of json, console"),
    ],
)
def test_says_the_variable_what_is_given_and_what_is_expected(name: str, value: str, expected: str):
    assert _told({name: value}, "migrate") == f"{name} is {value!r}; expected {expected}. {_TO_DO}\n"


@pytest.mark.parametrize("command", [["help"], ["check"], ["run"], ["no_such_command"], []])
def test_whatever_the_command(command: list[str]):
    assert (
        _told({"LOCK_TIMEOUT_MS": "abc"}, *command) == f"LOCK_TIMEOUT_MS is 'abc'; expected a whole number. {_TO_DO}\n"
    )


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nonsense-hunter2", "It cannot be read as a URL of a database."),
        ("oracles://orders:hunter2@database/orders", "It cannot be read as a URL of a database."),
        ("postgres://orders:hunter2@database:port/orders", "It cannot be read as a URL of a database."),
        ("postgres://orders:hunter2@database/", "It names no database."),
        ("postgres://orders:hunter2@database/orders?sslmod=require", "It has options that there are not: sslmod."),
    ],
)
def test_does_not_show_a_database_url_that_it_cannot_read(url: str, why: str):
    said = _told({"DATABASE_URL": url}, "migrate")

    assert said.startswith(f"DATABASE_URL is not what is expected, postgres://user:password@host:5432/name. {why} ")
    assert said.count("\n") == 1
    assert "hunter2" not in said


def test_a_level_of_logs_may_be_in_any_case():
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "k" * 50, "EMBEDDED_PG": "0", "LOG_LEVEL": "warning"}

    ran = subprocess.run([sys.executable, "manage.py", "version"], cwd=ROOT, env=environment, capture_output=True)

    assert ran.returncode == 0


def test_says_which_file_of_a_secret_cannot_be_read(tmp_path: Path):
    (tmp_path / "empty").write_text("\n")

    assert _told({"DATABASE_URL_FILE": f"{tmp_path}/missing"}, "migrate") == (
        f"DATABASE_URL_FILE is '{tmp_path}/missing', which cannot be read (No such file or directory). Expected the "
        "path of a file that holds DATABASE_URL.\n"
    )
    # Were it taken for none, the embedded database would be used in place of the server that was meant.
    assert _told({"DATABASE_URL_FILE": f"{tmp_path}/empty"}, "migrate") == (
        f"DATABASE_URL_FILE is '{tmp_path}/empty', which is empty. Expected a file that holds DATABASE_URL.\n"
    )


def test_shows_where_it_went_wrong_when_asked(tmp_path: Path):
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "k" * 50, "LOCK_TIMEOUT_MS": "abc"}

    ran = subprocess.run(
        [sys.executable, "manage.py", "check", "--traceback"], cwd=ROOT, env=environment, capture_output=True, text=True
    )

    assert ran.returncode == 1
    assert ran.stderr.startswith("Traceback (most recent call last):\n")


def test_a_database_url_may_have_the_options_of_libpq_and_of_django():
    url = "postgres://orders@database/orders?sslmode=require&application_name=web&pool=true"
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "k" * 50, "DATABASE_URL": url}

    ran = subprocess.run([sys.executable, "manage.py", "version"], cwd=ROOT, env=environment, capture_output=True)

    assert ran.returncode == 0


def test_a_command_that_needs_the_database_which_is_switched_off():
    assert _told({}, "doctor") == (
        "EMBEDDED_PG is 0, which switches the database off, and this command needs one. Remove EMBEDDED_PG, or set "
        "DATABASE_URL.\n"
    )
