"""What a file tells of money that was authorized, voided or given back, and of single units."""

import json

import pytest

from orders.models import Order, PaymentRecord
from tests.orders.importing.lines import history, line
from tests.orders.importing.lives import life_of, operations_of

pytestmark = pytest.mark.usefixtures("nothing_is_wrong_afterwards")

AUTHORIZED = "2017-03-01T10:30:00Z"
APPROVED = "2017-03-01T11:00:00Z"
SHIPPED = "2017-03-02T12:00:00Z"
CANCELED = "2017-03-03T09:00:00Z"
ITEMS = [
    {"product_id": "cup", "quantity": 2, "unit_amount": 1000},
    {"product_id": "plate", "quantity": 1, "unit_amount": 500},
]


def payments() -> list[tuple[str, int, str, str | None]]:
    """Kind, amount, reference and the reference it belongs to, as they were recorded."""
    return list(PaymentRecord.objects.order_by("id").values_list("kind", "amount", "psp_reference", "parent_reference"))


def test_what_was_authorized_waits_for_its_capture(run_import):
    done = run_import(line(history=history("created", authorized_at=AUTHORIZED)))

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert (order.status, order.payment_status, order.authorized_amount) == ("pending", "authorized", 2500)
    assert payments() == [("authorization", 2500, "r1/authorized", None)]


def test_a_capture_belongs_to_the_authorization(run_import):
    run_import(line(history=history("approved", authorized_at=AUTHORIZED, approved_at=APPROVED)))

    assert payments() == [
        ("authorization", 2500, "r1/authorized", None),
        ("capture", 2500, "r1/1", "r1/authorized"),
    ]
    assert life_of()[1:3] == [("record_payment", "2017-03-01 10:30"), ("record_payment", "2017-03-01 11:00")]


def test_what_was_voided_is_promised_no_more(run_import):
    told = history("canceled", authorized_at=AUTHORIZED, voided_at=CANCELED, canceled_at=CANCELED)

    run_import(line(history=told))

    order = Order.objects.get()
    assert (order.status, order.payment_status, order.authorized_amount) == ("canceled", "unpaid", 0)
    assert payments()[1] == ("void", 2500, "r1/voided", "r1/authorized")
    assert life_of()[-2:] == [("cancel", "2017-03-03 09:00"), ("record_payment", "2017-03-03 09:00")]


def test_what_was_given_back_is_recorded_once_it_was_paid(run_import):
    told = history("canceled", approved_at=APPROVED, canceled_at=CANCELED)

    run_import(line(history=told | {"refunded_amount": 2500}))

    order = Order.objects.get()
    assert (order.status, order.payment_status, order.refunded_amount) == ("canceled", "refunded", 2500)
    assert (order.due_amount, order.kept_amount, order.refund_pending_amount) == (0, 0, 0)
    assert payments()[1] == ("refund", 2500, "r1/refunded/2500", None)


def test_units_that_have_left_leave_the_others_open(run_import):
    told = history("shipped", approved_at=APPROVED, shipped_at=SHIPPED)

    done = run_import(line(items=ITEMS, total_amount=3000, history=told | {"items": [{"shipped": 1}, {"shipped": 0}]}))

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert (order.status, order.fulfillment_status) == ("confirmed", "partial")
    assert list(order.items.order_by("position").values_list("quantity", "shipped", "canceled")) == [
        (2, 1, 0),
        (1, 0, 0),
    ]
    assert operations_of() == ["place", "record_payment", "confirm", "ship"]


def test_a_canceled_unit_is_owed_no_more_and_the_rest_is_shipped(run_import):
    told = history("shipped", approved_at=APPROVED, shipped_at=SHIPPED)

    run_import(line(items=ITEMS, total_amount=3000, history=told | {"items": [{}, {"canceled": 1}]}))

    order = Order.objects.get()
    assert (order.status, order.fulfillment_status) == ("shipped", "fulfilled")
    assert (order.total_amount, order.credited_amount) == (3000, 500)
    assert operations_of() == ["place", "record_payment", "confirm", "cancel", "ship"]


def test_an_order_canceled_after_its_first_parcel_keeps_what_has_left(run_import):
    told = history("canceled", approved_at=APPROVED, shipped_at=SHIPPED, canceled_at=CANCELED)

    run_import(line(items=ITEMS, total_amount=3000, history=told | {"items": [{"shipped": 2}, {"shipped": 0}]}))

    order = Order.objects.get()
    assert (order.status, order.fulfillment_status, order.credited_amount) == ("shipped", "fulfilled", 500)
    assert life_of()[-2:] == [("ship", "2017-03-02 12:00"), ("cancel", "2017-03-03 09:00")]


@pytest.mark.parametrize(
    ("told", "pointer", "detail"),
    [
        ({"items": [{}, {}]}, "/history/items", "There are 2 entries, and 1 items: give one for each item, or none."),
        (
            {"items": [{"shipped": 2, "canceled": 1}]},
            "/history/items/0",
            "3 units were shipped or canceled, and the item has 2.",
        ),
        ({"canceled_at": "2999-01-01T00:00:00Z"}, "/history/canceled_at", None),
        (
            {"approved_at": APPROVED, "refunded_amount": 2501},
            "/history/refunded_amount",
            "2501 was given back, and 2500 paid; payments count with `approved_at`.",
        ),
        (
            {"refunded_amount": 1},
            "/history/refunded_amount",
            "1 was given back, and 0 paid; payments count with `approved_at`.",
        ),
    ],
)
def test_more_than_there_was_is_refused(run_import, tmp_path, told, pointer, detail):
    report = tmp_path / "refused.ndjson"

    done = run_import(line(history=history("approved") | told), "--report", str(report))

    [error] = json.loads(report.read_text())["errors"]
    assert (done.code, error["pointer"], error["code"]) == (3, pointer, "out_of_range")
    assert detail in (None, error["detail"])
    assert Order.objects.count() == 0
