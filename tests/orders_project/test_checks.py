import os
import subprocess
import sys
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from orders_project import checks


def _ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


def test_the_settings_as_they_are_pass():
    found = [
        *checks.check_database(None),
        *checks.check_numbers(None),
        *checks.check_hold_grace(None),
        *checks.check_inventory_url(None),
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
    "name",
    [
        "API_KEY_LOOKUPS_PER_SECOND",
        "BODY_SECONDS",
        "HOLD_GRACE_SECONDS",
        "IDEMPOTENCY_KEY_DAYS",
        "INVENTORY_TIMEOUT_SECONDS",
        "LOGIN_FAILURE_LIMIT",
        "RELAY_LAG_WARNING_SECONDS",
        "REQUEST_THREADS",
        "RESERVATION_MINUTES",
    ],
)
@pytest.mark.parametrize("value", [0, -1])
def test_refuses_numbers_that_are_not_positive(settings: Settings, name: str, value: int):
    setattr(settings, name, value)

    (error,) = checks.check_numbers(None)

    assert error.id == "orders_project.E004"
    assert error.msg == f"{name} is {value}; it has to be more than 0."


@pytest.mark.parametrize(
    "name",
    ["ANONYMOUS_REQUESTS_PER_SECOND", "API_KEY_CACHE_SECONDS", "READS_PER_SECOND", "WRITES_PER_SECOND"],
)
def test_refuses_limits_below_nothing(settings: Settings, name: str):
    setattr(settings, name, 0)
    assert checks.check_numbers(None) == []

    setattr(settings, name, -1)
    (error,) = checks.check_numbers(None)

    assert error.msg == f"{name} is -1; it has to be 0 or more."


def test_a_number_is_told_by_the_name_of_its_variable(settings: Settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 0

    assert checks.check_numbers(None)[0].msg == "MAX_BODY_BYTES is 0; it has to be more than 0."


@pytest.mark.parametrize(("grace", "expected"), [(35, ["orders_project.E005"]), (36, [])])
def test_a_hold_must_outlive_the_slowest_placement(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, grace: int, expected: list[str]
):
    options = {"options": "-c lock_timeout=2000 -c statement_timeout=15000"}
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", options)
    settings.INVENTORY_TIMEOUT_SECONDS = 2.5
    settings.HOLD_GRACE_SECONDS = grace

    assert _ids(checks.check_hold_grace(None)) == expected


@pytest.mark.parametrize("url", ["", "http://inventory:8100", "https://stock.example/api"])
def test_accepts_an_inventory_that_can_be_called(settings: Settings, url: str):
    settings.INVENTORY_URL = url

    assert checks.check_inventory_url(None) == []


@pytest.mark.parametrize("url", ["inventory:8100", "ftp://inventory", "http://", "/inventory"])
def test_refuses_an_inventory_that_cannot_be_called(settings: Settings, url: str):
    settings.INVENTORY_URL = url

    assert _ids(checks.check_inventory_url(None)) == ["orders_project.E006"]


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
