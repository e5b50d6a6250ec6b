"""A database server that is stopped and started under everything that runs: refused for a while, and nothing lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings

from orders_project.embedded_pg import Cluster
from tests.chaos.live_server import LiveServer, environment
from tests.processes import running

pytestmark = pytest.mark.slow

ORDER = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
# What a shop needs, told to a process of the service.
OPEN_SHOP = """
import django
django.setup()
from inventory_client.stock import set_stock_levels
from orders.api.keys import make_key
from orders.models import Storefront
from orders.rules.scopes import Scope
set_stock_levels({"cup": 10})
shop = Storefront.objects.create(code="au", name="Australia", number_prefix="AU")
print(make_key(shop, name="chaos", scopes=list(Scope))[1])
"""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A server of its own: the others' goes on."""
    monkeypatch.delenv("EMBEDDED_PG_HOME", raising=False)
    directory = Path(tempfile.mkdtemp(prefix="stopped-"))
    directory.chmod(0o755)
    own = Cluster(directory)
    own.ensure()
    yield own
    own.reset()
    shutil.rmtree(directory)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@contextmanager
def managing(*arguments: str, variables: dict[str, str], log: Path) -> Iterator[Any]:
    command = [sys.executable, "manage.py", *arguments]
    with (
        log.open("wb") as output,
        running(command, cwd=settings.BASE_DIR, env=variables, stdout=output, stderr=output) as process,
    ):
        yield process
        process.terminate()
        process.wait(60)


def test_a_server_that_is_stopped_and_started_costs_refusals_and_nothing_else(
    cluster: Cluster, tmp_path: Path, database: None
) -> None:
    told = tmp_path / "events.ndjson"
    variables = {
        "DATABASE_URL": f"postgres://orders@{quote(cluster.ensure(), safe='')}/orders",
        "EVENT_SINKS": f"file:{told}",
    }
    ours = environment(STATIC_ROOT=str(tmp_path), **variables)
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=ours, check=True)
    shop = subprocess.run([sys.executable, "-c", OPEN_SHOP], env=ours, check=True, capture_output=True, text=True)
    key = {"X-API-Key": shop.stdout.strip()}

    def orders_told() -> set[str]:
        lines = told.read_text().splitlines() if told.exists() else []
        return {json.loads(line)["subject"] for line in lines}

    with ExitStack() as stack:
        relay = stack.enter_context(managing("relay_events", variables=ours, log=tmp_path / "relay.log"))
        sweeper = stack.enter_context(managing("sweep", "--every", "0.2", variables=ours, log=tmp_path / "sweep.log"))
        server = stack.enter_context(LiveServer(tmp_path, workers=1, **variables))
        before = server.call("POST", "/api/v1/orders", ORDER, headers=key)
        wait_until(lambda: len(orders_told()) == 1)

        cluster.stop()
        refused = [server.call("POST", "/api/v1/orders", ORDER, headers=key) for _ in range(3)]
        alive, ready = server.call("GET", "/healthz").status, server.call("GET", "/readyz").status
        wait_until(lambda: "sweep failed; it is tried again" in (tmp_path / "sweep.log").read_text())
        cluster.ensure()
        after = server.call("POST", "/api/v1/orders", ORDER, headers=key)

        wait_until(lambda: len(orders_told()) == 2)
        wait_until(lambda: server.call("GET", "/readyz").status == 200)  # told for a second at most
        listed = server.call("GET", "/api/v1/orders", headers=key).json()["results"]
        assert (relay.poll(), sweeper.poll()) == (None, None)

    assert [(answer.status, answer.code, answer.headers["Retry-After"]) for answer in refused] == [
        (503, "database_unavailable", "5")
    ] * 3
    assert (alive, ready) == (200, 503)
    assert (before.status, after.status) == (201, 201)
    assert {order["id"] for order in listed} == {before.json()["id"], after.json()["id"]}
