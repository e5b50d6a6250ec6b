"""`infra/bin/accept`: passes a service that is well, fails one that is not, and leaves nothing behind."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from inventory_client.models import Stock
from inventory_client.stock import set_stock_levels
from orders.api.keys import make_key
from orders.models import Order, Storefront
from orders.rules.scopes import Scope
from tests.chaos.live_server import environment
from tests.deploy.commands import ROOT
from tests.deploy.releases import Server

pytestmark = pytest.mark.long

ACCEPT: Final = ROOT / "infra/bin/accept"
SCOPES: Final = [Scope.ORDERS_READ, Scope.ORDERS_WRITE, Scope.SHIPMENTS_WRITE, Scope.PAYMENTS_WRITE]


@pytest.fixture
def service(storefront: Storefront, tmp_path: Path) -> Iterator[Server]:
    set_stock_levels({"cup": 2})
    with Server(ROOT, environment(STATIC_ROOT=str(tmp_path))).running(tmp_path / "log") as server:
        yield server


def accept(port: int, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("API_KEY", "PRODUCT", "DOCTOR")}
    command = [str(ACCEPT), f"http://127.0.0.1:{port}"]
    return subprocess.run(command, env=kept | variables, capture_output=True, text=True, check=False)


def lines(told: str, kind: str) -> list[str]:
    return [line for line in told.splitlines() if line.startswith(kind)]


def test_a_service_that_is_well_passes_twice_and_is_left_as_it_was(service: Server, storefront: Storefront):
    _, key = make_key(storefront, name="acceptance", scopes=SCOPES)
    doctor = shlex.join(
        ["env", f"DATABASE_URL={environment()['DATABASE_URL']}", "DEBUG=1", sys.executable, "manage.py", "doctor"]
    )

    for _ in range(2):
        told = accept(service.port, API_KEY=key, DOCTOR=f"cd {shlex.quote(str(ROOT))} && {doctor}")

        assert (told.returncode, told.stderr) == (0, ""), told.stdout
        assert len(lines(told.stdout, "ok ")) == 16
        assert lines(told.stdout, "WRONG") == []

    assert set(Order.all_objects.values_list("status", flat=True)) == {"canceled"}
    assert Order.all_objects.count() == 4
    assert list(Stock.objects.values_list("product_id", "on_hand", "reserved")) == [("cup", 2, 0)]


def test_what_is_not_as_it_should_be_is_told_and_taken_back(service: Server, storefront: Storefront):
    _, key = make_key(storefront, name="acceptance", scopes=[Scope.ORDERS_READ, Scope.ORDERS_WRITE])

    told = accept(service.port, API_KEY=key)

    assert told.returncode == 1
    (wrong,) = lines(told.stdout, "WRONG")
    assert "it is shipped: " in wrong
    assert "missing_scope" in wrong
    assert "the doctor was not asked" in told.stdout
    assert list(Order.objects.values_list("status", flat=True)) == ["canceled"]


def test_an_order_that_an_ended_run_has_left_is_canceled_by_the_next(service: Server, storefront: Storefront):
    _, key = make_key(storefront, name="acceptance", scopes=SCOPES)
    body = {"customer_id": "acceptance", "external_reference": "acceptance-1", "items": [_CUP]}
    other = {"customer_id": "acceptance", "external_reference": "mine", "items": [_CUP]}
    (left, kept) = (service.call("POST", "/api/v1/orders", asked, key=key)[1]["id"] for asked in (body, other))
    set_stock_levels({"cup": 3})

    told = accept(service.port, API_KEY=key)

    assert told.returncode == 0, told.stdout
    assert (Order.objects.get(pk=left).status, Order.objects.get(pk=kept).status) == ("canceled", "pending")


_CUP: Final[dict[str, Any]] = {"product_id": "cup", "quantity": 1}


def test_a_doctor_who_finds_something_fails_it(service: Server, storefront: Storefront):
    _, key = make_key(storefront, name="acceptance", scopes=SCOPES)

    told = accept(service.port, API_KEY=key, DOCTOR="echo stock_not_as_reservations; exit 1")

    assert told.returncode == 1
    assert "stock_not_as_reservations" in told.stdout


def test_a_service_that_is_away_and_a_call_without_a_key_are_told_apart(tmp_path: Path):
    assert accept(9, API_KEY="k").returncode == 1
    assert "got no answer" in accept(9, API_KEY="k").stdout
    assert accept(9).returncode == 2
