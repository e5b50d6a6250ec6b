"""Each process logs one line when it starts: what it is, and what is configured. No secret is in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orders_project.env import without_login

ROOT = Path(__file__).resolve().parents[2]
MARKER = "hunter2"

SECRETS = {
    "SECRET_KEY": MARKER + "k" * 50,
    "METRICS_TOKEN": MARKER,
    "INVENTORY_TOKEN": MARKER,
    "CUSTOMER_TOKEN": MARKER,
    "INVALID_CUSTOMERS": MARKER,
}
URLS = {
    "INVENTORY_URL": f"https://{MARKER}:{MARKER}@stock.example/v1?token={MARKER}#{MARKER}",
    "CUSTOMER_URL": f"https://{MARKER}@customers.example?key={MARKER}",
    "EVENT_SINKS": f"amqp://{MARKER}:{MARKER}@broker.example/%2f?name=one,kafka://k.example/orders?sasl={MARKER}@x",
    "EVENT_SOURCES": f"redis://:{MARKER}@redis.example/0?stream=in",
    "EVENT_SCHEMA_BASE_URL": f"https://{MARKER}:{MARKER}@schemas.example/v1",
    "CSRF_TRUSTED_ORIGINS": f"https://{MARKER}:{MARKER}@orders.example",
    "ALLOWED_HOSTS": "orders.example",
}
# Numbers, switches, names and paths, none of which can be secret.
PLAIN = {
    "DEBUG": "0",
    "LOG_LEVEL": "warning",
    "LOG_FORMAT": "json",
    "PROMETHEUS_MULTIPROC_DIR": "/run/metrics",
    "STATIC_ROOT": "/srv/static",
    "PORT": "8080",
    "REVISION": "0123abc",
    "CLOUDWATCH_NAMESPACE": "Orders",
    "DATABASE_CONN_MAX_AGE": "60",
    "DATABASE_PREPARED_STATEMENTS": "0",
    "DATABASE_POOLER": "1",
    "LOCK_TIMEOUT_MS": "1000",
    "STATEMENT_TIMEOUT_MS": "10000",
    "EMBEDDED_PG": "0",
    "EMBEDDED_PG_HOME": "/srv/pg",
    "EMBEDDED_PG_BIN": "/usr/lib/postgresql/17/bin",
    "HTTPS": "0",
    "TRUST_PROXY_HEADERS": "1",
    "TRUSTED_PROXIES": "2",
    "REQUEST_THREADS": "4",
    "BODY_SECONDS": "20",
    "LOGIN_FAILURE_LIMIT": "6",
    "SECOND_FACTOR_GROUPS": "lead",
    "API_KEY_CACHE_SECONDS": "1",
    "API_KEY_LOOKUPS_PER_SECOND": "10",
    "MAX_BODY_BYTES": "1000000",
    "READS_PER_SECOND": "10",
    "WRITES_PER_SECOND": "10",
    "ANONYMOUS_REQUESTS_PER_SECOND": "10",
    "IDEMPOTENCY_KEY_DAYS": "8",
    "INVENTORY_TIMEOUT_SECONDS": "2",
    "PLACE_AT_ONCE": "0",
    "PLACE_TOGETHER": "0",
    "CUSTOMER_TIMEOUT_SECONDS": "1",
    "CUSTOMER_CACHE_SECONDS": "20",
    "HOLD_GRACE_SECONDS": "130",
    "RESERVATION_MINUTES": "60",
    "REJECTED_DAYS": "91",
    "BULK_RUN_DAYS": "31",
    "REQUESTED_LAG_WARNING_SECONDS": "61",
    "INBOX_DAYS": "36",
    "RELAY_LAG_WARNING_SECONDS": "61",
    "WEBHOOK_LOG_DAYS": "31",
    "WEBHOOK_ALLOW_PRIVATE": "1",
}
# One of them at a time.
_SECRET = json.dumps({"username": MARKER, "password": MARKER, "host": "database.example", "dbname": "orders"})
DATABASES = {
    "DATABASE_URL": f"postgres://{MARKER}:{MARKER}@database.example/orders?application_name={MARKER}",
    "DATABASE_SECRET": _SECRET,
    "DATABASE_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders",
}
_TELL = "from orders_project.starting import log_start; log_start('web')"


def _told(variables: dict[str, str]) -> tuple[str, dict[str, Any]]:
    environment = {"PATH": os.environ["PATH"], **variables}
    ran = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", _TELL],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stderr.splitlines()
    return line, json.loads(line)


@pytest.mark.parametrize("database", DATABASES)
def test_no_secret_is_in_it_wherever_one_may_stand(database: str):
    """In every variable of docs/configuration.md that may hold one."""
    variables = SECRETS | URLS | PLAIN | {"LOG_LEVEL": "INFO", database: DATABASES[database]}
    del variables["PROMETHEUS_MULTIPROC_DIR"]  # it would have to be there

    line, told = _told(variables)

    assert MARKER not in line
    configuration = told["configuration"]
    assert {name: configuration[name] for name in SECRETS} == dict.fromkeys(SECRETS, "set")
    assert configuration["INVENTORY_URL"] == "https://stock.example/v1"
    assert configuration["EVENT_SINKS"] == ["amqp://broker.example/%2f", "kafka://…"]
    assert configuration["LOCK_TIMEOUT_MS"] == 1000
    if database == "DATABASE_SECRET_ARN":
        assert configuration[database] == DATABASES[database]
    else:
        assert configuration[database] == "set"


def test_every_variable_is_known_to_be_secret_or_not():
    """Whoever adds one says here what of it may be shown."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    documented = {
        name for row in re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE) for name in re.findall(r"`([A-Z_]+)`", row)
    }

    assert documented == set(SECRETS | URLS | PLAIN | DATABASES)


