"""The list of orders as a file."""

import csv
import io
import re
import zipfile

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.models import Order
from tests.base import perform
from tests.orders.asking import sell

LIST = "/admin/orders/order/"
PERSONAL = {"name", "email", "phone", "postal_code", "city", "country"}


def rows_of(response):
    text = b"".join(response.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def cells_of(response):
    """Of the sheet: references with type and content."""
    book = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    return re.findall(r'<c r="([A-Z]+[0-9]+)"(?: t="(\w+)")?>(?:<is><t[^>]*>|<v>)([^<]*)', sheet)


@pytest.fixture
def order(api):
    person = {
        "contact": {"email": "ada@example.com", "phone": "+61 2 5550 1234"},
        "shipping_address": {"name": "=cmd|' /C calc'!A0", "city": "Perth", "postal_code": "6000", "country": "AU"},
        "tags": ["-1+1", "vip"],
    }
    return Order.objects.get(pk=sell(api, **person)["id"])


def test_has_every_order_of_the_narrowed_list_in_its_order(admin, order_in, monkeypatch):
    monkeypatch.setattr("orders.admin.orders.pages._MANY", 2)
    orders = [order_in("confirmed") for _ in range(5)]
    order_in("pending")

    rows = rows_of(admin.post(f"{LIST}export.csv?status=confirmed"))

    assert [row["number"] for row in rows] == [order.number for order in reversed(orders)]
    assert {row["status"] for row in rows} == {"confirmed"}


def test_tells_of_an_order_what_a_spreadsheet_can_work_with(admin, order):
    perform("record_payment", order.pk, kind="capture", amount=1000, psp_reference="p1")
    perform("confirm", order.pk)
    perform("ship", order.pk, tracking_number="JD0140")

    (row,) = rows_of(admin.post(f"{LIST}export.csv"))

    told = ["storefront", "status", "payment_status", "currency", "total", "captured", "items", "tracking_numbers"]
    assert [row[name] for name in told] == [
        "au", "shipped", "partially_paid", "AUD", "30.00", "10.00", "2 × cup, 1 × plate", "JD0140"
    ]  # fmt: skip
    assert (row["email"], row["postal_code"], row["placed_at"][-1]) == ("ada@example.com", "6000", "Z")


def test_what_a_spreadsheet_would_calculate_becomes_text(admin, order):
    (row,) = rows_of(admin.post(f"{LIST}export.csv"))
    Order.objects.update(customer_id="@sum(A1)")
    (changed,) = rows_of(admin.post(f"{LIST}export.csv"))
    cells = {content for _, _, content in cells_of(admin.post(f"{LIST}export.xlsx"))}

    assert (row["name"], row["phone"], row["tags"]) == ("'=cmd|' /C calc'!A0", "'+61255501234", "'-1+1, vip")
    assert changed["customer_id"] == "'@sum(A1)"
    assert {"'@sum(A1)", "'=cmd|' /C calc'!A0", "'+61255501234"} <= cells


@pytest.mark.parametrize(
    ("customer_id", "told"),
    [
        ("Ann;=HYPERLINK(1)", "Ann;'=HYPERLINK(1)"),
        ('Ann; "@sum(A1)', "Ann; \"'@sum(A1)"),
        ("Ann\t-1\n+1", "Ann\t'-1\n'+1"),
        ("＝1", "'＝1"),
        ("Ann;＋1;－1;＠1", "Ann;'＋1;'－1;'＠1"),
        (" =1", "' =1"),
        ("Ann;Bob-1=2@3+4", "Ann;Bob-1=2@3+4"),
    ],
)
def test_nor_is_calculated_what_begins_behind_another_separator(admin, order, customer_id, told):
    Order.objects.update(customer_id=customer_id)

    (row,) = rows_of(admin.post(f"{LIST}export.csv"))

    assert row["customer_id"] == told


def test_the_log_names_no_tag_that_was_filtered_by(admin, order):
    rows_of(admin.post(f"{LIST}export.csv?tag=vip"))

    assert LogEntry.objects.get().change_message == "Exported 1 order as CSV (Tag)."


def test_a_sheet_has_texts_and_numbers(admin, order):
    response = admin.post(f"{LIST}export.xlsx")
    cells = {reference: (kind, content) for reference, kind, content in cells_of(response)}

    assert re.fullmatch(r'attachment; filename="orders-[0-9-]+\.xlsx"', response.headers["Content-Disposition"])
    assert (cells["A1"], cells["A2"]) == (("inlineStr", "number"), ("inlineStr", order.number))
    assert ("", "30") in cells.values()


def test_a_sheet_ends_with_as_many_rows_as_are_written_in_time(admin, order_in, monkeypatch):
    monkeypatch.setattr("orders.admin.orders.export.MOST_SHEET_ROWS", 2)
    orders = [order_in("pending") for _ in range(3)]

    cells = {reference: content for reference, _, content in cells_of(admin.post(f"{LIST}export.xlsx"))}

    assert [cells.get(f"A{row}") for row in (2, 3, 4)] == [orders[2].number, orders[1].number, None]


def test_has_what_tells_of_a_person_only_for_whoever_may_see_it(staff, order):
    (seen,) = rows_of(staff("support").post(f"{LIST}export.csv"))
    (masked,) = rows_of(staff("finance").post(f"{LIST}export.csv"))

    assert seen.keys() >= PERSONAL
    assert not masked.keys() & PERSONAL
    assert "ada@" not in str(masked)


def test_staff_who_are_limited_get_their_storefronts(staff, api, client_of, other_storefront, storefront):
    own = Order.objects.get(pk=sell(api)["id"])
    sell(client_of(other_storefront))
    client = staff("lead")
    User.objects.get(username="lead").storefronts.set([storefront])

    assert [row["number"] for row in rows_of(client.post(f"{LIST}export.csv"))] == [own.number]


def test_stands_in_the_staffs_log_without_what_was_searched_for(admin, order):
    rows_of(admin.post(f"{LIST}export.csv?q=ada%40example.com&status=pending&customer={order.customer_id}"))
    unread = admin.post(f"{LIST}export.csv")

    told = list(LogEntry.objects.order_by("pk").values_list("user__username", "change_message"))
    assert told == [
        ("ann", "Exported 1 order as CSV (Status: Pending, Customer id, a search)."),
        ("ann", "Began to export orders as CSV (all)."),
    ]
    assert "Exported 1 order as CSV" in admin.get("/admin/admin/logentry/").content.decode()
    unread.close()


def test_is_asked_for_with_a_post_and_an_address_that_can_be_used(admin, order):
    assert admin.get(f"{LIST}export.csv?status=pending").headers["Location"] == f"{LIST}?status=pending"
    assert admin.post(f"{LIST}export.csv?status=lost").headers["Location"] == f"{LIST}?status=lost"
    assert not LogEntry.objects.exists()


def test_asks_as_many_queries_for_one_order_as_for_many(admin, order_in):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            rows_of(admin.post(f"{LIST}export.csv"))
        return len(queries)

    order_in("shipped")
    asked()
    one = asked()
    for _ in range(4):
        order_in("shipped")

    assert asked() == one
