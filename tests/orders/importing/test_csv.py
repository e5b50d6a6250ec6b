import json

import pytest

from events.models import Event
from orders.models import Order, OrderItem
from tests.orders.importing.lines import line

HEADER = "storefront,external_reference,customer_id,currency,placed_at,product_id,name,quantity,unit_amount"


def test_rows_of_one_reference_are_the_items_of_one_order(run_import):
    content = f"""{HEADER},shipping_amount,total_amount,shipping_address.city,history.status,history.approved_at,\
payments,metadata.channel,tags
br-south,r1,cus1,BRL,2017-03-01T10:00:00Z,cup,Cup,2,1000,500,4500,São Paulo,approved,2017-03-01T11:00:00Z,\
credit_card 4000/3; voucher 500,app,vip; gift
br-south,r1,cus1,BRL,2017-03-01T10:00:00Z,plate,"Plate, ""large\"\"\",1,2000,500,4500,São Paulo,approved,\
2017-03-01T11:00:00Z,credit_card 4000/3; voucher 500,app,vip; gift
br-south,r2,cus2,,2017-03-02T10:00:00Z,cup,,1,,,,,,,,,
"""

    done = run_import(content, name="orders.csv")

    assert (done.code, done.report) == (
        0,
        "Read 2 lines: 2 placed, 0 skipped, 0 refused.\n",
    )
    order = Order.objects.get(external_reference="r1")
    items = order.items.order_by("position").values_list("product_id", "name", "quantity", "unit_amount")
    assert list(items) == [("cup", "Cup", 2, 1000), ("plate", 'Plate, "large"', 1, 2000)]
    assert (order.status, order.payment_status, order.total_amount) == ("confirmed", "paid", 4500)
    assert list(order.payments.order_by("id").values_list("amount", flat=True)) == [4000, 500]
    assert (order.shipping_address["city"], order.tags) == ("São Paulo", ["gift", "vip"])
    assert order.metadata == {
        "marketplace_status": "approved",
        "approved_at": "2017-03-01T11:00:00.000000Z",
        "paid_amount": "4500",
        "payments": "credit_card 4000/3; voucher 500",
        "channel": "app",
    }
    bare = Order.objects.get(external_reference="r2")
    assert (bare.status, bare.total_amount, bare.items.get().name) == ("pending", None, None)


def test_the_same_orders_as_ndjson_are_there_already(run_import):
    run_import(line("r1"))

    done = run_import(f"{HEADER}\nbr-south,r1,cus1,BRL,2017-03-01T10:00:00Z,cup,Cup,2,1000\n", name="orders.CSV")

    assert "0 placed, 1 skipped, 0 refused" in done.report


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_line_ends_and_the_mark_of_spreadsheets_are_read(run_import, delimiter):
    content = f"{HEADER}\r\nbr-south,r1, cus1 ,BRL,2017-03-01T10:00:00Z,cup,Cup,2,1000\r\n,,,,,,,,\r\n\r\n"

    done = run_import("\ufeff" + content.replace(",", delimiter), "--format=csv")

    assert (done.code, "1 placed, 0 skipped, 0 refused" in done.report) == (0, True)
    assert Order.objects.get().customer_id == "cus1"


def test_a_cell_may_hold_line_breaks(run_import):
    content = f'{HEADER},note\nbr-south,r1,cus1,BRL,2017-03-01T10:00:00Z,cup,Cup,2,1000,"Ring twice.\nThen knock."\n'

    done = run_import(content, name="orders.csv")

    assert done.code == 0
    assert Order.objects.get().note == "Ring twice.\nThen knock."


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("quantity", "1.5", "/items/0/quantity: Expected `int`, got `str`."),
        ("quantity", "", "/items/0/quantity: Object missing required field `quantity`."),
        ("unit_amount", "9" * 30, "/items/0/unit_amount: Expected `int | null`, got `str`."),
        ("placed_at", "2017-03-01", "/placed_at: Invalid RFC3339 encoded datetime."),
        (
            "customer_id",
            "c\0s1",
            "/customer_id: Expected neither control characters (such as a line break) nor blanks around it.",
        ),
        ("customer_id", "", "/customer_id: Object missing required field `customer_id`."),
        ("external_reference", "", "/external_reference: Object missing required field `external_reference`."),
    ],
)
def test_a_cell_that_does_not_fit_is_named_with_its_line(run_import, column, cell, reason):
    good = ["br-south", "r1", "cus1", "BRL", "2017-03-01T10:00:00Z", "cup", "Cup", "2", "1000"]
    bad = list(good)
    bad[HEADER.split(",").index(column)] = cell
    bad[0] = "br-north"

    done = run_import(f"{HEADER}\n{','.join(bad)}\n{','.join(good)}\n", name="orders.csv")

    assert done.code == 3
    assert "Read 2 lines: 1 placed, 0 skipped, 1 refused." in done.report
    refused = done.report.splitlines()[2]
    assert refused.startswith("  line 2")
    assert refused.endswith(f": {reason}")
    assert Order.objects.get().storefront.code == "br-south"


