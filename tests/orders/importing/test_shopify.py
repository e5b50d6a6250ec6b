import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from orders.models import Order, PaymentRecord
from orders.reading.documents import document_of
from tests.orders.importing.conftest import Import
from tests.orders.importing.lives import life_of, operations_of

pytestmark = pytest.mark.usefixtures("nothing_is_wrong_afterwards")

SAMPLE = Path(__file__).parents[3] / "docs/samples/shopify.csv"
OPTIONS = ("--profile=shopify", "--storefront=pottery")
FIRST = {
    "Name": "#1", "Email": "anna@example.com", "Financial Status": "paid", "Paid at": "2026-03-01 10:05:00 +0100",
    "Fulfillment Status": "unfulfilled", "Currency": "EUR", "Subtotal": "20.00", "Shipping": "5.00", "Taxes": "0.00",
    "Total": "25.00", "Discount Amount": "0.00", "Created at": "2026-03-01 10:00:00 +0100", "Lineitem quantity": "2",
    "Lineitem name": "Cup", "Lineitem price": "10.00", "Lineitem sku": "CUP", "Lineitem fulfillment status": "pending",
    "Cancelled at": "", "Refunded Amount": "0.00", "Duties": "",
    "Outstanding Balance": "", "Shipping Country": "", "Lineitem discount": "0.00", "Fulfilled at": "",
}  # fmt: skip
FURTHER = dict.fromkeys(FIRST, "") | {"Name": "#1", "Email": "anna@example.com"}


