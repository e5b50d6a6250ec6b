import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orders.models import Order
from tests.orders.importing.conftest import Import
from tests.orders.importing.lives import life_of

pytestmark = pytest.mark.usefixtures("nothing_is_wrong_afterwards")

SAMPLE = Path(__file__).parents[3] / "docs/samples/amazon.txt"
OPTIONS = ("--profile=amazon", "--storefront=pottery")
CELLS = {
    "amazon-order-id": "302-1", "purchase-date": "2026-03-01T09:00:00+00:00",
    "last-updated-date": "2026-03-02T10:00:00+00:00", "order-status": "Unshipped", "sales-channel": "Amazon.de",
    "product-name": "Cup", "sku": "CUP", "asin": "B0EXAMPLE2", "item-status": "Unshipped", "quantity": "2",
    "currency": "EUR", "item-price": "20.00", "item-tax": "3.19", "shipping-price": "5.00", "shipping-tax": "0.80",
    "item-promotion-discount": "", "ship-promotion-discount": "", "promotion-ids": "",
}  # fmt: skip


def report(*rows: dict[str, str], delimiter: str = "\t") -> str:
    """A report of these rows, each told by what differs from `CELLS`."""
    return "".join(delimiter.join(cells) + "\r\n" for cells in [CELLS, *((CELLS | row).values() for row in rows)])


@pytest.fixture
def amazon(run_import: Callable[..., Import]) -> Callable[..., Import]:
    def run(*rows: dict[str, str], options: tuple[str, ...] = ()) -> Import:
        return run_import(report(*rows), *OPTIONS, *options, name="20260310.txt")

    return run


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_the_sample_of_the_documentation_is_imported(run_import, encoding):
    done = run_import(SAMPLE.read_text().encode(encoding), *OPTIONS, name="20260310.txt")

    assert (done.code, done.error) == (0, "")
    assert done.report.splitlines()[-4:] == [
        "Read 5 lines: 3 placed, 2 skipped, 0 refused. Skipped ones were there already, or are told below.",
        "Not done:",
        "  line 5 (111-0000003-0000003): It is pending at Amazon, where neither prices nor the sale are settled yet: "
        "import a later report.",
        "  line 6 (303-0000004-0000004): It was canceled, the file does not tell what it was, and it is not here.",
    ]
    orders = Order.objects.order_by("placed_at")
    assert list(orders.values_list("external_reference", "status", "payment_status", "currency")) == [
        ("303-0000001-0000001", "shipped", "paid", "EUR"),
        ("111-0000002-0000002", "confirmed", "paid", "USD"),
        ("303-0000005-0000005", "completed", "paid", "EUR"),
    ]
    assert list(orders.values_list("items_amount", "shipping_amount", "discount_amount", "tax_amount", "tax_included",
                                   "total_amount", "captured_amount")) == [
        (5230, 499, 899, 915, True, 4830, 4830),
        (4500, 800, 0, 424, False, 5724, 5724),
        (1250, 499, 0, 280, True, 1749, 1749),
    ]  # fmt: skip
    assert orders[0].shipping_address["city"] == "Köln"


def test_the_sample_tells_nothing_new_the_second_time(run_import):
    run_import(SAMPLE.read_bytes(), *OPTIONS, name="20260310.txt")

    again = run_import(SAMPLE.read_bytes(), *OPTIONS, name="20260310.txt")

    assert (again.code, "Read 5 lines: 0 placed, 5 skipped, 0 refused." in again.report) == (0, True)


def test_later_reports_move_the_order_forward_or_end_it(amazon):
    amazon({}, {"amazon-order-id": "302-2"})

    done = amazon(
        {"order-status": "Shipped", "item-status": "Shipped"},
        {"amazon-order-id": "302-2", "order-status": "Cancelled", "item-status": "Cancelled", "quantity": "0",
         "item-price": "", "item-tax": "", "currency": ""},
    )  # fmt: skip

    assert (done.code, "0 placed, 2 moved forward, 0 skipped, 0 refused" in done.report) == (0, True)
    assert list(Order.objects.order_by("external_reference").values_list("status", flat=True)) == [
        "shipped",
        "canceled",
    ]


def test_amounts_are_those_of_all_units_and_quotation_marks_quote_nothing(run_import):
    run_import(SAMPLE.read_bytes(), *OPTIONS, name="20260310.txt")

    items = Order.objects.get(external_reference="303-0000001-0000001").items.order_by("position")
    assert list(items.values_list("product_id", "name", "quantity", "unit_amount", "amount", "discount_amount",
                                  "tax_amount")) == [
        ("PLATE-12", 'Teller "Blau" 12"', 2, None, 3980, 400, 635),
        ("CUP", "Tasse", 1, None, 1250, 0, 200),
    ]  # fmt: skip


def test_the_last_update_is_the_time_of_what_came_last(run_import):
    run_import(SAMPLE.read_bytes(), *OPTIONS, name="20260310.txt")

    assert life_of("303-0000005-0000005") == [
        ("place", "2026-03-06 11:00"),
        ("record_payment", "2026-03-06 11:00"),
        ("confirm", "2026-03-06 11:00"),
        ("ship", "2026-03-06 11:00"),
        ("deliver", "2026-03-09 12:00"),
        ("complete", "2026-03-09 12:00"),
    ]
    assert life_of("303-0000001-0000001")[-1] == ("ship", "2026-03-02 16:40")