def test_items_have_amounts_of_their_own_beside_those_of_the_order(run_import):
    content = f"""{HEADER},item.amount,item.discount_amount,item.tax_amount,tax_included,discount_amount,tax_amount,\
total_amount
br-south,r1,cus1,EUR,2017-03-01T10:00:00Z,cup,Cup,3,,1000,100,144,TRUE,150,168,2050
br-south,r1,cus1,EUR,2017-03-01T10:00:00Z,plate,Plate,2,600,,0,24,TRUE,150,168,2050
"""

    done = run_import(content, name="orders.csv")

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    items = order.items.order_by("position")
    assert list(items.values_list("unit_amount", "amount", "discount_amount", "tax_amount")) == [
        (None, 1000, 100, 144),
        (600, None, 0, 24),
    ]
    assert (order.items_amount, order.discount_amount, order.tax_amount) == (2200, 150, 168)
    assert (order.tax_included, order.total_amount) == (True, 2050)


def test_a_tax_that_is_neither_included_nor_not_is_refused(run_import):
    content = f"{HEADER},tax_included\nbr-south,r1,cus1,BRL,2017-03-01T10:00:00Z,cup,Cup,2,1000,perhaps\n"

    done = run_import(content, name="orders.csv")

    assert "line 2 (r1): /tax_included: Expected `bool`, got `str`." in done.report


def test_payments_that_cannot_be_read_are_refused(run_import):
    content = f"{HEADER},payments\nbr-south,r1,cus1,BRL,2017-03-01T10:00:00Z,cup,Cup,2,1000,by card\n"

    done = run_import(content, name="orders.csv")

    assert "/payments/0: Expected `object`, got `str`." in done.report


def test_rows_that_contradict_each_other_are_refused(run_import):
    content = f"""{HEADER}
br-south,r1,cus1,BRL,2017-03-01T10:00:00Z,cup,Cup,1,1000
br-south,r1,cus2,BRL,2017-03-01T10:00:00Z,plate,Plate,1,1000
"""

    done = run_import(content, name="orders.csv")

    assert done.code == 3
    assert "line 2 (r1): customer_id is 'cus1' at first and 'cus2' in line 3; rows of one order" in done.report
    assert Order.objects.count() == 0


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"br-south,r2", "The row has 2 cells; the header has 9."),
        (b'br-south,r2,"cus"2,BRL,2017-03-01T10:00:00Z,cup,Cup,1,1000', "The row cannot be read: ',' expected after"),
        (b'br-south,r2,"cus2,BRL,2017-03-01T10:00:00Z,cup,Cup,1,1000', "The row cannot be read: unexpected end"),
        (b"br-south,r2,\xff,BRL,2017-03-01T10:00:00Z,cup,Cup,1,1000", "The row cannot be read: 'utf-8' codec"),
        (b"br-south,r2," + b"x" * 5_000_000, "The line has more than 1048576 bytes."),
        (b"br-south,r2," + b"x" * 200_000, "The row cannot be read: field larger than field limit"),
    ],
    ids=["cells", "quote inside", "open quote", "latin-1", "5 MB", "large cell"],
)  # fmt: skip
def test_a_row_that_cannot_be_read_spoils_only_its_neighbours(run_import, tmp_path, bad, reason):
    report = tmp_path / "refused.ndjson"
    rows = [
        f"br-south,{name},cus,BRL,2017-03-01T10:00:00Z,cup,Cup,1,1000".encode() for name in ("r0", "r1", "r3", "r4")
    ]
    rows.insert(2, bad)

    done = run_import(b"\n".join([HEADER.encode(), *rows, b""]), "--report", str(report), name="orders.csv")

    assert "Read 5 lines: 2 placed, 0 skipped, 3 refused." in done.report
    assert set(Order.objects.values_list("external_reference", flat=True)) == {"r0", "r4"}
    refused = [json.loads(row) for row in report.read_text().splitlines()]
    assert [(row["line"], row["external_reference"]) for row in refused] == [(3, "r1"), (4, None), (5, "r3")]
    assert refused[0]["reason"] == "The row in line 4, beside this order, cannot be read and may belong to it."
    assert refused[1]["reason"].startswith(reason)


def test_more_items_than_an_order_may_have_are_refused(run_import):
    rows = "".join(f"br-south,r1,cus,BRL,2017-03-01T10:00:00Z,p{number},,1,1\n" for number in range(600))

    done = run_import(f"{HEADER}\n{rows}", name="orders.csv")

    assert "line 2 (r1): /items: Expected `array` of length <= 500." in done.report
    assert Event.objects.count() == OrderItem.objects.count() == 0


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("", "The file is empty"),
        (HEADER.replace("customer_id,", ""), "The header lacks: customer_id. Every order needs these columns."),
        (HEADER + ",color", "The header names unknown columns: 'color'. Known are: "),
        (HEADER + ",metadata.", "The header names unknown columns: 'metadata.'. Known are: "),
        (HEADER + ",name", "The header names twice: name. Name each column once."),
        ('"' + HEADER, "The header cannot be read: unexpected end of data. Expected CSV in UTF-8."),
    ],
)
def test_a_header_that_makes_no_orders_ends_the_import(run_import, header, error):
    done = run_import(header, name="orders.csv")

    assert done.code == 1
    assert done.error.startswith(error)
