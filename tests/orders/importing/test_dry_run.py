from events.models import Event, OutboxEntry
from orders.models import Order, Storefront
from tests.orders.importing.lines import history, line
from tests.orders.importing.lives import operations_of


def test_it_tells_what_would_be_done_and_writes_nothing(run_import):
    run_import(line("r1", history=history("created")))
    content = line("r1") + line("r2", storefront="new-shop") + line("r3", total_amount=1) + line("r4", items=[
        {"product_id": "cup", "quantity": 1, "unit_amount": 1000}, {"product_id": "cup", "quantity": 1}
    ])  # fmt: skip

    done = run_import(content, "--dry-run", "--batch=2")

    assert done.code == 3
    assert done.report.splitlines()[:2] == [
        "Nothing was written: this is what would have become of the file.",
        "Read 4 lines: 1 placed, 1 moved forward, 0 skipped, 2 refused.",
    ]
    assert "line 3 (r3): total_amount is 1, but items + shipping + tax − discount is 2500" in done.report
    assert list(Order.objects.values_list("external_reference", "status", "version")) == [("r1", "pending", 1)]
    assert list(Storefront.objects.values_list("code", flat=True)) == ["br-south"]
    assert (Event.objects.count(), OutboxEntry.objects.count()) == (1, 1)


def test_what_an_operation_would_refuse_is_found(run_import):
    run_import(line("r1", history=history("canceled")))
    shipped = line("r1", history=history("shipped", shipped_at="2017-03-02T12:00:00Z"))

    done = run_import(shipped + line("r2"), "--dry-run")

    assert done.code == 3
    assert "Read 2 lines: 1 placed, 0 skipped, 1 refused." in done.report
    assert "line 1 (r1): A canceled order cannot be shipped" in done.report
    assert operations_of("r1") == ["place", "cancel"]
    assert Order.objects.count() == 1


def test_the_import_does_afterwards_what_was_told(run_import):
    rehearsed, done = run_import(line(), "--dry-run"), run_import(line())

    assert rehearsed.report.splitlines()[1:] == done.report.splitlines()
    assert (rehearsed.code, done.code, Order.objects.get().version) == (0, 0, 6)


def test_stock_cannot_be_asked_for_like_this(run_import):
    done = run_import(line(), "--place", "--dry-run")

    assert (done.code, done.error) == (
        1,
        "--place asks the inventory for stock, which cannot be rehearsed: leave --dry-run out.",
    )
