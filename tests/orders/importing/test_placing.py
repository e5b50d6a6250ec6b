import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.utils import timezone

from events.models import Event
from inventory_client.models import Stock
from orders.models import Order, Storefront
from tests.orders.importing.lines import line
from tests.processes import running


def test_places_each_line_now_and_holds_its_stock(run_import, stock):
    stock(cup=10)

    done = run_import(line("r1") + line("r2"), "--place")

    assert done.code == 0
    assert "Read 2 lines: 2 placed, 0 skipped, 0 refused." in done.report
    assert Stock.objects.get(pk="cup").reserved == 4
    order = Order.objects.get(external_reference="r1")
    assert (order.status, order.payment_status, order.total_amount) == ("pending", "unpaid", 2500)
    assert timezone.now() - order.placed_at < timedelta(minutes=10)
    assert order.reservation_id is not None
    assert set(Event.objects.values_list("type", "actor")) == {("order.created", "system:import_orders")}


def test_a_second_run_holds_no_more_stock(run_import, stock):
    stock(cup=10)
    run_import(line("r1") + line("r2"), "--place")

    again = run_import(line("r1") + line("r2"), "--place")

    assert (again.code, "0 placed, 2 skipped" in again.report) == (0, True)
    assert Stock.objects.get(pk="cup").reserved == 4


def test_what_stock_does_not_suffice_for_is_refused_in_words(run_import, stock):
    stock(cup=3)
    bowl = [{"product_id": "bowl", "quantity": 1, "unit_amount": 2000}]

    done = run_import(line("r1") + line("r2") + line("r3", items=bowl), "--place")

    assert done.code == 3
    assert done.report.splitlines() == [
        "Read 3 lines: 1 placed, 0 skipped, 2 refused.",
        "Refused:",
        "  line 2 (r2): No order was placed; there is not enough stock. cup: 2 wanted, 1 available.",
        "  line 3 (r3): The inventory does not know: bowl. No order was placed.",
    ]
    assert Stock.objects.get(pk="cup").reserved == 2


def test_what_was_refused_is_placed_when_there_is_stock(run_import, stock):
    stock(cup=3)
    run_import(line("r1") + line("r2"), "--place")
    stock(cup=4)

    again = run_import(line("r1") + line("r2"), "--place")

    assert "1 placed, 1 skipped, 0 refused" in again.report
    assert Stock.objects.get(pk="cup").reserved == 4


def test_a_reference_that_stands_twice_is_placed_once(run_import, stock):
    stock(cup=10)

    done = run_import(line("r1") + line("r1"), "--place")

    assert "1 placed, 1 skipped, 0 refused" in done.report
    assert Stock.objects.get(pk="cup").reserved == 2


def test_orders_of_several_storefronts_and_batches_are_reported_in_their_order(run_import, stock):
    stock(cup=1000)
    lines = [line(f"r{number}", storefront=f"shop-{number % 2}") for number in range(230)]
    lines[101] = line("r101", storefront="shop-1", total_amount=1)

    done = run_import("".join(lines), "--place", "--batch=220")

    assert "Read 230 lines: 229 placed, 0 skipped, 1 refused." in done.report
    assert "line 102 (r101)" in done.report
    assert Storefront.objects.count() == 2
    assert Stock.objects.get(pk="cup").reserved == 458


@pytest.mark.parametrize("kill_at", ["after_hold", "before_write", "after_write"])
def test_killed_and_run_again_it_holds_each_orders_stock_once(command_environment, manage_py, tmp_path, stock, kill_at):
    stock(cup=4)
    (tmp_path / "orders.ndjson").write_text(line("r1") + line("r2"))
    command = [sys.executable, str(manage_py), "import_orders", str(tmp_path / "orders.ndjson"), "--place"]

    killed = subprocess.run(command, env=command_environment | {"KILL_AT": kill_at, "PLACE_AT_ONCE": "0"})
    again = subprocess.run(command, env=command_environment, capture_output=True, text=True)

    assert killed.returncode == -9
    assert again.returncode == 0, again.stdout
    assert Order.objects.count() == 2
    assert Stock.objects.get(pk="cup").reserved == 4


def test_two_at_once_place_each_order_once(command_environment, manage_py, tmp_path, stock):
    stock(cup=400)
    (tmp_path / "orders.ndjson").write_text("".join(line(f"r{number}") for number in range(200)))

    with ExitStack() as started:
        racing = [
            started.enter_context(running(
                [sys.executable, manage_py, "import_orders", tmp_path / "orders.ndjson", "--place"],
                env=os.environ | command_environment, stdout=subprocess.PIPE, text=True,
            ))
            for _ in range(2)
        ]  # fmt: skip
        reports = [import_.communicate()[0] for import_ in racing]

    assert [import_.returncode for import_ in racing] == [0, 0], reports
    assert Order.objects.count() == Event.objects.count() == 200
    assert Stock.objects.get(pk="cup").reserved == 400


def test_an_order_that_is_placed_now_is_in_no_currency_of_the_past(run_import, stock):
    stock(cup=10)

    done = run_import(line("r1", currency="HRK") + line("r2"), "--place")

    assert done.code == 3
    assert (
        "  line 1 (r1): /currency: HRK is no longer in use, and only orders imported with their history" in done.report
    )
    assert list(Order.objects.values_list("external_reference", flat=True)) == ["r2"]
    assert Stock.objects.get(pk="cup").reserved == 2


def test_an_import_asks_nobody_whether_customers_may_order(run_import, stock, settings):
    stock(cup=10)
    settings.CUSTOMER_URL = "http://127.0.0.1:9"

    done = run_import(line("r1"), "--place")

    assert (done.code, Order.objects.get().holds) == (0, [])
