"""An order that is here already lives through what a later file tells."""

import itertools
import json
import re
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from events.models import Event
from inventory_client.models import Stock
from orders.importing.marketplace import STATUS_OF
from orders.models import Order, PaymentRecord, Storefront
from orders.requests.operations import Units
from orders.rules.statuses import HoldKind
from tests.base import perform
from tests.orders.importing.lines import history, line
from tests.orders.importing.lives import life_of, operations_of
from tests.processes import running

pytestmark = pytest.mark.usefixtures("nothing_is_wrong_afterwards")

APPROVED = "2017-03-01T11:00:00Z"
SHIPPED = "2017-03-02T12:00:00Z"
DELIVERED = "2017-03-05T13:00:00Z"
CREATED_LINE = line(history=history("created"))
APPROVED_LINE = line(history=history("approved", approved_at=APPROVED))
SHIPPED_LINE = line(history=history("shipped", approved_at=APPROVED, shipped_at=SHIPPED))
DELIVERED_LINE = line(
    history=history("delivered", approved_at=APPROVED, shipped_at=SHIPPED, delivered_at=DELIVERED)
)  # fmt: skip
CANCELED_LINE = line(history=history("canceled", approved_at=APPROVED, canceled_at=SHIPPED))
TWO_ITEMS = [
    {"product_id": "cup", "quantity": 2, "unit_amount": 1000},
    {"product_id": "plate", "quantity": 1, "unit_amount": 500},
]


def payments() -> list[tuple[str, int, str]]:
    return list(PaymentRecord.objects.order_by("id").values_list("kind", "amount", "psp_reference"))


def test_a_life_told_in_four_files_is_the_life_told_in_one(run_import):
    reports = [run_import(told) for told in (CREATED_LINE, APPROVED_LINE, SHIPPED_LINE, DELIVERED_LINE)]

    assert [done.code for done in reports] == [0, 0, 0, 0]
    assert reports[1].report == ("Read 1 line: 0 placed, 1 moved forward, 0 skipped, 0 refused.\n")
    assert life_of() == [
        ("place", "2017-03-01 10:00"),
        ("record_payment", "2017-03-01 11:00"),
        ("confirm", "2017-03-01 11:00"),
        ("ship", "2017-03-02 12:00"),
        ("deliver", "2017-03-05 13:00"),
        ("complete", "2017-03-05 13:00"),
    ]
    order = Order.objects.get()
    assert (order.status, order.payment_status, order.version) == ("completed", "paid", 6)
    assert order.updated_at == datetime(2017, 3, 5, 13, tzinfo=UTC)
    assert {(event.actor, event.told_reason) for event in Event.objects.with_reasons()} == {
        ("system:import_orders", "imported")
    }


def test_the_same_file_again_is_nothing_new(run_import):
    run_import(APPROVED_LINE)
    run_import(SHIPPED_LINE)

    again = run_import(SHIPPED_LINE)

    assert again.report == "Read 1 line: 0 placed, 1 skipped, 0 refused. Skipped ones were there already.\n"
    assert (Order.objects.get().version, Event.objects.count()) == (4, 4)


@pytest.mark.parametrize(
    ("word", "stamps", "items"),
    list(
        itertools.product(
            STATUS_OF,
            [{}, {"approved_at": APPROVED}, {"approved_at": APPROVED, "shipped_at": SHIPPED}],
            [
                [],
                [{"shipped": 1}, {"canceled": 1}],
                [{"canceled": 1}, {"shipped": 0}],
                [{"shipped": 2}, {"shipped": 1}],
                [{"canceled": 2}, {"canceled": 1}],
            ],
        )
    ),
)
def test_whatever_a_file_tells_it_tells_nothing_new_the_second_time(run_import, word, stamps, items):
    told = line(items=TWO_ITEMS, total_amount=3000, history=history(word, **stamps) | {"items": items})
    run_import(told)

    again = run_import(told)

    assert again.report == "Read 1 line: 0 placed, 1 skipped, 0 refused. Skipped ones were there already.\n"


