import json

import pytest

from events.models import Event
from orders.announcing.signals import order_changed
from orders.models import Order, PaymentRecord, Shipment, Storefront
from tests.base import perform
from tests.orders.importing.lines import line


def test_names_line_reference_and_reason_and_goes_on(run_import, tmp_path):
    report = tmp_path / "refused.ndjson"
    content = line("r1") + "\n" + line("r2", total_amount=2600) + "   \n" + line("r3")

    done = run_import(content, "--report", str(report))

    assert done.code == 3
    assert done.error.startswith("1 of 3 lines were refused.")
    assert done.report.splitlines() == [
        "Read 3 lines: 2 placed, 0 skipped, 1 refused.",
        "Refused:",
        "  line 3 (r2): total_amount is 2600, but items + shipping + tax − discount is 2500: a difference of 100.",
    ]
    assert json.loads(report.read_text()) == {
        "line": 3,
        "external_reference": "r2",
        "code": "totals_mismatch",
        "reason": "total_amount is 2600, but items + shipping + tax − discount is 2500: a difference of 100.",
        "errors": [{"pointer": "/total_amount", "code": "totals_mismatch", "detail": "Expected 2500."}],
        "expected": 2500,
        "got": 2600,
        "difference": 100,
    }
    assert set(Order.objects.values_list("external_reference", flat=True)) == {"r1", "r3"}


def test_the_screen_shows_twenty_refusals_and_the_report_all(run_import, tmp_path):
    report = tmp_path / "refused.ndjson"

    done = run_import("nonsense\n" * 25, "--report", str(report), "--batch", "10")

    assert done.code == 3
    assert "Read 25 lines: 0 placed, 0 skipped, 25 refused." in done.report
    assert done.report.count("The line is not JSON") == 20
    assert done.report.endswith("  and 5 more.\n")
    assert [json.loads(row)["line"] for row in report.read_text().splitlines()] == list(range(1, 26))


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"storefront": "BR South"}, "/storefront", "wrong_format"),
        ({"storefront": "br\n"}, "/storefront", "wrong_format"),
        ({"storefront": ...}, "/storefront", "required"),
        ({"external_reference": ...}, "/external_reference", "required"),
        ({"external_reference": None}, "/external_reference", "wrong_type"),
        ({"external_reference": "x" * 101}, "/external_reference", "out_of_range"),
        ({"customer_id": 7}, "/customer_id", "wrong_type"),
        ({"currency": "XXQ"}, "/currency", "unknown_currency"),
        ({"currency": "R$"}, "/currency", "wrong_format"),
        ({"contact": {"email": "Ana <ana@example.com>"}}, "/contact/email", "wrong_format"),
        ({"shipping_address": {"country": "ZZ"}}, "/shipping_address/country", "unknown_country"),
        ({"placed_at": ...}, "/placed_at", "required"),
        ({"placed_at": "2017-03-01T10:00:00"}, "/placed_at", "wrong_type"),
        ({"placed_at": "01/03/2017"}, "/placed_at", "invalid"),
        ({"placed_at": "1969-12-31T23:59:59Z"}, "/placed_at", "out_of_range"),
        ({"placed_at": "0001-01-01T00:00:00+14:00"}, "/placed_at", "out_of_range"),
        ({"placed_at": "2999-01-01T00:00:00Z"}, "/placed_at", "out_of_range"),
        ({"items": []}, "/items", "out_of_range"),
        ({"items": [{"product_id": "cup", "quantity": 0}]}, "/items/0/quantity", "out_of_range"),
        ({"items": [{"product_id": "cup", "quantity": 1.5}]}, "/items/0/quantity", "wrong_type"),
        ({"surprise": 1}, "/surprise", "unknown_field"),
        ({"history": {"status": "lost"}}, "/history/status", "not_a_choice"),
        ({"history": {"status": "created", "packed_at": None}}, "/history/packed_at", "unknown_field"),
        ({"history": {"delivered_at": "2999-01-01T00:00:00Z"}}, "/history/delivered_at", "out_of_range"),
        (
            {"history": {"estimated_delivery_at": "9999-12-31T23:59:59-14:00"}},
            "/history/estimated_delivery_at",
            "out_of_range",
        ),
        ({"payments": [{"method": "cash", "amount": -1}]}, "/payments/0/amount", "out_of_range"),
        ({"metadata": {str(number): "x" for number in range(46)}}, "/metadata", "out_of_range"),
        ({"customer_id": "a\0b"}, "/customer_id", "wrong_format"),
        ({"customer_id": " "}, "/customer_id", "wrong_format"),
        ({"external_reference": "A-1\u00a0"}, "/external_reference", "wrong_format"),
        (
            {"items": [{"product_id": "cup\n", "quantity": 1, "unit_amount": 2000}]},
            "/items/0/product_id",
            "wrong_format",
        ),
        ({"note": "a\0b"}, "/note", "nul_character"),
    ],
)
def test_refuses_a_field_that_does_not_fit_and_writes_nothing_of_its_line(run_import, tmp_path, changes, pointer, code):
    report = tmp_path / "refused.ndjson"

    done = run_import(line(**changes) + line("good"), "--report", str(report))

    refused = json.loads(report.read_text())
    assert (done.code, refused["line"]) == (3, 1)
    assert [(error["pointer"], error["code"]) for error in refused["errors"]] == [(pointer, code)]
    assert list(Order.objects.values_list("external_reference", flat=True)) == ["good"]
    assert Event.objects.count() == 6


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "The line is not JSON: Input data was truncated"),
        (b"[1, 2]", "Expected `object`, got `array`"),
        (b"null", "Expected `object`, got `null`"),
        (b'{"storefront": "\xff"}', "The line is not JSON: 'utf-8' codec can't decode byte 0xff"),
        (b'{"storefront": "\\ud800"}', "The line is not JSON"),
        (b'{"storefront": "\xed\xa0\x80"}', "The line is not JSON"),
        (b"\0\0\0", "The line is not JSON: JSON is malformed: invalid character (byte 0)"),
        (b"[" * 100_000, "The line is not JSON"),
        (b'{"note": "' + b"x" * 5_000_000 + b'"}', "The line has more than 1048576 bytes."),
    ],
    ids=["cut", "array", "null", "latin-1", "surrogate", "encoded surrogate", "NUL bytes", "deep", "5 MB"],
)
def test_refuses_a_line_that_is_no_order_and_reads_the_next(run_import, text, reason):
    done = run_import(text + b"\r\n" + line("good").encode())

    assert done.code == 3
    assert "Read 2 lines: 1 placed, 0 skipped, 1 refused." in done.report
    assert f"  line 1: {reason}" in done.report
    assert Order.objects.get().external_reference == "good"


