import os
import subprocess
import sys
from typing import Any

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from orders_project import checks


def _ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


def test_the_settings_as_they_are_pass():
    found = [
        *checks.check_database(None),
        *checks.check_numbers(None),
        *checks.check_lock_timeout(None),
        *checks.check_hold_grace(None),
    ]

    assert found == []


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("ATOMIC_REQUESTS", True, "orders_project.E002"),
        ("AUTOCOMMIT", False, "orders_project.E003"),
    ],
)
def test_refuses_transactions_that_are_not_the_operations(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, option: str, value: bool, expected: str
):
    monkeypatch.setitem(settings.DATABASES["default"], option, value)

    assert _ids(checks.check_database(None)) == [expected]


@pytest.mark.parametrize(
    ("name", "impossible", "expected"),
    [
        ("ANONYMOUS_REQUESTS_PER_SECOND", [-1, 1e-300, 1e308], "from 0.001 to 1,000,000, or 0: no limit"),
        ("API_KEY_CACHE_SECONDS", [-1, 3601], "from 0 to 3,600"),
        ("API_KEY_LOOKUPS_PER_SECOND", [0, -1, 1e308], "from 0.001 to 1,000,000"),
        ("BODY_SECONDS", [0, -1, 3601], "from 0.1 to 3,600"),
        ("DATABASE_CONN_MAX_AGE", [-1, 10**400], "from 0 to 31,536,000"),
        ("HOLD_GRACE_SECONDS", [0, -1, 86_401], "from 1 to 86,400"),
        ("IDEMPOTENCY_KEY_DAYS", [0, -1, 10**9], "from 1 to 3,650"),
        ("INVENTORY_TIMEOUT_SECONDS", [0, -1, 3601], "from 0.001 to 3,600"),
        ("LOCK_TIMEOUT_MS", [0, -1, 2**31], "from 1 to 3,600,000"),
        ("LOGIN_FAILURE_LIMIT", [0, -1, 1001], "from 1 to 1,000"),
        ("READS_PER_SECOND", [-1, 1e308], "from 0.001 to 1,000,000, or 0: no limit"),
        ("RELAY_LAG_WARNING_SECONDS", [0, -1, 10**9], "from 1 to 2,592,000"),
        ("REQUEST_THREADS", [0, -1, 257], "from 1 to 256"),
        ("RESERVATION_MINUTES", [0, -1, 10**12], "from 1 to 5,256,000"),
        ("STATEMENT_TIMEOUT_MS", [0, -1, 2**31], "from 1 to 3,600,000"),
        ("TRUSTED_PROXIES", [-1, 101], "from 0 to 100"),
        ("WRITES_PER_SECOND", [-1, 1e308], "from 0.001 to 1,000,000, or 0: no limit"),
    ],
)
def test_refuses_numbers_with_which_nothing_can_work(
    settings: Settings, name: str, impossible: list[float], expected: str
):
    for value in impossible:
        setattr(settings, name, value)

        (error,) = checks.check_numbers(None)

        assert error.id == "orders_project.E004"
        assert error.msg == f"{name} is {value}; expected a number {expected}."


@pytest.mark.parametrize(
    ("name", "value"), [("READS_PER_SECOND", 0), ("API_KEY_CACHE_SECONDS", 0), ("TRUSTED_PROXIES", 0)]
)
def test_takes_nought_where_it_has_a_meaning(settings: Settings, name: str, value: int):
    setattr(settings, name, value)

    assert checks.check_numbers(None) == []


def test_a_number_is_told_by_the_name_of_its_variable(settings: Settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 0

    (error,) = checks.check_numbers(None)
    assert error.msg == "MAX_BODY_BYTES is 0; expected a number from 1 to 1,000,000,000."


@pytest.mark.parametrize(("lock", "expected"), [(14_999, []), (15_000, ["orders_project.W004"])])
def test_waiting_for_a_lock_ends_before_the_statement_does(settings: Settings, lock: int, expected: list[str]):
    settings.LOCK_TIMEOUT_MS = lock

    assert _ids(checks.check_lock_timeout(None)) == expected


@pytest.mark.parametrize(("grace", "expected"), [(35, ["orders_project.E005"]), (36, [])])
def test_a_hold_must_outlive_the_slowest_placement(settings: Settings, grace: int, expected: list[str]):
    settings.STATEMENT_TIMEOUT_MS = 15_000
    settings.INVENTORY_TIMEOUT_SECONDS = 2.5
    settings.HOLD_GRACE_SECONDS = grace

    assert _ids(checks.check_hold_grace(None)) == expected


def test_behind_a_pooler_the_role_must_have_the_settings(settings: Settings, database: None):
    settings.DATABASE_POOLER = True
    settings.SESSION_SETTINGS = {"lock_timeout": "2500", "statement_timeout": "15000", "jit": "off"}
    with connection.cursor() as cursor:
        cursor.execute("select current_user, current_database()")
        user, name = cursor.fetchone()

    (warning,) = checks.check_pooler(None, databases=["default"])

    assert warning.id == "orders_project.W006"
    assert warning.msg.endswith("and it has others: lock_timeout is 2000.")
    assert str(warning.hint).startswith(f"Run in psql: alter role {user} in database {name} set lock_timeout = 2500; ")
    settings.SESSION_SETTINGS = {"lock_timeout": "2000"}
    assert checks.check_pooler(None, databases=["default"]) == []
    assert checks.check_pooler(None) == []


def test_warns_of_a_developers_settings_in_production(settings: Settings):
    settings.EMBEDDED_PG = object()
    settings.LOGGING = {"level": "INFO", "format": "console"}
    settings.EVENT_SINKS = []

    assert _ids(checks.check_production(None)) == [
        "orders_project.W001",
        "orders_project.W002",
        "orders_project.W003",
    ]


def test_production_settings_pass_djangos_deployment_checks_without_a_database():
    production = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "3yV-" + "q8Zr_Wm2" * 8,
        "ALLOWED_HOSTS": "orders.example",
        "DATABASE_URL": "postgres://orders@127.0.0.1:1/orders",
    }

    ran = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env=production,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("System check identified no issues")


def test_refuses_a_database_that_is_not_postgresql():
    settings = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "3yV-" + "q8Zr_Wm2" * 8,
        "DATABASE_URL": "sqlite://:memory:",
        "DEBUG": "1",
    }

    ran = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env=settings,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 1
    assert "(orders_project.E001) The database engine is django.db.backends.sqlite3" in ran.stderr


def test_a_server_does_not_start_with_what_cannot_be():
    settings = {"PATH": os.environ["PATH"], "SECRET_KEY": "k" * 50, "EMBEDDED_PG": "0", "READS_PER_SECOND": "-1"}

    ran = subprocess.run(
        [sys.executable, "manage.py", "serve"], env=settings, capture_output=True, text=True, timeout=120
    )

    assert ran.returncode == 1
    assert "(orders_project.E004) READS_PER_SECOND is -1.0; expected a number from 0.001 to 1,000,000" in ran.stderr