_AUTHORIZED = {"authorized_at": "2017-03-01T10:30:00Z"}
_PAID = _AUTHORIZED | {"approved_at": APPROVED}
_SENT = _PAID | {"shipped_at": SHIPPED}
_STAGES = {
    "created": history("created"),
    "authorized": history("created", **_AUTHORIZED),
    "paid": history("approved", **_PAID),
    "one canceled": history("approved", **_PAID) | {"items": [{"shipped": 0, "canceled": 1}, {"shipped": 0}]},
    "one sent": history("approved", **_SENT) | {"items": [{"shipped": 1, "canceled": 1}, {"shipped": 0}]},
    "sent": history("shipped", **_SENT) | {"items": [{"canceled": 1}, {}]},
    "arrived": history("delivered", **_SENT, delivered_at=DELIVERED) | {"items": [{"canceled": 1}, {}]},
    "given back": history("delivered", **_SENT, delivered_at=DELIVERED)
    | {"items": [{"canceled": 1}, {}], "refunded_amount": 1000},
}


def _what_became_of(reference: str) -> dict[str, object]:
    order = Order.objects.get(external_reference=reference)
    return {
        "statuses": (order.status, order.payment_status, order.fulfillment_status),
        "money": (order.authorized_amount, order.captured_amount, order.refunded_amount, order.credited_amount),
        "units": list(order.items.order_by("position").values_list("product_id", "shipped", "canceled")),
        "payments": sorted(order.payments.values_list("kind", "amount")),
        "delivered_at": order.delivered_at,
    }


@pytest.mark.parametrize(("earlier", "later"), list(itertools.combinations(_STAGES, 2)))
def test_told_in_two_files_it_is_what_it_is_told_in_one(run_import, earlier, later):
    def told(reference, stage):
        return line(reference, items=TWO_ITEMS, total_amount=3000, payments=..., history=_STAGES[stage])

    reports = [run_import(told("twice", earlier)), run_import(told("twice", later)), run_import(told("once", later))]

    assert [done.error for done in reports] == ["", "", ""]
    assert _what_became_of("twice") == _what_became_of("once")


def test_what_has_no_stamp_happens_when_the_file_is_read(run_import):
    run_import(line(history=history("created")))
    before = timezone.now()

    run_import(line(history=history("delivered")))

    placed, confirmed, shipped, completed = Event.objects.order_by("sequence")
    assert placed.occurred_at == datetime(2017, 3, 1, 10, tzinfo=UTC)
    for event in (confirmed, shipped, completed):
        assert before - timedelta(seconds=1) <= event.occurred_at <= timezone.now() + timedelta(seconds=1)


def test_nothing_happens_before_what_the_order_has_lived_through(run_import):
    run_import(APPROVED_LINE)
    order = Order.objects.get()
    perform("change_details", order.pk, note="Ring twice.")
    changed_at = Order.objects.get().updated_at

    run_import(SHIPPED_LINE)

    *_, event = Event.objects.order_by("sequence")
    assert (event.data["operation"], event.occurred_at) == ("ship", changed_at)
    assert Order.objects.get().shipments.get().shipped_at == datetime(2017, 3, 2, 12, tzinfo=UTC)


def test_money_is_recorded_for_what_has_come_since(run_import):
    payment = [{"method": "card", "amount": 1000}]
    more = [{"method": "card", "amount": 2500}]
    told = history("approved", approved_at=APPROVED)

    run_import(line(payments=payment, history=told))
    run_import(line(payments=more, history=told))
    run_import(line(payments=more, history=told | {"refunded_amount": 300}))
    run_import(line(payments=more, history=told | {"refunded_amount": 500}))

    assert payments() == [
        ("capture", 1000, "r1/1"),
        ("capture", 1500, "r1/captured/2500"),
        ("refund", 300, "r1/refunded/300"),
        ("refund", 200, "r1/refunded/500"),
    ]