def test_what_is_as_by_default_is_not_told():
    _, told = _told({"SECRET_KEY": "k" * 50, "EMBEDDED_PG": "0", "PORT": "8000", "LOG_LEVEL": "info"})

    assert told["configuration"] == {"EMBEDDED_PG": False, "SECRET_KEY": "set"}


def test_version_revision_and_process_are_told():
    _, told = _told({"SECRET_KEY": "k" * 50, "EMBEDDED_PG": "0", "REVISION": "0123abc"})

    assert (told["message"], told["process"]) == ("process started", "web")
    assert (told["version"], told["revision"]) == ("0.1.0", "0123abc")


@pytest.mark.parametrize("command", ["relay_events", "sweep", "place_requested", "consume_events"])
def test_a_command_that_runs_until_it_is_stopped_begins_with_it(command: str):
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "k" * 50, "EMBEDDED_PG": "0", "INBOX_DAYS": "36"}

    ran = subprocess.run(
        [sys.executable, "manage.py", command, "--traceback", "--no-such-option"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    told = json.loads(ran.stderr.splitlines()[0])
    assert (told["process"], told["configuration"]["INBOX_DAYS"]) == (command, 36)


def test_a_command_that_ends_by_itself_says_only_what_it_was_asked():
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "k" * 50, "EMBEDDED_PG": "0"}

    ran = subprocess.run(
        [sys.executable, "manage.py", "relay_events", "--help"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgres://database/orders", "postgres://database/orders"),
        ("amqp://user:pass@broker:5672/%2f?heartbeat=5", "amqp://broker:5672/%2f"),
        ("amqp://user:p@ss/word@broker/x", "amqp://broker/x"),
        ("amqp://user:p?ss@broker/x", "amqp://…"),
        ("amqp://user:p#ss@broker/x", "amqp://…"),
        ("file:/srv/events.ndjson", "file:/srv/events.ndjson"),
        ("sns:arn:aws:sns:eu-west-1:123456789012:orders.fifo", "sns:arn:aws:sns:eu-west-1:123456789012:orders.fifo"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str):
    assert without_login(url) == shown
