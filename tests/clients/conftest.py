"""The OpenAPI document as it is served, the running service, and what makes clients of the one for the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from orders.api.keys import make_key
from orders.models import Storefront
from orders.rules.scopes import Scope
from tests.chaos.live_server import LiveServer
from tests.clients import toolchain


@pytest.fixture(scope="package", autouse=True)
def installed() -> None:
    try:
        toolchain.install()
    except toolchain.ToolchainMissing as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture(scope="package")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_bytes(Client(headers={"Accept": "application/json"}).get("/api/schema/").content)
    return path


@pytest.fixture(scope="package")
def server(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    with django_db_blocker.unblock():
        live = LiveServer(tmp_path_factory.mktemp("server"), workers=1)
    with live:
        yield live


@pytest.fixture
def address(server: LiveServer) -> str:
    return server.address


@pytest.fixture
def api_key(storefront: Storefront, stock: Any) -> str:
    """A key of a storefront that has 10 of abc123."""
    stock(abc123=10)
    return make_key(storefront, name="clients", scopes=list(Scope))[1]