def test_amounts_of_no_currency_are_refused_and_the_others_taken(run_import):
    done = run_import(line("r1", currency=..., storefront="nowhere") + line("r2"))

    assert done.code == 3
    assert "line 1 (r1): /currency: Amounts need a currency" in done.report
    assert list(Order.objects.values_list("external_reference", flat=True)) == ["r2"]


def test_a_storefront_whose_lines_are_all_refused_is_not_made(run_import):
    run_import(line(storefront="nowhere", total_amount=1))

    assert not Storefront.objects.exists()


def test_a_mark_before_utf8_and_a_last_line_without_an_end_are_read(run_import):
    done = run_import(b"\xef\xbb\xbf" + line("r1").encode() + line("r2").encode().rstrip())

    assert done.code == 0
    assert Order.objects.count() == 2


def test_control_characters_of_a_line_do_not_reach_the_terminal(run_import):
    done = run_import(line(history={"status": "\x1b[2Jgone"}, external_reference="\x1b[31m"))

    assert "\x1b" not in done.report


@pytest.mark.parametrize("operation", ["place", "ship", "complete"])
def test_an_order_the_database_refuses_at_some_operation_does_not_end_the_others(run_import, operation):
    def spoil_one(change, **kwargs):
        if change.document["external_reference"] == "r3" and change.operation == operation:
            change.events[0].sequence = 2**40  # more than its column holds

    order_changed.connect(spoil_one)
    try:
        done = run_import("".join(line(f"r{number}") for number in range(7)))
    finally:
        order_changed.disconnect(spoil_one)

    assert done.code == 3
    assert "Read 7 lines: 6 placed, 0 skipped, 1 refused." in done.report
    assert "line 4 (r3): The database refuses the order: " in done.report
    assert not Order.objects.filter(external_reference="r3").exists()
    assert Event.objects.count() == 36
    assert Shipment.objects.count() == PaymentRecord.objects.count() == 6


def test_an_order_of_which_one_operation_is_refused_is_not_there_at_all_and_the_others_are(
    run_import, place_order, tmp_path
):
    report = tmp_path / "refused.ndjson"
    other = place_order(cup=1)
    perform("record_payment", other["id"], kind="capture", amount=1, psp="import", psp_reference="r2/1")
    content = "".join(line(f"r{number}", storefront="au", currency="AUD") for number in range(5))

    done = run_import(content, "--report", str(report))

    assert done.code == 3
    assert "Read 5 lines: 4 placed, 0 skipped, 1 refused." in done.report
    refused = json.loads(report.read_text())
    assert (refused["line"], refused["external_reference"], refused["code"]) == (3, "r2", "payment_conflict")
    imported = Order.objects.exclude(external_reference=None)
    assert set(imported.values_list("external_reference", "status", "version")) == {
        ("r0", "completed", 6), ("r1", "completed", 6), ("r3", "completed", 6), ("r4", "completed", 6),
    }  # fmt: skip
    assert not Event.objects.filter(data__order__external_reference="r2").exists()
