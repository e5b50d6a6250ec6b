"""While a release is rolled out the one before goes on, on the schema of the new one: at the same orders, by turns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from inventory_client.stock import set_stock_levels
from orders.api.keys import make_key
from orders.models import Storefront
from orders.rules.scopes import Scope
from tests.chaos.live_server import environment
from tests.deploy.releases import ROOT, Server, code_of, manage, previous_release

pytestmark = pytest.mark.long

# A life, call by call: the operation, its body, and what the order is like afterwards.
_Story = list[tuple[str, dict[str, Any], str]]
_SOLD_AND_SENT_BACK: Final[_Story] = [
    ("record_payment", {"kind": "capture", "amount": 2598, "psp": "acme", "psp_reference": "<order>"}, "paid"),
    ("confirm", {}, "confirmed"),
    ("pack", {"items": [{"item_id": "<item>", "quantity": 1}]}, "confirmed"),
    ("ship", {"tracking_company": "DHL", "tracking_number": "JD014"}, "shipped"),
    ("request_return", {"cause": "unwanted", "items": [{"item_id": "<item>", "quantity": 1}]}, "shipped"),
    ("approve_return", {"return_id": "<return>"}, "shipped"),
    ("receive_return", {"return_id": "<return>"}, "shipped"),
    ("request_refund", {"return_id": "<return>"}, "shipped"),
    ("complete", {}, "completed"),
]
_GIVEN_UP: Final[_Story] = [
    ("amend", {"items": [{"item_id": "<item>", "quantity": 3}]}, "pending"),
    ("hold", {"kind": "fraud"}, "pending"),
    ("release_hold", {"hold_id": "<hold>"}, "pending"),
    ("confirm", {}, "confirmed"),
    ("cancel", {"cause": "out_of_stock"}, "canceled"),
    ("reinstate", {"reason": "they want it after all"}, "confirmed"),
    ("cancel", {"cause": "out_of_stock"}, "canceled"),
]
_PATHS: Final = {"<item>": "items", "<return>": "returns", "<hold>": "holds"}


@pytest.fixture(scope="module")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        release = previous_release()
    except LookupError as error:
        pytest.skip(str(error))
    return code_of(release, tmp_path_factory.mktemp("previous"))


@pytest.fixture
def key(storefront: Storefront) -> str:
    set_stock_levels({"cup": 1000})
    _, key = make_key(storefront, name="test", scopes=list(Scope))
    return key


def filled_in(body: Any, order: dict[str, Any]) -> Any:
    """The body with ids of the order's own: its first item, return, hold."""
    if isinstance(body, dict):
        return {name: filled_in(value, order) for name, value in body.items()}
    if isinstance(body, list):
        return [filled_in(part, order) for part in body]
    if body == "<order>":
        return f"pi-{order['id']}"
    return order[_PATHS[body]][0]["id"] if body in _PATHS else body


def live(story: _Story, turns: Iterator[Server], *, key: str) -> str:
    """Place an order and do to it what the story says, each call at the next server; return its id."""
    placed = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 2, "unit_amount": 1299}]}
    status, order = next(turns).call("POST", "/api/v1/orders", placed, key=key)
    assert status == 201, order
    for operation, body, expected in story:
        path = f"/api/v1/orders/{order['id']}/{operation}"
        status, order = next(turns).call("POST", path, filled_in(body, order), key=key)
        assert status == 200, (operation, order)
        assert expected in (order["status"], order["payment_status"]), (operation, order)
    status, read = next(turns).call("GET", f"/api/v1/orders/{order['id']}", key=key)
    assert (status, read["version"]) == (200, len(story) + 1)
    status, listed = next(turns).call("GET", f"/api/v1/orders?number={order['number']}", key=key)
    assert (status, [found["id"] for found in listed["results"]]) == (200, [order["id"]])
    return str(order["id"])


def by_turns(*servers: Server) -> Iterator[Server]:
    while True:
        yield from servers


def test_the_release_before_works_on_this_schema_by_itself_and_beside_this_one(
    key: str, old_code: Path, tmp_path: Path
):
    told = tmp_path / "events.ndjson"
    variables = environment(STATIC_ROOT=str(tmp_path), EVENT_SINKS=f"file:{told}", LOG_LEVEL="WARNING")
    old, new = Server(old_code, variables), Server(ROOT, variables)

    orders: list[str] = []
    with old.running(tmp_path / "old.log"), new.running(tmp_path / "new.log"):
        # The relay and the sweeper of the release before go on beside today's web server, then today's take over.
        for story, code in ((_SOLD_AND_SENT_BACK, old_code), (_GIVEN_UP, ROOT)):
            orders += [live(story, by_turns(*servers), key=key) for servers in ((old,), (old, new), (new, old), (new,))]
            for command in (("relay_events", "--once"), ("sweep", "--once")):
                done = manage(code, variables, *command)
                assert done.returncode == 0, (code, command, done.stderr)
    # As the notes of a release say, once it runs alone.
    repaired = manage(ROOT, variables, "reconcile_stock", "--repair")
    assert repaired.returncode in (0, 1), repaired.stderr
    examined = manage(ROOT, variables, "doctor")

    assert examined.returncode == 0, examined.stdout
    assert sorted(set(re.findall(r'"subject":"([^"]+)"', told.read_text()))) == sorted(orders)
    assert [
        line
        for line in (tmp_path / "old.log").read_text().splitlines()
        if re.search(r'"level": ?"(error|critical)"', line)
    ] == []
