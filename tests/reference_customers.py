"""A reference CustomerService in a thread, over real HTTP; faults at will."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

import msgspec
import pytest

from customer_client import current
from customer_client.http import HttpCustomers
from customer_client.server import application
from remote_calls.faults import Fault, FaultKind, FaultyApplication, FaultyServer


class Customers:
    """The reference server; some of its customers are known and not active. `asked` is who, for which storefront."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.inactive: set[str] = set()
        self.faulty = FaultyApplication(self, below="/customers")
        self.url = ""

    def fail(self, kind: FaultKind, *, times: int = 8, seconds: float = 1.0) -> None:
        """More often than the client tries."""
        self.faulty.add(*[Fault(kind, seconds=seconds)] * times)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        customer_id = environ["PATH_INFO"].removeprefix("/customers/").encode("latin-1").decode(errors="replace")
        self.asked.append((customer_id, *parse_qs(environ["QUERY_STRING"]).get("storefront", [])))
        if customer_id not in self.inactive:
            return application(environ, start_response)
        body = msgspec.json.encode({"customer_id": customer_id, "active": False})
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


@pytest.fixture
def customers(settings: Any) -> Iterator[Customers]:
    """The running server, and this service told to ask it. It knows everybody but zyx-321."""
    service = Customers()
    with FaultyServer(service.faulty) as server:
        service.url = settings.CUSTOMER_URL = server.url
        settings.INVALID_CUSTOMERS = ["zyx-321"]
        settings.CUSTOMER_TIMEOUT_SECONDS = 0.6
        settings.CUSTOMER_CACHE_SECONDS = 60.0
        yield service
        if isinstance(client := current.get_customers(), HttpCustomers):
            client.close()
        current._http_customers.cache_clear()