def test_what_was_authorized_is_captured_or_voided_later(run_import):
    authorized = history("created", authorized_at=APPROVED)
    for reference in ("paid", "voided"):
        run_import(line(reference, history=authorized))

    run_import(line("paid", history=history("approved", approved_at=SHIPPED)))
    run_import(line("voided", history=authorized | {"status": "canceled", "voided_at": SHIPPED}))

    capture = PaymentRecord.objects.get(kind="capture")
    assert (capture.psp_reference, capture.parent_reference) == ("paid/1", "paid/authorized")
    paid, voided = (Order.objects.get(external_reference=reference) for reference in ("paid", "voided"))
    assert (paid.status, paid.payment_status) == ("confirmed", "paid")
    assert (voided.status, voided.payment_status, voided.authorized_amount) == ("canceled", "unpaid", 0)


def test_what_the_provider_has_told_of_is_not_recorded_twice(run_import):
    run_import(CREATED_LINE)
    perform("record_payment", Order.objects.get().pk, kind="capture", amount=2500, psp="stripe", psp_reference="ch_1")

    run_import(APPROVED_LINE)

    assert payments() == [("capture", 2500, "ch_1")]
    assert Order.objects.get().status == "confirmed"


def test_a_payment_that_was_taken_back_here_stays_so(run_import):
    run_import(APPROVED_LINE)
    perform("correct_payment", Order.objects.get().pk, reason="Another order's")

    again = run_import(APPROVED_LINE)

    assert "0 placed, 1 skipped, 0 refused" in again.report
    assert Order.objects.get().captured_amount == 0


def test_a_shipment_that_was_undone_here_is_done_again_where_the_file_still_tells_it(run_import):
    run_import(SHIPPED_LINE)
    perform("undo_shipment", Order.objects.get().pk, reason="Another order's parcel")
    assert Order.objects.get().status == "confirmed"

    done = run_import(SHIPPED_LINE)

    assert (done.code, "1 moved forward" in done.report) == (0, True)
    assert operations_of()[-2:] == ["undo_shipment", "ship"]
    assert Order.objects.get().status == "shipped"


def test_units_leave_in_the_parcels_in_which_the_files_tell_of_them(run_import):
    def told(cups, plates, **stamps):
        units = {"items": [{"shipped": cups}, {"shipped": plates}]}
        return line(items=TWO_ITEMS, total_amount=3000, history=history("approved", **stamps) | units)

    run_import(told(0, 0, approved_at=APPROVED))
    run_import(told(1, 0, approved_at=APPROVED, shipped_at=SHIPPED))
    assert Order.objects.get().status == "confirmed"
    run_import(told(2, 1, approved_at=APPROVED, shipped_at=DELIVERED))

    order = Order.objects.get()
    parcels = order.shipments.order_by("shipped_at")
    assert [sum(part.quantity for part in parcel.items.all()) for parcel in parcels] == [1, 2]
    assert (order.status, order.fulfillment_status) == ("shipped", "fulfilled")


def test_items_may_stand_in_another_order_in_the_later_file(run_import):
    told = history("shipped", approved_at=APPROVED, shipped_at=SHIPPED)
    run_import(line(items=TWO_ITEMS, total_amount=3000, history=history("created")))

    units = {"items": [{"shipped": 1}, {"shipped": 0}]}
    run_import(line(items=TWO_ITEMS[::-1], total_amount=3000, history=told | units))

    shipped = Order.objects.get().items.order_by("position").values_list("product_id", "shipped")
    assert list(shipped) == [("cup", 0), ("plate", 1)]


def test_of_items_that_are_alike_the_one_that_was_sent_is_the_one_that_was_sent(run_import):
    cups = [{"product_id": "cup", "quantity": 1, "unit_amount": 1000}] * 2
    told = history("approved", approved_at=APPROVED, shipped_at=SHIPPED)
    first, second = ([{"shipped": 1}, {"shipped": 0}], [{"shipped": 0}, {"shipped": 1}])
    run_import(line(items=cups, history=told | {"items": first}))

    done = run_import(line(items=cups, history=told | {"items": second}))

    assert done.report == "Read 1 line: 0 placed, 1 skipped, 0 refused. Skipped ones were there already.\n"
    assert sorted(Order.objects.get().items.values_list("shipped", flat=True)) == [0, 1]


