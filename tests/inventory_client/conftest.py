from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import connection

from inventory_client.client import InventoryClient
from inventory_client.faults import FaultyServer
from inventory_client.http import HttpInventory
from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Stock
from tests.reference_inventory import reference_inventory

__all__ = ["reference_inventory"]

HttpInventoryFor = Callable[..., HttpInventory]


@pytest.fixture
def ledger(transactional_db: None) -> EmbeddedLedger:
    return EmbeddedLedger(hold_grace_seconds=120)


@pytest.fixture
def http_inventory(transactional_db: None) -> Iterator[HttpInventoryFor]:
    """Makes an HTTP client for a URL; closed after the test."""
    made: list[HttpInventory] = []

    def make(url: str, **options: object) -> HttpInventory:
        given = {"timeout_seconds": 2.5, "hold_grace_seconds": 120, **options}
        made.append(HttpInventory(url, **given))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture(params=["embedded", "http"])
def inventory(request: pytest.FixtureRequest, ledger: EmbeddedLedger) -> InventoryClient:
    """Each implementation in turn."""
    if request.param == "embedded":
        return ledger
    server: FaultyServer = request.getfixturevalue("reference_inventory")
    http: HttpInventory = request.getfixturevalue("http_inventory")(server.url)
    return http


@pytest.fixture
def reserved() -> Callable[[], dict[str, int]]:
    """Reads the reserved units of every product that has some."""

    def read() -> dict[str, int]:
        return dict(Stock.objects.filter(reserved__gt=0).values_list("product_id", "reserved"))

    return read


@pytest.fixture
def on_shelf() -> Callable[[], dict[str, tuple[int, int]]]:
    """Reads of every product the units on hand, and how many of them are reserved."""

    def read() -> dict[str, tuple[int, int]]:
        rows = Stock.objects.values_list("product_id", "on_hand", "reserved")
        return {product_id: (on_hand, held) for product_id, on_hand, held in rows}

    return read


@pytest.fixture
def other_session(transactional_db: None) -> Iterator[psycopg.Connection]:
    """A second session on the test database, in a transaction that ends with the test."""
    parameters = connection.get_connection_params()
    wanted = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters}
    with psycopg.connect(**wanted) as session:
        yield session


@pytest.fixture
def database_now() -> Callable[[], object]:
    def read() -> object:
        with connection.cursor() as cursor:
            cursor.execute("select clock_timestamp()")
            return cursor.fetchone()[0]

    return read
