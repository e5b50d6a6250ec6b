import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from orders.models import Order
from tests.orders.importing.conftest import Import
from tests.orders.importing.lives import life_of

pytestmark = pytest.mark.usefixtures("nothing_is_wrong_afterwards")

SAMPLE = Path(__file__).parents[3] / "docs/samples/woocommerce.csv"
OPTIONS = ("--profile=woocommerce", "--storefront=pottery")
CELLS = {
    "order_id": "70", "date": "2026-07-01 10:00:00", "status": "processing", "shipping_total": "5.00",
    "fee_total": "0.00", "tax_total": "4.75", "discount_total": "0.00", "order_total": "29.75", "refunded_total": "",
    "order_currency": "EUR", "payment_method": "stripe", "customer_id": "12", "billing_email": "eva@example.com",
    "item_product_id": "31", "item_name": "Cup", "item_sku": "CUP", "item_quantity": "2", "item_subtotal": "20.00",
    "item_subtotal_tax": "3.80", "item_total": "20.00", "item_total_tax": "3.80", "shipping_tax_total": "0.95",
}  # fmt: skip


@pytest.fixture
def woocommerce(run_import: Callable[..., Import]) -> Callable[..., Import]:
    """Import rows that differ from `CELLS` so."""

    def run(*rows: dict[str, str], options: tuple[str, ...] = ()) -> Import:
        out = io.StringIO()
        writer = csv.DictWriter(out, CELLS)
        writer.writeheader()
        writer.writerows(CELLS | row for row in rows)
        return run_import(out.getvalue(), *OPTIONS, *options, name="orders-export.csv")

    return run


def test_the_sample_of_the_documentation_is_imported_whole(run_import):
    done = run_import(SAMPLE.read_bytes(), *OPTIONS, name="orders-export.csv")

    assert (done.code, done.error) == (0, "")
    orders = Order.objects.order_by("placed_at")
    assert list(orders.values_list("external_reference", "status", "payment_status", "customer_id")) == [
        ("701", "completed", "paid", "12"),
        ("702", "confirmed", "unpaid", "5c29f0f4-3693-504c-a1e0-6de0068a7012"),
        ("703", "canceled", "refunded", "a5d5d3fa-9e95-5473-9173-d93966033cdd"),
        ("704", "canceled", "unpaid", "a5d5d3fa-9e95-5473-9173-d93966033cdd"),
    ]
    assert list(orders.values_list("items_amount", "shipping_amount", "discount_amount", "tax_amount",
                                   "total_amount", "refunded_amount")) == [
        (4500, 500, 500, 855, 5355, 0),
        (3000, 500, 0, 0, 3500, 0),
        (2000, 0, 0, 0, 2000, 2000),
        (2500, 0, 0, 0, 2500, 0),
    ]  # fmt: skip


def test_the_sample_tells_nothing_new_the_second_time(run_import):
    run_import(SAMPLE.read_bytes(), *OPTIONS, name="orders-export.csv")

    again = run_import(SAMPLE.read_bytes(), *OPTIONS, name="orders-export.csv")

    assert again.report == "Read 4 lines: 0 placed, 4 skipped, 0 refused. Skipped ones were there already.\n"


def test_later_exports_move_the_order_forward(woocommerce):
    for status in ("on-hold", "processing", "completed"):
        done = woocommerce({"status": status})
        assert (done.code, done.error) == (0, "")

    assert [operation for operation, _ in life_of("70")] == ["place", "record_payment", "confirm", "ship", "complete"]


def test_each_row_is_an_item_with_its_discount_and_tax(run_import):
    run_import(SAMPLE.read_bytes(), *OPTIONS, name="orders-export.csv")

    order = Order.objects.get(external_reference="701")
    assert list(order.items.order_by("position").values_list("product_id", "name", "quantity", "unit_amount", "amount",
                                                             "discount_amount", "tax_amount")) == [
        ("CUP", "Cup", 2, 1250, 2500, 250, 428),
        ("PLATE", "Plate", 1, 2000, 2000, 250, 332),
    ]  # fmt: skip
    assert (order.contact_email, order.contact_phone, order.note) == (
        "eva@example.com",
        "+49 221 123456",
        "Ring twice.",
    )
    assert {name: text for name, text in order.shipping_address.items() if text} == {
        "name": "Eva Beispiel", "line1": "Gasse 3", "city": "Köln", "postal_code": "50667", "country": "DE",
    }  # fmt: skip
    assert (order.metadata["coupons"], order.metadata["fee_amount"]) == ("code:spring|amount:5.00", "1.00")
    saucer = Order.objects.get(external_reference="702")
    assert saucer.items.get().product_id == "33"
    assert saucer.shipping_address["line2"] == "Sample GmbH"