def export(*rows: dict[str, str], delimiter: str = ",") -> str:
    """A file of these rows, each told by what differs from `FIRST`, or from `FURTHER` below the first."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FIRST, delimiter=delimiter)
    writer.writeheader()
    writer.writerows((FURTHER if position else FIRST) | row for position, row in enumerate(rows))
    return out.getvalue()


@pytest.fixture
def shopify(run_import: Callable[..., Import]) -> Callable[..., Import]:
    def run(*rows: dict[str, str], options: tuple[str, ...] = ()) -> Import:
        return run_import(export(*rows), *OPTIONS, *options, name="orders_export.csv")

    return run


def test_the_sample_of_the_documentation_is_imported_whole(run_import):
    done = run_import(SAMPLE.read_bytes(), *OPTIONS, name="orders_export_1.csv")

    assert (done.code, done.error) == (0, "")
    orders = Order.objects.order_by("placed_at")
    assert list(orders.values_list("external_reference", "status", "payment_status", "fulfillment_status")) == [
        ("#1001", "shipped", "paid", "fulfilled"),
        ("#1002", "confirmed", "partially_refunded", "partial"),
        ("#1003", "pending", "authorized", "unfulfilled"),
        ("#1004", "canceled", "unpaid", "unfulfilled"),
    ]
    assert list(orders.values_list("currency", "items_amount", "shipping_amount", "discount_amount", "tax_amount",
                                   "tax_included", "total_amount")) == [
        ("EUR", 4500, 495, 450, 789, True, 4545),
        ("USD", 4500, 500, 0, 360, False, 5360),
        ("JPY", 2400, 0, 0, 218, True, 2400),
        ("EUR", 2000, 495, 0, 433, True, 2495),
    ]  # fmt: skip


def test_the_sample_tells_nothing_new_the_second_time(run_import):
    run_import(SAMPLE.read_bytes(), *OPTIONS, name="orders_export_1.csv")

    again = run_import(SAMPLE.read_bytes(), *OPTIONS, name="orders_export_1.csv")

    assert again.report == "Read 4 lines: 0 placed, 4 skipped, 0 refused. Skipped ones were there already.\n"


def test_an_order_of_several_rows_is_one_with_its_people_and_its_life(run_import):
    run_import(SAMPLE.read_bytes(), *OPTIONS, name="orders_export_1.csv")

    order = document_of(Order.objects.get(external_reference="#1001"))
    assert [(item["product_id"], item["name"], item["quantity"], item["unit_amount"]) for item in order["items"]] == [
        ("CUP-BLUE", "Cup - blue", 2, 1250),
        ("PLATE", "Plate", 1, 2000),
    ]
    assert order["storefront"] == "pottery"
    assert order["customer_id"] == "b69c61b3-4549-5fc2-a04f-2b812e5ccc42"
    assert (order["contact"]["email"], order["contact"]["phone"]) == ("anna@example.com", "+31201234567")
    assert order["shipping_address"] == order["billing_address"]
    assert {name: text for name, text in order["shipping_address"].items() if text} == {
        "name": "Anna Example", "line1": "Laan 2", "city": "Utrecht", "postal_code": "3511AB", "country": "NL",
    }  # fmt: skip
    assert (order["note"], order["tags"]) == ("Ring twice.", ["gift", "vip"])
    assert order["metadata"] == {
        "shopify_id": "5500000001",
        "discount_code": "SPRING",
        "shipping_method": "Standard",
        "channel": "web",
        "marketplace_status": "shipped",
        "approved_at": "2026-03-01T09:05:12.000000Z",
        "paid_amount": "4545",
        "payments": "Shopify Payments 4545",
    }
    assert life_of("#1001") == [
        ("place", "2026-03-01 09:05"),
        ("record_payment", "2026-03-01 09:05"),
        ("confirm", "2026-03-01 09:05"),
        ("ship", "2026-03-02 08:30"),
    ]


def test_what_has_no_sku_is_known_by_its_name_and_ships_by_its_own_row(run_import):
    run_import(SAMPLE.read_bytes(), *OPTIONS, name="orders_export_1.csv")

    order = Order.objects.get(external_reference="#1002")
    items = order.items.order_by("position").values_list("product_id", "quantity", "shipped")
    assert list(items) == [("CUP-BLUE", 1, 1), ("Saucer", 3, 0)]
    assert order.shipping_address["line2"] == "Sample Ltd, Apt 4"
    assert list(PaymentRecord.objects.filter(order=order).order_by("id").values_list("kind", "amount")) == [
        ("capture", 5360),
        ("refund", 500),
    ]


@pytest.mark.parametrize(
    ("financial", "status", "payment_status"),
    [
        ("pending", "pending", "unpaid"),
        ("authorized", "pending", "authorized"),
        ("expired", "pending", "unpaid"),
        ("voided", "pending", "unpaid"),
        ("paid", "confirmed", "paid"),
        ("PAID", "confirmed", "paid"),
        ("refunded", "canceled", "refunded"),
    ],
)
def test_financial_words(shopify, financial, status, payment_status):
    done = shopify({"Financial Status": financial})

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert (order.status, order.payment_status) == (status, payment_status)


def test_a_part_that_is_paid_is_what_is_not_outstanding(shopify):
    shopify({"Financial Status": "partially_paid", "Outstanding Balance": "15.00"})

    order = Order.objects.get()
    assert (order.payment_status, order.captured_amount, order.total_amount) == ("partially_paid", 1000, 2500)


def test_what_costs_nothing_is_paid_and_accepted(shopify):
    free = {"Discount Amount": "20.00", "Subtotal": "0.00", "Shipping": "0.00", "Total": "0.00"}

    done = shopify(free)

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert (order.status, order.payment_status, order.payment_count) == ("confirmed", "paid", 0)


def test_a_row_that_tells_of_no_item_is_none(shopify):
    shopify({}, {"Email": "anna@example.com"})

    assert Order.objects.get().items.count() == 1


@pytest.mark.parametrize(
    ("cells", "discount", "tax_included"),
    [
        ({}, 0, False),
        ({"Taxes": "4.20", "Total": "29.20"}, 0, False),
        ({"Taxes": "4.20"}, 0, True),
        ({"Taxes": "4.20", "Duties": "1.50", "Total": "30.70"}, 0, False),
        ({"Discount Amount": "2.00", "Subtotal": "18.00", "Total": "23.00"}, 200, False),
        ({"Discount Amount": "2.00", "Subtotal": "18.00", "Total": "23.00", "Lineitem discount": "1.50"}, 200, False),
        ({"Lineitem discount": "1.50", "Subtotal": "18.50", "Total": "23.50"}, 150, False),
        # The discount was on the shipping, which is less by it already.
        ({"Discount Amount": "5.00", "Shipping": "0.00", "Total": "20.00"}, 0, False),
        # The prices are less by the discounts of the items already.
        ({"Lineitem discount": "1.50"}, 0, False),
    ],
)
def test_sums_that_make_the_total_tell_what_discount_and_tax_mean(shopify, cells, discount, tax_included):
    done = shopify(cells)

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert (order.discount_amount, order.tax_included) == (discount, tax_included)


def test_sums_that_make_the_total_otherwise_than_was_said_are_refused(shopify):
    done = shopify({"Taxes": "4.20"}, options=("--tax=added",))

    assert done.code == 3
    assert "line 2 (#1): total_amount is 2500, but items + shipping + tax − discount is 2920" in done.report


def test_sums_that_make_no_total_are_refused_with_what_they_come_to(shopify):
    done = shopify({"Total": "26.00"})

    assert done.code == 3
    assert (
        "line 2 (#1): total_amount is 2600, but items + shipping + tax − discount is 2500: a difference of 100."
        in done.report
    )
    assert Order.objects.count() == 0


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"Total": "25.OO"}, "/Total: Expected an amount such as 12.00, got '25.OO'."),
        ({"Total": "25.001"}, "/Total: Expected at most 2 decimals in EUR, got '25.001'."),
        ({"Total": "1,025"}, "/Total: Expected an amount such as 12.00, got '1,025'."),
        ({"Lineitem quantity": "1.5"}, "/Lineitem quantity: Expected a whole number of units, got '1.5' in line 2."),
        ({"Created at": "2026-03-01"}, "/Created at: Expected a time such as 2026-03-01 10:00:00 +0100, got"),
        ({"Financial Status": "owed"}, "'owed' is not a known word; known are: pending, authorized, expired, voided, "),
        ({"Fulfillment Status": "gone"}, "'gone' is not a known word; known are: fulfilled, partial, unfulfilled, "),
        ({"Financial Status": "partially_paid"}, "/Outstanding Balance: It is needed to tell how much of the order"),
        ({"Financial Status": "partially_refunded"}, "/Refunded Amount: It is needed to tell how much was given back."),
        (
            {"Fulfillment Status": "partial", "Lineitem fulfillment status": "partial"},
            "Some units of the item have left, and the export does not tell how many: import it once all have",
        ),
        ({"Name": ""}, "/external_reference: Object missing required field `external_reference`."),
    ],
)  # fmt: skip
def test_a_cell_that_cannot_be_read_is_named(shopify, cells, reason):
    done = shopify(cells)

    assert done.code == 3
    assert reason in done.report
    assert Order.objects.count() == 0


def test_amounts_have_the_decimals_of_their_currency(shopify):
    dinars = {"Currency": "KWD", "Lineitem price": "10.125", "Subtotal": "20.25", "Total": "25.250"}

    shopify(dinars)

    assert list(Order.objects.values_list("items_amount", "shipping_amount", "total_amount")) == [(20250, 5000, 25250)]


def test_further_rows_that_contradict_the_first_are_refused(shopify):
    done = shopify({}, {"Total": "30.00", "Lineitem name": "Plate", "Lineitem quantity": "1"})

    assert "line 2 (#1): Total is '25.00' at first and '30.00' in line 3; rows of one order must" in done.report


def test_further_rows_may_repeat_the_order_or_leave_its_name_out(shopify):
    plate = {
        "Name": "",
        "Lineitem name": "Plate",
        "Lineitem quantity": "1",
        "Lineitem price": "3.00",
        "Currency": "EUR",
    }

    done = shopify({"Subtotal": "23.00", "Total": "28.00"}, plate)

    assert (done.code, done.error) == (0, "")
    assert list(Order.objects.get().items.order_by("position").values_list("product_id", flat=True)) == ["CUP", "Plate"]


def test_a_canceled_order_that_was_sent_is_shipped(shopify):
    shopify({"Fulfillment Status": "fulfilled", "Cancelled at": "2026-03-02 10:00:00 +0100"})

    assert operations_of("#1") == ["place", "record_payment", "confirm", "ship"]
    assert Order.objects.get().metadata["cancelled_at"] == "2026-03-02 10:00:00 +0100"


def test_later_exports_move_the_order_forward(shopify):
    shopify({"Financial Status": "authorized", "Paid at": ""})
    shopify({})
    shopify({"Fulfillment Status": "fulfilled", "Fulfilled at": "2026-03-02 09:00:00 +0100"})

    last = shopify(
        {
            "Fulfillment Status": "fulfilled",
            "Fulfilled at": "2026-03-02 09:00:00 +0100",
            "Financial Status": "partially_refunded",
            "Refunded Amount": "4.00",
        }
    )

    assert (last.code, "0 placed, 1 moved forward, 0 skipped, 0 refused" in last.report) == (0, True)
    assert [operation for operation, _ in life_of("#1")] == [
        "place",
        "record_payment",
        "record_payment",
        "confirm",
        "ship",
        "record_payment",
    ]
    order = Order.objects.get()
    assert (order.status, order.payment_status, order.kept_amount) == ("shipped", "partially_refunded", 2100)


@pytest.mark.parametrize("country", ["GB", "gb", "United Kingdom"])
def test_a_country_may_be_told_by_its_name(shopify, country):
    shopify({"Shipping Country": country})

    assert Order.objects.get().shipping_address["country"] == "GB"


def test_without_an_address_the_customer_is_the_order(shopify):
    shopify({"Email": ""})

    assert Order.objects.get().customer_id == "#1"


def test_missing_columns_are_told_together_and_others_left_alone(run_import):
    header = export({}).replace("Currency", "Colour").replace("Total", "Sum")

    done = run_import(header, *OPTIONS, name="orders.csv")

    assert done.code == 1
    assert done.error == (
        "The header lacks: Currency, Total. An export of Shopify has these columns; is it one, and as it came?"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_what_a_spreadsheet_makes_of_the_file_is_read(run_import, encoding):
    text = export({"Lineitem name": "Café", "Lineitem price": "10,00"}, delimiter=";")

    done = run_import(text.encode(encoding), *OPTIONS, name="orders.csv")

    assert (done.code, done.error) == (0, "")
    assert Order.objects.get().items.get().name == "Café"
    assert Order.objects.get().items_amount == 2000
    guessed = "The file is not UTF-8 and is read as cp1252: --encoding names another." in done.report
    assert guessed == (encoding == "cp1252")


@pytest.mark.parametrize("encoding", ["cp932", "utf-8-sig"])
def test_an_encoding_that_is_named_is_taken(run_import, encoding):
    content = export({"Lineitem name": "茶碗"}).encode(encoding)

    run_import(content, *OPTIONS, "--encoding", encoding, name="orders.csv")

    assert Order.objects.get().items.get().name == "茶碗"


@pytest.mark.parametrize("written", ["2026-03-01 10:00:00 +0100", "2026-03-01 09:00:00 UTC", "2026-03-01T09:00:00Z"])
def test_times_carry_their_offset(shopify, written):
    shopify({"Created at": written})

    assert life_of("#1")[0] == ("place", "2026-03-01 09:00")


def test_times_without_an_offset_are_those_of_the_zone(shopify):
    shopify({"Created at": "2026-07-01 10:00:00", "Paid at": ""}, options=("--time-zone=Europe/Berlin",))

    assert life_of("#1")[0] == ("place", "2026-07-01 08:00")


def test_a_torn_order_is_refused_with_the_lines_of_its_parts(shopify):
    done = shopify({}, {"Name": "#2"} | FIRST | {"Name": "#2"}, {"Lineitem name": "Plate", "Lineitem quantity": "1"})

    assert done.code == 3
    assert "line 2 (#1): The order begins in each of the lines 2, 4: it is torn across the file" in done.report
    assert list(Order.objects.values_list("external_reference", flat=True)) == ["#2"]


def test_orders_of_an_export_can_be_placed_anew(shopify, stock):
    stock(CUP=5)

    done = shopify({}, options=("--place",))

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert (order.status, order.reservation_id is not None, order.total_amount) == ("pending", True, 2500)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--profile=shopify",), "An export of shopify does not tell whose orders it has: name the --storefront."),
        (("--storefront=pottery",), "--storefront, --time-zone and --tax are for exports of other systems: name one"),
        ((*OPTIONS, "--time-zone=Mars/Base"), "--time-zone is 'Mars/Base'; expected a name of the IANA time zone"),
        ((*OPTIONS, "--encoding=utf-16"), "--encoding is 'utf-16'; expected one that has ASCII in it, such as utf-8"),
        ((*OPTIONS, "--encoding=undefined"), "--encoding is 'undefined'; expected one that has ASCII in it"),
        ((*OPTIONS, "--encoding=klingon"), "--encoding is 'klingon'; expected one that has ASCII in it, such as utf-8"),
        ((*OPTIONS, "--format=ndjson"), "An export of shopify is not NDJSON: leave --format out."),
        (("--format=ndjson", "--encoding=cp1252"), "NDJSON is UTF-8 (RFC 8259): leave --encoding out."),
        (("--profile=shopify", "--storefront=My Shop"), "--storefront is 'My Shop'; expected lower-case letters, "),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_told(run_import, options, error):
    done = run_import(export({}), *options, name="orders.csv")

    assert done.code == 1
    assert done.error.startswith(error)
    assert Order.objects.count() == 0