def test_all_that_is_open_here_is_shipped_with_an_order_that_was_shipped(run_import):
    run_import(line(items=TWO_ITEMS, total_amount=3000, history=history("approved", approved_at=APPROVED)))
    order = Order.objects.get()
    perform("cancel", order.pk, items=[Units(order.items.get(product_id="plate").pk, 1)])

    run_import(
        line(items=TWO_ITEMS, total_amount=3000, history=history("shipped", approved_at=APPROVED, shipped_at=SHIPPED))
    )

    order.refresh_from_db()
    assert (order.status, operations_of()[-1]) == ("shipped", "ship")
    assert list(order.items.order_by("position").values_list("shipped", "canceled")) == [(2, 0), (0, 1)]


def test_a_cancellation_ends_the_order_and_gives_its_stock_back(run_import, stock):
    stock(cup=5)
    run_import(CREATED_LINE, "--place")
    assert Stock.objects.get(pk="cup").reserved == 2

    done = run_import(CANCELED_LINE)

    assert (done.code, "1 moved forward" in done.report) == (0, True)
    order = Order.objects.get()
    assert (order.status, order.cancel_reason, order.payment_status) == ("canceled", "other", "overpaid")
    assert Stock.objects.get(pk="cup").reserved == 0


def test_a_cancellation_of_which_no_items_are_known_any_more_ends_the_order_too(run_import):
    run_import(CREATED_LINE)

    done = run_import(line(items=[], total_amount=..., payments=..., shipping_amount=..., history=history("canceled")))

    assert (done.code, "1 moved forward" in done.report) == (0, True)
    assert Order.objects.get().status == "canceled"


@pytest.mark.parametrize(
    ("here", "told", "remark"),
    [
        (DELIVERED_LINE, SHIPPED_LINE, "It is completed here, and shipped in the file: nothing is moved back."),
        (SHIPPED_LINE, APPROVED_LINE, "It is shipped here, and confirmed in the file: nothing is moved back."),
        (APPROVED_LINE, CREATED_LINE, "It is confirmed here, and pending in the file: nothing is moved back."),
        (CANCELED_LINE, APPROVED_LINE, "It is canceled here, and confirmed in the file: nothing is moved back."),
        (SHIPPED_LINE, CANCELED_LINE, "It is shipped here, and canceled in the file: nothing is moved back."),
    ],
)
def test_a_file_that_is_behind_moves_nothing_back_and_says_so(run_import, tmp_path, here, told, remark):
    report = tmp_path / "report.ndjson"
    run_import(here)
    version = Order.objects.get().version

    done = run_import(told, "--report", str(report))

    assert (done.code, done.report.splitlines()) == (
        0,
        [
            "Read 1 line: 0 placed, 1 skipped, 0 refused. Skipped ones were there already, or are told below.",
            "Not done:",
            f"  line 1 (r1): {remark}",
        ],
    )
    assert json.loads(report.read_text()) == {
        "line": 1, "external_reference": "r1", "code": "not_moved_back", "reason": remark, "errors": [],
    }  # fmt: skip
    assert Order.objects.get().version == version


def test_an_order_that_is_confirmed_because_it_was_paid_is_not_behind(run_import):
    told = line(history=history("created", approved_at=APPROVED))
    run_import(CREATED_LINE)
    Storefront.objects.update(confirmation_policy="on_payment")

    moved, again = run_import(told), run_import(told)

    assert ("1 moved forward" in moved.report, "Not done" in again.report) == (True, False)
    assert operations_of() == ["place", "record_payment"]
    assert Order.objects.get().status == "confirmed"


def test_an_order_of_other_items_is_not_moved_and_refused(run_import, tmp_path):
    report = tmp_path / "report.ndjson"
    run_import(CREATED_LINE)
    other = [{"product_id": "cup", "name": "Cup", "quantity": 3, "unit_amount": 1000}]

    done = run_import(
        line(items=other, total_amount=3500, payments=..., history=history("shipped", approved_at=APPROVED)),
        "--report",
        str(report),
    )

    assert done.code == 3
    assert (
        "  line 1 (r1): The order is another one here than in the file: its items are 2 cup for 2000 here, and 3 cup "
        "for 3000 in the file; its total is 2500 here, and 3500 in the file. It is not moved forward."
    ) in done.report
    assert json.loads(report.read_text())["errors"][0]["code"] == "differs_from_order"
    assert operations_of() == ["place"]


