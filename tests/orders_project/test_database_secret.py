"""The login of the database in a secret: read at the beginning, and again when the server has another password."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection
from django.db import connections as all_connections
from django.db.utils import ConnectionHandler
from pytest_django.fixtures import Settings

from orders_project.database_probe import DatabaseProbe
from orders_project.database_secret import DatabaseSecret, Login, login_in
from orders_project.database_url import with_secret
from tests.orders_project.password_server import PasswordServer, password_server

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[PasswordServer]:
    with password_server() as server:
        server.execute("create role orders login password 'first-password'")
        yield server


@pytest.fixture
def secret_file(server: PasswordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As it is mounted into a container; the server has that password."""
    path = tmp_path / "secret.json"
    _write(path, server, "first-password")
    server.execute("alter role orders password 'first-password'")
    monkeypatch.setenv("DATABASE_SECRET_FILE", str(path))
    return path


def _write(path: Path, server: PasswordServer, password: str, **others: Any) -> None:
    told = {"engine": "postgres", "host": "127.0.0.1", "port": server.port, "dbname": "postgres", "username": "orders"}
    path.write_text(json.dumps(told | {"password": password} | others))


@pytest.fixture
def connections(secret_file: Path, settings: Settings, django_db_blocker: Any) -> Iterator[ConnectionHandler]:
    settings.DATABASE_SECRET = DatabaseSecret(secret_file.read_text, name="DATABASE_SECRET", pause_seconds=0)
    handler = ConnectionHandler({"default": with_secret(settings.DATABASE_SECRET, url=None)})
    with django_db_blocker.unblock():
        yield handler
    handler.close_all()


def _user(connections: ConnectionHandler) -> str:
    with connections["default"].cursor() as cursor:
        cursor.execute("select current_user")
        user: str = cursor.fetchone()[0]
    return user


def test_connects_as_the_secret_says(connections: ConnectionHandler):
    assert _user(connections) == "orders"


def test_a_changed_password_is_found_without_a_restart_and_open_connections_go_on(
    connections: ConnectionHandler, server: PasswordServer, secret_file: Path
):
    assert _user(connections) == "orders"

    server.execute("alter role orders password 'second-password'")
    _write(secret_file, server, "second-password")

    assert _user(connections) == "orders"
    connections["default"].close()
    assert _user(connections) == "orders"


def test_the_other_user_of_a_rotation_that_alternates_is_found(
    connections: ConnectionHandler, server: PasswordServer, secret_file: Path
):
    assert _user(connections) == "orders"
    connections["default"].close()

    server.execute("create role orders_clone login password 'its-password'")
    server.execute("alter role orders password null")
    _write(secret_file, server, "its-password", username="orders_clone")

    assert _user(connections) == "orders_clone"


def test_a_wrong_secret_is_told_without_its_password(connections: ConnectionHandler, server: PasswordServer):
    server.execute("alter role orders password 'of-nobody'")

    with pytest.raises(OperationalError, match="password authentication failed for user") as refused:
        _user(connections)

    assert "first-password" not in str(refused.value)


def test_connections_that_are_made_past_django_go_the_same_way(
    connections: ConnectionHandler, server: PasswordServer, secret_file: Path
):
    """As the relay makes them: parameters first, a connection from them later."""
    parameters = connections["default"].get_connection_params()
    server.execute("alter role orders password 'second-password'")
    _write(secret_file, server, "second-password")

    with connections["default"].get_new_connection(parameters) as made:
        assert made.execute("select current_user").fetchone() == ("orders",)


def test_the_probe_of_readiness_finds_it_too(
    connections: ConnectionHandler, server: PasswordServer, secret_file: Path, monkeypatch: pytest.MonkeyPatch
):
    for part, value in connections.settings["default"].items():
        monkeypatch.setitem(all_connections.settings["default"], part, value)

    def who() -> str:
        with connection.cursor() as cursor:
            cursor.execute("select current_user")
            user: str = cursor.fetchone()[0]
        return user

    assert DatabaseProbe(who).ask(limit_seconds=30) == "orders"
    server.execute("alter role orders password 'second-password'")
    _write(secret_file, server, "second-password")
    assert DatabaseProbe(who).ask(limit_seconds=30) == "orders"


def _text(password: str) -> str:
    return json.dumps({"username": "orders", "password": password})


def test_a_wrong_secret_is_not_read_again_and_again():
    texts = [_text("one"), _text("two"), _text("three")]
    secret = DatabaseSecret(lambda: texts.pop(0), name="DATABASE_SECRET", pause_seconds=3600)

    assert secret.login() == Login("orders", "one")
    assert secret.login_instead_of("orders", "one") is None
    assert texts == [_text("two"), _text("three")]


def test_what_one_thread_has_found_the_others_take_without_reading():
    texts = [_text("one"), _text("two"), _text("three")]
    secret = DatabaseSecret(lambda: texts.pop(0), name="DATABASE_SECRET", pause_seconds=0)
    secret.login()

    found = [secret.login_instead_of("orders", "one") for _ in range(3)]

    assert found == [Login("orders", "two")] * 3
    assert texts == [_text("three")]