def test_what_is_not_done_stands_in_the_report_file(run_import, tmp_path):
    file = tmp_path / "left-out.ndjson"

    run_import(SAMPLE.read_bytes(), *OPTIONS, "--report", str(file), name="20260310.txt")

    rows = [json.loads(row) for row in file.read_text().splitlines()]
    assert [(row["line"], row["external_reference"], row["code"]) for row in rows] == [
        (5, "111-0000003-0000003", "not_yet_sold"),
        (6, "303-0000004-0000004", "nothing_sold"),
    ]


@pytest.mark.parametrize(
    ("channel", "options", "total"),
    [
        ("Amazon.de", (), 2500),
        ("Amazon.co.jp", (), 2500),
        ("Amazon.com", (), 2899),
        ("Amazon.ca", (), 2899),
        ("Amazon.de", ("--tax=added",), 2899),
        ("Non-Amazon", ("--tax=included",), 2500),
    ],
)
def test_the_marketplace_tells_whether_prices_have_the_tax_in_them(amazon, channel, options, total):
    amazon({"sales-channel": channel}, options=options)

    order = Order.objects.get()
    assert (order.total_amount, order.captured_amount, order.tax_amount) == (total, total, 399)


def test_a_channel_that_does_not_tell_of_taxes_is_asked_about(amazon):
    done = amazon({"sales-channel": "Non-Amazon"})

    assert done.code == 3
    assert "say --tax included or --tax added." in done.report


@pytest.mark.parametrize("discount", ["4.00", "-4.00"])
def test_a_discount_is_one_whatever_its_sign(amazon, discount):
    amazon({"item-promotion-discount": discount})

    assert list(Order.objects.values_list("discount_amount", "total_amount")) == [(400, 2100)]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Unshipped", "confirmed"),
        ("Shipping", "confirmed"),
        ("Pending - Waiting for Pick Up", "confirmed"),
        ("Shipped", "shipped"),
        ("Shipped - Returned to Seller", "shipped"),
        ("Shipped - Delivered to Buyer", "completed"),
        ("Cancelled", "canceled"),
        ("Unfulfillable", "canceled"),
    ],
)
def test_status_words(amazon, word, status):
    done = amazon({"order-status": word, "item-status": ""})

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert (order.status, order.captured_amount) == (status, 0 if status == "canceled" else 2500)
    assert order.metadata.get("paid_amount") == (None if status == "canceled" else "2500")


def test_an_item_that_is_canceled_later_is_told_and_not_done(amazon):
    plate = {"sku": "PLATE", "shipping-price": "", "shipping-tax": ""}
    amazon({}, plate)

    done = amazon(
        {"order-status": "Shipped", "item-status": "Shipped"},
        plate | {"order-status": "Shipped", "item-status": "Cancelled", "quantity": "0", "item-price": ""},
    )

    assert done.code == 3
    assert (
        "line 2 (302-1): The order is another one here than in the file: its items are 2 CUP for 2000, 2 PLATE for "
        "2000 here, and 2 CUP for 2000 in the file; its total is 4500 here, and 2500 in the file. "
        "It is not moved forward."
    ) in done.report
    assert Order.objects.get().status == "confirmed"


def test_an_item_that_waits_or_was_canceled_is_not_shipped_with_the_others(amazon):
    done = amazon(
        {"order-status": "Shipped", "item-status": "Shipped"},
        {"order-status": "Shipped", "item-status": "Unshipped", "sku": "PLATE"},
        {"order-status": "Shipped", "item-status": "Cancelled", "sku": "BOWL"},
        {"order-status": "Shipped", "item-status": "Cancelled", "sku": "MUG", "quantity": "0", "item-price": ""},
    )

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert list(order.items.order_by("position").values_list("product_id", "shipped", "canceled")) == [
        ("CUP", 2, 0),
        ("PLATE", 0, 0),
        ("BOWL", 0, 2),
    ]
    assert (order.status, order.fulfillment_status, order.payment_status) == ("confirmed", "partial", "paid")
    assert (order.total_amount, order.due_amount, order.kept_amount) == (7000, 5000, 5000)


def test_what_the_rows_tell_each_for_itself_is_put_together(amazon):
    shipped = {"order-status": "Shipped", "item-status": "Shipped"}

    done = amazon(
        shipped | {"promotion-ids": "Free Shipping"},
        shipped | {"promotion-ids": "Spring", "last-updated-date": "2026-03-03T12:00:00+00:00"},
        shipped | {"promotion-ids": "Spring"},
    )

    assert (done.code, done.error) == (0, "")
    assert Order.objects.get().metadata["promotion_ids"] == "Free Shipping; Spring"
    assert life_of("302-1")[-1] == ("ship", "2026-03-03 12:00")


def test_what_has_no_sku_is_known_by_its_asin(amazon):
    amazon({"sku": ""})

    assert Order.objects.get().items.get().product_id == "B0EXAMPLE2"


def test_a_sale_of_nothing_that_was_not_canceled_is_refused(amazon):
    done = amazon({"quantity": "0"})

    assert "line 2 (302-1): /items: Expected `array` of length >= 1." in done.report


def test_a_report_that_was_saved_as_csv_has_quotation_marks(run_import):
    text = report({"product-name": '"Cup, ""blue"""'}, delimiter=",")

    done = run_import(text, *OPTIONS, name="report.csv")

    assert (done.code, done.error) == (0, "")
    assert Order.objects.get().items.get().name == 'Cup, "blue"'


def test_a_sale_of_nothing_is_not_placed_anew_either(amazon):
    done = amazon({"order-status": "Cancelled", "quantity": "0"}, options=("--place",))

    assert (done.code, "0 placed, 1 skipped, 0 refused" in done.report) == (0, True)
    assert "It was canceled, the file does not tell what it was, and it is not here." in done.report
