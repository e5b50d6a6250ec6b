from collections.abc import Callable, Iterator

import pytest

from customer_client.http import HttpCustomers
from tests.reference_customers import customers

__all__ = ["customers"]

HttpCustomersFor = Callable[..., HttpCustomers]


@pytest.fixture
def http_customers() -> Iterator[HttpCustomersFor]:
    """Makes a client for a URL; closed after the test."""
    made: list[HttpCustomers] = []

    def make(url: str, **options: object) -> HttpCustomers:
        given = {"timeout_seconds": 2.5, "cache_seconds": 60, **options}
        made.append(HttpCustomers(url, **given))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for client in made:
        client.close()
