"""The service over real HTTP, an inventory with faults, and what the tables say about the promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command

from orders.api_keys import make_key
from orders.models import Storefront
from orders.scopes import Scope
from tests.chaos.live_server import Answer, LiveServer

Call = Callable[..., Answer]


@pytest.fixture(scope="package")
def server(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """Two worker processes with two threads each, as in production."""
    with django_db_blocker.unblock():
        live = LiveServer(tmp_path_factory.mktemp("server"))
    with live:
        yield live


@pytest.fixture
def api_key(storefront: Storefront) -> str:
    """A key of the storefront `au` with all scopes."""
    return make_key(storefront, name="chaos", scopes=list(Scope))[1]


@pytest.fixture
def call(server: LiveServer, api_key: str) -> Call:
    """Ask the live server: `call("POST", "/api/v1/orders", {…}, **{"Idempotency-Key": "k"})`."""

    def ask(method: str, path: str, body: object = None, **headers: str) -> Answer:
        return server.call(method, path, body, headers={"X-API-Key": api_key, **headers})

    return ask


@pytest.fixture
def sweep(settings: Any) -> Callable[[], None]:
    """Run the sweeper as if every hold were old enough."""

    def run() -> None:
        grace = settings.HOLD_GRACE_SECONDS
        settings.HOLD_GRACE_SECONDS = 0
        try:
            call_command("sweep", "--once")
        finally:
            settings.HOLD_GRACE_SECONDS = grace

    return run