@pytest.mark.parametrize(
    ("cells", "status", "captured", "refunded"),
    [
        ({"status": "pending"}, "pending", 0, 0),
        ({"status": "on-hold"}, "pending", 0, 0),
        ({"status": "failed"}, "pending", 0, 0),
        ({"status": "processing"}, "confirmed", 2975, 0),
        ({"status": "wc-processing"}, "confirmed", 2975, 0),
        ({"status": "processing", "payment_method": "cod"}, "confirmed", 0, 0),
        ({"status": "completed", "payment_method": "cod"}, "completed", 2975, 0),
        ({"status": "completed", "refunded_total": "9.75"}, "completed", 2975, 975),
        ({"status": "refunded"}, "canceled", 2975, 2975),
        ({"status": "cancelled"}, "canceled", 0, 0),
        ({"status": "cancelled", "refunded_total": "29.75"}, "canceled", 2975, 2975),
    ],
)
def test_status_words(woocommerce, cells, status, captured, refunded):
    done = woocommerce(cells)

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert (order.status, order.captured_amount, order.refunded_amount) == (status, captured, refunded)


def test_a_draft_is_left_out_and_told(woocommerce):
    done = woocommerce({"status": "checkout-draft"})

    assert (done.code, "0 placed, 1 skipped, 0 refused" in done.report) == (0, True)
    assert "line 2 (70): It is the draft of a checkout: no order yet." in done.report


def test_a_status_of_ones_own_is_refused(woocommerce):
    done = woocommerce({"status": "wc-in-the-kiln"})

    assert "'in-the-kiln' is not a known word; known are: checkout-draft, pending, on-hold, failed, " in done.report


def test_times_are_those_of_the_zone_that_is_named_or_the_service(woocommerce):
    woocommerce({"order_id": "1"})
    woocommerce({"order_id": "2"}, options=("--time-zone=Europe/Berlin",))

    assert life_of("1")[0] == ("place", "2026-07-01 10:00")
    assert life_of("2")[0] == ("place", "2026-07-01 08:00")


@pytest.mark.parametrize(
    ("fee", "total", "shipping", "discount"), [("2.50", "32.25", 750, 0), ("-2.50", "27.25", 500, 250)]
)
def test_a_fee_is_charged_like_shipping_or_is_a_discount(woocommerce, fee, total, shipping, discount):
    done = woocommerce({"fee_total": fee, "order_total": total})

    assert (done.code, done.error) == (0, "")
    assert list(Order.objects.values_list("shipping_amount", "discount_amount")) == [(shipping, discount)]


def test_parts_that_were_rounded_to_more_than_the_whole_are_left_out(woocommerce):
    done = woocommerce(
        {"item_total": "18.33", "discount_total": "3.33", "tax_total": "7.59", "order_total": "49.26"},
        {"item_total": "18.33", "discount_total": "3.33", "tax_total": "7.59", "order_total": "49.26"},
    )

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert list(order.items.values_list("discount_amount", "tax_amount")) == [(None, None), (None, None)]
    assert (order.discount_amount, order.tax_amount, order.total_amount) == (333, 759, 4926)


def test_prices_with_tax_are_taken_where_they_make_the_total_and_those_without_do_not(woocommerce):
    cup = {
        "item_quantity": "1", "item_subtotal": "8.39", "item_subtotal_tax": "1.60", "item_total": "7.55",
        "item_total_tax": "1.44", "shipping_total": "4.20", "shipping_tax_total": "0.80", "tax_total": "3.67",
        "discount_total": "1.68", "order_total": "22.98",
    }  # fmt: skip

    done = woocommerce(cup, cup)

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert list(order.items.values_list("unit_amount", "discount_amount", "tax_amount")) == [(999, 100, 144)] * 2
    assert (order.tax_included, order.shipping_amount, order.discount_amount) == (True, 500, 200)
    assert (order.tax_amount, order.total_amount) == (367, 2298)


@pytest.mark.parametrize(("tax", "unit_amount"), [("included", 1190), ("added", 1000)])
def test_whether_prices_have_the_tax_in_them_can_be_said(woocommerce, tax, unit_amount):
    done = woocommerce({}, options=(f"--tax={tax}",))

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert (order.items.get().unit_amount, order.total_amount) == (unit_amount, 2975)
    assert order.tax_included == (tax == "included")


def test_rounded_cells_that_make_another_total_are_refused_and_not_bent(woocommerce):
    done = woocommerce({"item_subtotal": "8.40", "shipping_total": "", "tax_total": "1.60", "order_total": "9.99"})

    assert done.code == 3
    assert (
        "line 2 (70): total_amount is 999, but items + shipping + tax − discount is 1000: a difference of -1."
        in done.report
    )
    assert Order.objects.count() == 0


def test_three_for_ten_has_no_price_of_one(woocommerce):
    woocommerce({"item_quantity": "3", "item_subtotal": "10.00", "item_total": "10.00", "order_total": "19.75"})

    assert list(Order.objects.get().items.values_list("quantity", "unit_amount", "amount")) == [(3, None, 1000)]
