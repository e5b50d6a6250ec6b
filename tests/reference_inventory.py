"""A reference InventoryService in a thread, over real HTTP and the test database; faults at will."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from inventory_client import current
from inventory_client.faults import FaultyApplication, FaultyServer
from inventory_client.http import HttpInventory
from inventory_client.server.wsgi import InventoryApplication


@pytest.fixture
def reference_inventory(transactional_db: None) -> Iterator[FaultyServer]:
    """The running server: `.url` for INVENTORY_URL, `.faults.add(Fault(FaultKind.…))` for trouble."""
    with FaultyServer(FaultyApplication(InventoryApplication())) as server:
        yield server


@pytest.fixture
def remote(database: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """It fails on demand, and this service, told to use it, waits for its answers as long as it takes."""
    yield from _used(partial(HttpInventory, timeout_seconds=60, try_seconds=25), settings, monkeypatch)


@pytest.fixture
def remote_in_a_hurry(database: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """The same, for answers that do not come."""
    yield from _used(partial(HttpInventory, timeout_seconds=0.6), settings, monkeypatch)


def _used(
    make_client: Callable[..., HttpInventory], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultyServer]:
    with FaultyServer(FaultyApplication(InventoryApplication())) as server:
        client = make_client(server.url, hold_grace_seconds=settings.HOLD_GRACE_SECONDS)
        settings.INVENTORY_URL = server.url
        monkeypatch.setattr(current, "_inventory", lambda *settings: client)
        yield server
        client.close()