def test_a_secret_that_cannot_be_read_any_more_is_as_it_was():
    answers: list[Callable[[], str]] = [lambda: _text("one"), lambda: "nonsense", lambda: _text("two")]
    secret = DatabaseSecret(lambda: answers.pop(0)(), name="DATABASE_SECRET", pause_seconds=0)

    assert secret.login() == Login("orders", "one")
    assert secret.login_instead_of("orders", "one") is None
    assert secret.login() == Login("orders", "one")
    assert secret.login_instead_of("orders", "one") == Login("orders", "two")


def test_whoever_keeps_the_secret_and_does_not_answer_is_not_waited_for():
    released = threading.Event()
    asked = []

    def read() -> str:
        asked.append(1)
        released.wait(60)
        return _text("one")

    secret = DatabaseSecret(read, name="DATABASE_SECRET_ARN", pause_seconds=0, limit_seconds=0.05)
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError, match=r"from DATABASE_SECRET_ARN: no answer within 0\.05 s"):
            secret.login()
    released.set()

    assert asked == [1]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hunter2", "It is no JSON."),
        ('["hunter2"]', "It is no JSON object."),
        ('{"password": "hunter2"}', "It has no username."),
        ('{"username": "orders", "password": ""}', "It has no password."),
        ('{"username": "orders", "password": "hunter2", "engine": "mysql"}', "Its engine is another than postgres."),
        ('{"username": "orders", "password": "hunter2", "port": "hunter2"}', "Its port is no number."),
    ],
)
def test_what_cannot_be_read_is_told_without_its_text(text: str, why: str):
    with pytest.raises(ImproperlyConfigured) as told:
        login_in(text, name="DATABASE_SECRET")

    assert str(told.value).startswith("DATABASE_SECRET is not what is expected, JSON as RDS writes it: ")
    assert str(told.value).endswith(why)
    assert "hunter2" not in str(told.value)


def test_neither_a_login_nor_a_secret_shows_its_password():
    secret = DatabaseSecret(lambda: _text("hunter2"), name="DATABASE_SECRET")

    assert "hunter2" not in f"{secret.login()!r} {secret.login()} {secret!r} {secret}"


_SECRET = json.dumps({"username": "orders", "password": "hunter2", "host": "database", "dbname": "orders"})
_WITHOUT_HOST = json.dumps({"username": "orders", "password": "hunter2"})
_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders-AbCdEf"


def _manage(variables: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "k" * 50, **variables}
    return subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"DATABASE_SECRET": _SECRET, "DATABASE_SECRET_ARN": _ARN},
            "DATABASE_SECRET and DATABASE_SECRET_ARN are both set, and may say different things. Remove one of them.",
        ),
        (
            {"DATABASE_SECRET": _SECRET, "DATABASE_URL": "postgres://orders:hunter2@database/orders"},
            "DATABASE_URL has a user or a password, and so has DATABASE_SECRET. Leave them out of DATABASE_URL, as in "
            "postgres://host:5432/name, or remove the secret.",
        ),
        (
            {"DATABASE_SECRET": _WITHOUT_HOST},
            "DATABASE_SECRET names no host, and DATABASE_URL is not set. Set it to postgres://host:5432/name, without "
            "a user, or add host and dbname to the secret.",
        ),
        (
            {"DATABASE_SECRET": _SECRET, "DATABASE_URL": "postgres://database/orders?pool=true"},
            "DATABASE_URL asks for a pool, whose connections know nothing of DATABASE_SECRET. Leave the option out.",
        ),
        (
            {"DATABASE_SECRET_ARN": "orders"},
            "DATABASE_SECRET_ARN is 'orders'; expected arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME.",
        ),
    ],
)
def test_what_contradicts_itself_ends_every_command(variables: dict[str, str], sentence: str):
    ran = _manage(variables, "check")

    assert (ran.returncode, ran.stderr) == (1, f"{sentence}\n")


@pytest.mark.parametrize(
    "variables",
    [
        {"DATABASE_SECRET": _SECRET},
        {"DATABASE_SECRET": _WITHOUT_HOST, "DATABASE_URL": "postgres://database:5432/orders?sslmode=require"},
        {"DATABASE_SECRET_ARN": _ARN},
    ],
)
def test_a_check_asks_nobody_for_the_secret_and_does_not_tell_it(variables: dict[str, str]):
    ran = _manage(variables, "check")

    assert ran.returncode == 0, ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr


def test_without_the_package_of_aws_it_is_said_what_to_install(tmp_path: Path):
    (tmp_path / "boto3.py").write_text("raise ImportError(\"No module named 'boto3'\")")

    ran = _manage({"DATABASE_SECRET_ARN": _ARN, "PYTHONPATH": str(tmp_path)}, "check")

    assert (ran.returncode, ran.stderr) == (
        1,
        "DATABASE_SECRET_ARN needs a package that is not installed (No module named 'boto3'). Install the part "
        "`brokers` of requirements.txt, or boto3.\n",
    )


def test_a_process_connects_by_the_file(secret_file: Path, server: PasswordServer):
    ran = _manage({"DATABASE_SECRET_FILE": str(secret_file)}, "shell", "--no-imports", "-c", _ASK)

    assert (ran.returncode, ran.stdout) == (0, "orders\n"), ran.stderr


_ASK = """
from django.db import connection
cursor = connection.cursor()
cursor.execute("select current_user")
print(cursor.fetchone()[0])
"""
