"""A reference InventoryService in a thread, over real HTTP and the test database; faults at will."""

from collections.abc import Iterator

import pytest

from inventory_client.faults import FaultyApplication, FaultyServer
from inventory_client.server.wsgi import InventoryApplication


@pytest.fixture
def reference_inventory(transactional_db: None) -> Iterator[FaultyServer]:
    """The running server: `.url` for INVENTORY_URL, `.faults.add(Fault(FaultKind.…))` for trouble."""
    with FaultyServer(FaultyApplication(InventoryApplication())) as server:
        yield server
