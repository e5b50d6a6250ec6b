import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
from django.db.models import Sum

from events.models import Event, OutboxEntry
from orders.models import Order, OrderItem, PaymentRecord, Shipment, Storefront
from tests.orders.importing.lines import line
from tests.processes import running


def test_a_second_run_places_nothing(run_import):
    content = line("r1") + line("r2")
    run_import(content)

    again = run_import(content)

    assert again.code == 0
    assert "Read 2 lines: 0 placed, 2 skipped, 0 refused." in again.report
    assert (Order.objects.count(), OrderItem.objects.count(), Shipment.objects.count()) == (2, 2, 2)
    assert Event.objects.count() == 12


def test_a_second_run_places_what_was_corrected(run_import):
    run_import(line("r1") + line("r2", total_amount=1))

    again = run_import(line("r1") + line("r2"))

    assert again.code == 0
    assert "1 placed, 1 skipped, 0 refused" in again.report


def test_a_reference_that_stands_twice_in_a_file_is_imported_once(run_import):
    done = run_import(line("r1") + line("r1") + line("r2") + line("r1"), "--batch=3")

    assert "Read 4 lines: 2 placed, 2 skipped, 0 refused." in done.report
    assert Order.objects.count() == 2


def test_the_first_line_of_a_reference_that_can_be_taken_is_taken(run_import):
    done = run_import(line("r1", total_amount=1) + line("r1"))

    assert "Read 2 lines: 1 placed, 0 skipped, 1 refused." in done.report


def test_the_same_reference_in_another_storefront_is_another_order(run_import):
    done = run_import(line("r1") + line("r1", storefront="br-north"))

    assert "2 placed, 0 skipped" in done.report
    assert Storefront.objects.count() == 2


def test_a_deleted_order_is_there_already(run_import):
    run_import(line("r1"))
    Order.objects.update(deleted_at="2024-01-01T00:00:00Z")

    again = run_import(line("r1"))

    assert "0 placed, 1 skipped" in again.report
    assert Order.all_objects.count() == 1


@pytest.mark.slow
def test_two_imports_of_one_file_at_once_duplicate_nothing(command_environment, manage_py, tmp_path):
    (tmp_path / "orders.ndjson").write_text("".join(line(f"r{number}") for number in range(60)))
    (tmp_path / "reversed.ndjson").write_text("".join(line(f"r{number}") for number in reversed(range(60))))

    with ExitStack() as started:
        racing = [
            started.enter_context(running(
                [sys.executable, manage_py, "import_orders", tmp_path / name, "--batch=13"],
                env=command_environment, stdout=subprocess.PIPE, text=True,
            ))
            for name in ("orders.ndjson", "orders.ndjson", "reversed.ndjson")
        ]  # fmt: skip
        reports = [import_.communicate()[0] for import_ in racing]

    assert [import_.returncode for import_ in racing] == [0, 0, 0]
    counts = [list(map(int, re.findall(r"([\d,]+) (?:placed|skipped|refused)", r.replace(",", "")))) for r in reports]
    assert [sum(count) for count in counts] == [60, 60, 60]
    assert sum(placed for placed, _, _ in counts) == 60
    assert Order.objects.count() == Shipment.objects.count() == PaymentRecord.objects.count() == 60
    assert Event.objects.count() == 360
    assert Storefront.objects.count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_in_the_middle_and_run_again_it_loses_and_duplicates_nothing(
    command_environment, manage_py, tmp_path, seed
):
    (tmp_path / "orders.ndjson").write_text("".join(line(f"r{number}") for number in range(80)))
    command = [sys.executable, str(manage_py), "import_orders", str(tmp_path / "orders.ndjson"), "--batch=10"]
    enough = random.Random(seed).randrange(1, 40)

    with running(command, env=command_environment) as killed:
        while Order.objects.count() < enough:
            time.sleep(0.01)
        os.kill(killed.pid, signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
    written = _settled_count()
    half_lived = Order.objects.exclude(status="completed", version=6).count()
    again = subprocess.run(command, env=command_environment, capture_output=True, text=True)

    assert again.returncode == 0
    assert 0 < written < 80
    assert (written % 10, half_lived) == (0, 0)
    assert f"{80 - written:,} placed, {written:,} skipped, 0 refused." in again.stdout
    assert Order.objects.filter(status="completed", version=6).count() == 80
    assert Event.objects.count() == OutboxEntry.objects.count() == 480
    assert OrderItem.objects.aggregate(Sum("shipped"))["shipped__sum"] == 160
    assert Shipment.objects.count() == PaymentRecord.objects.count() == 80


def _settled_count() -> int:
    """The server may still be committing the last batch of the process that was killed."""
    while True:
        count: int = Order.objects.count()
        time.sleep(0.3)
        if Order.objects.count() == count:
            return count