def test_an_order_of_other_items_that_would_not_be_moved_is_told(run_import):
    run_import(DELIVERED_LINE)
    other = [{"product_id": "cup", "name": "Cup", "quantity": 2, "unit_amount": 900}]

    done = run_import(line(items=other, total_amount=2300, payments=..., history=history("approved")))

    assert done.code == 0
    assert (
        "line 1 (r1): The order is another one here than in the file: its items are 2 cup for 2000 here, and 2 cup for "
        "1800 in the file; its total is 2500 here, and 2300 in the file."
    ) in done.report


def test_what_the_operations_refuse_is_told_and_nothing_of_it_done(run_import):
    run_import(CREATED_LINE)
    perform("hold", Order.objects.get().pk, kind=HoldKind.FRAUD)

    done = run_import(SHIPPED_LINE)

    assert done.code == 3
    assert "line 1 (r1): " in done.report
    assert operations_of() == ["place", "hold"]
    assert payments() == []


def test_what_was_canceled_here_and_shipped_there_is_refused(run_import):
    run_import(CREATED_LINE)
    perform("cancel", Order.objects.get().pk)

    done = run_import(line(history=history("shipped", shipped_at=SHIPPED)))

    assert done.code == 3
    assert "line 1 (r1): A canceled order cannot be shipped" in done.report
    assert Order.objects.get().status == "canceled"


def test_an_order_that_others_are_in_the_way_of_is_looked_at_again_and_moved_once(run_import, others_in_the_way):
    run_import(CREATED_LINE)

    with others_in_the_way(2):
        done = run_import(APPROVED_LINE)

    assert (done.code, "1 moved forward" in done.report) == (0, True)
    assert operations_of() == ["place", "record_payment", "confirm"]
    assert payments() == [("capture", 2500, "r1/1")]


def test_an_order_that_others_are_always_in_the_way_of_stays_as_it_was_and_is_told(run_import, others_in_the_way):
    run_import(CREATED_LINE)

    with others_in_the_way(100):
        done = run_import(APPROVED_LINE)

    assert done.code == 3
    assert "0 moved forward" not in done.report
    assert "line 1 (r1): " in done.report
    assert operations_of() == ["place"]


def test_a_deleted_order_is_left_alone(run_import):
    run_import(CREATED_LINE)
    perform("delete", Order.objects.get().pk)

    done = run_import(DELIVERED_LINE)

    assert done.report == "Read 1 line: 0 placed, 1 skipped, 0 refused. Skipped ones were there already.\n"
    assert operations_of() == ["place", "delete"]


def test_placing_anew_moves_nothing_forward(run_import):
    run_import(CREATED_LINE)

    done = run_import(DELIVERED_LINE, "--place")

    assert "0 placed, 1 skipped, 0 refused" in done.report
    assert Order.objects.get().status == "pending"


@pytest.mark.slow
def test_two_imports_at_once_move_each_order_once(run_import, command_environment, manage_py, tmp_path):
    run_import("".join(line(f"r{number}", history=history("created")) for number in range(40)))
    (tmp_path / "later.ndjson").write_text("".join(line(f"r{number}") for number in range(40)))
    (tmp_path / "reversed.ndjson").write_text("".join(line(f"r{number}") for number in reversed(range(40))))

    with ExitStack() as started:
        racing = [
            started.enter_context(running(
                [sys.executable, manage_py, "import_orders", tmp_path / name, "--batch=7"],
                env=command_environment, stdout=subprocess.PIPE, text=True,
            ))
            for name in ("later.ndjson", "reversed.ndjson")
        ]  # fmt: skip
        reports = [import_.communicate()[0] for import_ in racing]

    assert [import_.returncode for import_ in racing] == [0, 0]
    assert sum(int(count) for told in reports for count in re.findall(r"(\d+) moved forward", told)) == 40
    assert Order.objects.filter(status="completed", version=6, payment_status="paid").count() == 40
    assert (PaymentRecord.objects.count(), Event.objects.count()) == (40, 240)
