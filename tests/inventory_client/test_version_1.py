"""An InventoryService that keeps version 1 of the contract knows nothing of shipped units, and goes on working."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import UUID

import pytest

from inventory_client.errors import InventoryUnavailable, StockShortage
from inventory_client.faults import FaultyApplication, FaultyServer
from inventory_client.http import HttpInventory
from inventory_client.models import Stock
from inventory_client.server.wsgi import InventoryApplication
from inventory_client.stock import set_stock_levels
from inventory_client.values import Held, HoldRequest, ShortLine

A = UUID("01920000-0000-7000-8000-00000000000a")
B = UUID("01920000-0000-7000-8000-00000000000b")


class VersionOne:
    """The reference service as it was. `strict`: fields it does not know are refused, otherwise they are not read."""

    def __init__(self, *, strict: bool) -> None:
        self._service = InventoryApplication()
        self._strict = strict
        self.bodies: list[Any] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "PUT":
            body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            self.bodies.append(body["lines"])
            if self._strict and any("shipped" in line for line in body["lines"]):
                start_response("400 Bad Request", [("Content-Type", "application/problem+json")])
                return [b'{"status": 400, "code": "malformed_request", "title": "Unknown field."}']
            lines = [{name: line[name] for name in ("product_id", "quantity")} for line in body["lines"]]
            read = json.dumps({**body, "lines": lines}).encode()
            environ = {**environ, "wsgi.input": io.BytesIO(read), "CONTENT_LENGTH": str(len(read))}
        return [self._as_it_was(b"".join(self._service(environ, start_response)))]

    def _as_it_was(self, answer: bytes) -> bytes:
        """As long as it was, so that the length that is told is right."""
        for told in (b',"shipped":0', b', "shipped": 0'):
            answer = answer.replace(told, b" " * len(told))
        return answer


@pytest.fixture(params=["strict", "lenient"])
def service(request: pytest.FixtureRequest, transactional_db: None) -> VersionOne:
    set_stock_levels({"cup": 5, "plate": 5})
    return VersionOne(strict=request.param == "strict")


@pytest.fixture
def inventory(service: VersionOne, http_inventory: Callable[[str], HttpInventory]) -> Iterator[HttpInventory]:
    with FaultyServer(FaultyApplication(service)) as server:
        yield http_inventory(server.url)


def test_what_is_held_and_not_shipped_is_told_in_words_of_version_1(inventory, service):
    (held,) = inventory.hold([HoldRequest(A, {"cup": 2})])

    assert isinstance(held, Held)
    assert service.bodies == [[{"product_id": "cup", "quantity": 2}]]


def test_what_is_shipped_stays_reserved_there_and_its_state_says_nothing_of_it(inventory):
    inventory.hold([HoldRequest(A, {"cup": 2, "plate": 1})])

    (told,) = inventory.hold([HoldRequest(A, {"cup": 2, "plate": 1}, 2, shipped={"cup": 2})])

    assert isinstance(told, Held)
    assert (inventory.get(A).lines, inventory.get(A).shipped) == ({"cup": 2, "plate": 1}, None)
    assert Stock.objects.values_list("on_hand", "reserved").get(pk="cup") == (5, 2)


def test_units_that_come_back_are_free_and_no_more_than_there_are_is_held(inventory):
    inventory.hold([HoldRequest(A, {"cup": 5}, 1, shipped={"cup": 5})])

    inventory.hold([HoldRequest(A, {"cup": 3}, 2, shipped={"cup": 3})])
    (short,) = inventory.hold([HoldRequest(B, {"cup": 3}, 1, shipped={"cup": 1})])
    (held,) = inventory.hold([HoldRequest(B, {"cup": 2}, 1, shipped={"cup": 1})])

    assert isinstance(short, StockShortage)
    assert short.lines == [ShortLine("cup", 3, 2)]
    assert isinstance(held, Held)


def test_the_same_again_joins(inventory):
    shipped = HoldRequest(A, {"cup": 2}, 2, shipped={"cup": 1})
    inventory.hold([shipped])

    (again,) = inventory.hold([shipped])

    assert again.joined


def test_a_request_that_it_cannot_read_at_all_is_a_failure_still(http_inventory, service):
    def refuses_everything(environ: Any, start_response: Any) -> list[bytes]:
        start_response("400 Bad Request", [("Content-Type", "application/problem+json")])
        return [b'{"status": 400, "code": "malformed_request", "title": "No."}']

    with FaultyServer(FaultyApplication(refuses_everything)) as server:
        (outcome,) = http_inventory(server.url).hold([HoldRequest(A, {"cup": 2}, 2, shipped={"cup": 1})])

    assert isinstance(outcome, InventoryUnavailable)
