"""Hosts, URLs, tokens and directories that cannot be what they are for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from orders_project import text_checks as checks


def _ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


def test_the_settings_as_they_are_pass():
    found = [
        *checks.check_inventory_url(None),
        *checks.check_customer_url(None),
        *checks.check_metrics_directory(None),
        *checks.check_static_root(None),
        *checks.check_allowed_hosts(None),
        *checks.check_schema_base_url(None),
        *checks.check_tokens(None),
    ]

    assert found == []


@pytest.mark.parametrize("url", ["", "http://inventory:8100", "https://stock.example/api", "http://[::1]:8001"])
def test_takes_an_inventory_that_can_be_called(settings: Settings, url: str):
    settings.INVENTORY_URL = url

    assert checks.check_inventory_url(None) == []


@pytest.mark.parametrize(
    "url",
    ["inventory:8100", "ftp://inventory", "http://", "/inventory", "http://[::1", "http://h:99999", "http://h:0"],
)
def test_refuses_an_inventory_that_cannot_be_called(settings: Settings, url: str):
    settings.INVENTORY_URL = url

    assert _ids(checks.check_inventory_url(None)) == ["orders_project.E006"]


@pytest.mark.parametrize(
    ("url", "found"), [("", []), ("https://crm.example/api", []), ("crm:8100", ["orders_project.E012"])]
)
def test_takes_a_customer_service_that_can_be_called(settings: Settings, url: str, found: list[str]):
    settings.CUSTOMER_URL = url

    assert _ids(checks.check_customer_url(None)) == found


def test_refuses_a_place_for_counts_that_is_no_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "file").touch()

    for place in (tmp_path / "missing", tmp_path / "file", ""):
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(place))
        (error,) = checks.check_metrics_directory(None)
        assert error.msg == (
            f"PROMETHEUS_MULTIPROC_DIR is {str(place)!r}; expected a directory this user can write to."
        )
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert checks.check_metrics_directory(None) == []


def test_refuses_a_file_where_static_files_shall_be(settings: Settings, tmp_path: Path):
    (tmp_path / "file").touch()

    settings.STATIC_ROOT = tmp_path / "file"
    assert _ids(checks.check_static_root(None)) == ["orders_project.E008"]
    settings.STATIC_ROOT = tmp_path / "still to be made"
    assert checks.check_static_root(None) == []


@pytest.mark.parametrize("host", ["https://orders.example", "orders.example:443", "orders.example/api", "a b", "[::1"])
def test_refuses_hosts_that_no_request_can_name(settings: Settings, host: str):
    settings.ALLOWED_HOSTS = ["orders.example", host]

    (error,) = checks.check_allowed_hosts(None)
    assert error.msg == f"ALLOWED_HOSTS names {host!r}; expected a host name, without scheme, port or path."


def test_takes_names_addresses_and_what_django_reads_more_into(settings: Settings):
    settings.ALLOWED_HOSTS = ["orders", "orders.example", "10.0.0.7", "[fe80::1]", ".example.com", "*", "a_b"]

    assert checks.check_allowed_hosts(None) == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/api/events/schemas", []),
        ("https://orders.example/schemas", []),
        ("", ["orders_project.E010"]),
        ("orders.example/schemas", ["orders_project.E010"]),
    ],
)
def test_the_address_of_schemas_can_be_resolved(settings: Settings, url: str, expected: list[str]):
    settings.EVENT_SCHEMA_BASE_URL = url

    assert _ids(checks.check_schema_base_url(None)) == expected


@pytest.mark.parametrize("name", ["INVENTORY_TOKEN", "METRICS_TOKEN"])
@pytest.mark.parametrize("token", ["two words", "two\nlines", "schlüssel"])
def test_refuses_tokens_that_no_header_carries_and_does_not_show_them(settings: Settings, name: str, token: str):
    setattr(settings, name, token)

    (error,) = checks.check_tokens(None)
    assert error.msg.startswith(f"{name} holds a space, a line break or a letter beyond ASCII")
    assert token not in error.msg
