"""The service over real HTTP, an inventory with faults, and what the tables say about the promises."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
import pytest
from django.conf import settings as project
from django.core.management import call_command
from django.test import Client

from inventory_client.current import get_inventory
from inventory_client.faults import FaultyApplication, FaultyServer
from inventory_client.http import HttpInventory
from inventory_client.server.wsgi import InventoryApplication
from orders.api.keys import make_key
from orders.models import Storefront
from orders.operations.kill_points import AmendmentPoint, PlacementPoint
from orders.rules.scopes import Scope
from tests.chaos.live_server import Answer, LiveServer, environment

Call = Callable[..., Answer]
Die = Callable[..., None]


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


@pytest.fixture(params=["embedded", "http"])
def inventory(request: pytest.FixtureRequest, database: None, settings: Any) -> Iterator[FaultyServer | None]:
    """The embedded ledger (None), spoken to in two calls; then an InventoryService over HTTP."""
    if request.param == "embedded":
        yield None
    else:
        with FaultyServer(FaultyApplication(InventoryApplication())) as server:
            settings.INVENTORY_URL = server.url
            yield server
            close_http_inventory()


def close_http_inventory() -> None:
    inventory = get_inventory()
    assert isinstance(inventory, HttpInventory)
    inventory.close()


@pytest.fixture
def die(api_key: str, inventory: FaultyServer | None) -> Die:
    """Send a POST to a process that is killed at the point named."""

    def run(point: PlacementPoint | AmendmentPoint, path: str, body: Mapping[str, Any], key: str) -> None:
        process = subprocess.run(
            [sys.executable, "-m", "tests.chaos.killed_request"],
            cwd=project.BASE_DIR,
            env=environment(KILL_AT=point, PLACE_AT_ONCE="0", INVENTORY_URL=inventory.url if inventory else ""),
            input=orjson.dumps({"path": path, "body": body, "headers": {"X-API-Key": api_key, "Idempotency-Key": key}}),
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert process.returncode == -signal.SIGKILL, process.stderr.decode()

    return run


@pytest.fixture
def repeat(api_key: str) -> Callable[..., Any]:
    """Send the POST again, to a process that lives."""
    client = Client(headers={"X-API-Key": api_key})

    def send(path: str, body: Mapping[str, Any], key: str) -> Any:
        return client.post(path, body, content_type="application/json", headers={"Idempotency-Key": key})

    return send
