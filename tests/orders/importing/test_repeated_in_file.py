import pytest

from orders.models import Order
from tests.orders.importing.lines import line

HEADER = "storefront,external_reference,customer_id,currency,placed_at,product_id,quantity,unit_amount\n"


def row(reference: str, product: str, unit_amount: int | str = 1000) -> str:
    return f"br-south,{reference},cus1,BRL,2017-03-01T10:00:00Z,{product},1,{unit_amount}\n"


def test_an_order_whose_rows_are_torn_apart_is_refused_with_both_lines(run_import):
    done = run_import(HEADER + row("A", "cup") + row("B", "cup") + row("A", "plate"), name="orders.csv")

    assert done.code == 3
    assert "Read 3 lines: 1 placed, 0 skipped, 2 refused." in done.report
    assert "line 2 (A): The order begins in each of the lines 2, 4: it is torn across the file" in done.report
    assert "line 4 (A): The order begins in each of the lines 2, 4: it is torn across the file" in done.report
    assert [order.external_reference for order in Order.objects.all()] == ["B"]


def test_a_torn_order_is_refused_in_small_batches_too(run_import):
    rows = row("A", "cup") + row("B", "cup") + row("A", "cup")

    done = run_import(HEADER + rows, "--batch=1", name="orders.csv")

    assert done.code == 3
    assert [order.external_reference for order in Order.objects.all()] == ["B"]


def test_a_torn_order_is_refused_wholly_when_one_part_cannot_be_read(run_import):
    rows = row("A", "cup") + row("B", "cup") + row("A", "plate", "much")

    done = run_import(HEADER + rows, name="orders.csv")

    assert "line 2 (A): The order begins in each of the lines 2, 4" in done.report
    assert [order.external_reference for order in Order.objects.all()] == ["B"]


def test_a_corrected_file_brings_the_whole_order(run_import):
    run_import(HEADER + row("A", "cup") + row("B", "cup") + row("A", "plate"), name="orders.csv")

    again = run_import(HEADER + row("A", "cup") + row("A", "plate") + row("B", "cup"), name="orders.csv")

    assert (again.code, "1 placed, 1 skipped, 0 refused" in again.report) == (0, True)
    assert Order.objects.get(external_reference="A").items.count() == 2


@pytest.mark.parametrize("batch", ["--batch=1", "--batch=100"])
def test_a_line_that_tells_an_order_differently_refuses_both(run_import, batch):
    done = run_import(line("A") + line("B") + line("A", note="Ring twice."), batch)

    assert done.code == 3
    assert "Read 3 lines: 1 placed, 0 skipped, 2 refused." in done.report
    assert "line 1 (A): The order begins in each of the lines 1, 3" in done.report
    assert "line 3 (A): The order begins in each of the lines 1, 3" in done.report
