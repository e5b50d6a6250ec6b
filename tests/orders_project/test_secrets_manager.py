"""Against an AWS of our own on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from orders_project.secrets_manager import secret_text
from tests.orders_project.password_server import password_server
from tests.processes import running

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.brokers


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of Secrets Manager, which the service finds, too."""
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    yield boto3.client("secretsmanager", region_name="eu-west-1")
    moto.stop()


def test_each_look_finds_the_secret_as_it_is_now(manager: Any):
    arn = manager.create_secret(Name="orders", SecretString="first")["ARN"]
    read = secret_text(arn)

    assert read() == "first"
    manager.put_secret_value(SecretId=arn, SecretString="second")
    assert read() == "second"


def test_a_process_goes_on_when_the_password_is_changed(manager: Any):
    """With the login as RDS writes it, nothing else configured of the database, and none of it in the log."""
    with password_server() as server:

        def secret(password: str) -> str:
            server.execute(f"alter role orders password '{password}'")
            told = {"engine": "postgres", "host": "127.0.0.1", "port": server.port, "dbname": "postgres"}
            return json.dumps(told | {"username": "orders", "password": password})

        server.execute("create role orders login")
        arn = manager.create_secret(Name="database", SecretString=secret("hunter-one"))["ARN"]
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment |= {"SECRET_KEY": "k" * 50, "DATABASE_SECRET_ARN": arn, "LOG_LEVEL": "DEBUG"}
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", _CONNECT_TWICE]
        streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with running(command, cwd=ROOT, env=environment, text=True, **streams) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "orders\n"
            manager.put_secret_value(SecretId=arn, SecretString=secret("hunter-two"))
            said, complaints = process.communicate("go on\n", timeout=120)

    assert (process.returncode, said) == (0, "orders\n"), complaints
    assert "hunter" not in complaints


# Without the pause between two looks, which is for those who hammer.
_CONNECT_TWICE = """
from django.conf import settings
from django.db import connection

settings.DATABASE_SECRET._pause_seconds = 0

def who():
    with connection.cursor() as cursor:
        cursor.execute("select current_user")
        print(cursor.fetchone()[0], flush=True)

who()
input()
connection.close()
who()
"""


def test_what_aws_refuses_is_told(manager: Any):
    read = secret_text("arn:aws:secretsmanager:eu-west-1:123456789012:secret:missing-AbCdEf")

    with pytest.raises(RuntimeError, match=r"AWS Secrets Manager did not tell it .*ResourceNotFoundException"):
        read()


def test_nobody_to_ask_is_told(monkeypatch: pytest.MonkeyPatch):
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    with pytest.raises(RuntimeError, match="Could not connect"):
        secret_text("arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders-AbCdEf")()
