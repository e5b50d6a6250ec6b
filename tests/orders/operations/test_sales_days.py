"""What was sold on each day is summed up from the events: each once, whatever happens meanwhile."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from events.feed.numbering import number_what_waits
from events.models import FeedHead
from orders import operations
from orders.models import Order, SalesDay, SalesProgress, Storefront
from orders.operations.summing_days import Summed
from orders.reading.sales_days import day_by_orders, missing_from_sums
from tests.base import perform
from tests.orders.asking import sell
from tests.orders.importing.lines import line


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def sum_up() -> Summed:
    number_what_waits()
    return operations.sum_up_days()


def days() -> dict[tuple[str, date, str], tuple[int, int]]:
    rows = SalesDay.objects.select_related("storefront").exclude(placed=0, revenue=0)
    return {(row.storefront.code, row.day, row.currency): (row.placed, row.revenue) for row in rows}


@pytest.fixture
def begun(api: Any) -> None:
    """The sweeper has run, so that from now on only events count."""
    sell(api)
    perform("delete", Order.objects.get().pk)
    sum_up()
    sum_up()
    assert SalesProgress.objects.get().counted_from == date.min
    SalesDay.objects.all().delete()


def test_an_order_counts_on_the_day_it_was_placed_with_what_it_comes_to(begun, api):
    for _ in range(2):
        sell(api)
    sell(api, {"product_id": "cup", "quantity": 3})  # without prices

    sum_up()

    assert days() == {("au", today(), "AUD"): (2, 6000), ("au", today(), ""): (1, 0)}


@pytest.mark.parametrize(
    ("operations_done", "counted"),
    [
        (("confirm", "ship", "complete"), (1, 3000)),
        (("cancel",), (1, 0)),
        (("cancel", "reinstate"), (1, 3000)),
        (("delete",), (0, 0)),
        (("delete", "restore"), (1, 3000)),
        (("cancel", "delete"), (0, 0)),
        (("cancel", "delete", "restore"), (1, 0)),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_what_becomes_of_an_order_changes_its_day(begun, api, operations_done, counted, at_once):
    order_id = sell(api)["id"]
    for name in operations_done:
        if not at_once:
            sum_up()
        perform(name, order_id, reason="a mistake")

    sum_up()

    assert days().get(("au", today(), "AUD"), (0, 0)) == counted
    assert missing_from_sums(Storefront.objects.get().pk, today()) == {}


def test_an_amendment_and_canceled_units_change_what_it_comes_to(begun, api):
    order = sell(api)
    cup = order["items"][0]

    api.post(
        f"/api/v1/orders/{order['id']}/cancel",
        {"cause": "customer", "items": [{"item_id": cup["id"], "quantity": 1}]},
        content_type="application/json",
    )
    sum_up()

    after = Order.objects.get(pk=order["id"])
    assert after.canceled_amount > 0
    assert days()["au", today(), "AUD"] == (1, after.total_amount - after.canceled_amount)


def test_an_order_that_is_imported_counts_on_the_day_it_was_placed(begun, tmp_path):
    file = tmp_path / "orders.ndjson"
    file.write_text(line(storefront="au", currency="AUD"))  # 25.00, placed on the first of March and delivered

    call_command("import_orders", str(file), stdout=io.StringIO(), stderr=io.StringIO())
    sum_up()

    assert days() == {("au", date(2017, 3, 1), "AUD"): (1, 2500)}


def test_payments_of_a_deleted_order_change_nothing(begun, api):
    order_id = sell(api)["id"]
    perform("delete", order_id)
    sum_up()

    api.post(
        f"/api/v1/orders/{order_id}/record_payment",
        {"kind": "capture", "amount": 3000, "psp_reference": "pi_1"},
        content_type="application/json",
    )
    sum_up()

    assert days() == {}


@pytest.mark.parametrize("restored", [True, False])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_deleted_order_without_prices_that_gets_its_currency_by_a_payment_counts_once_it_is_restored(
    begun, api, restored, at_once
):
    order_id = sell(api, {"product_id": "cup", "quantity": 3})["id"]
    storefront = Storefront.objects.get().pk
    capture: dict[str, Any] = {
        "kind": "capture",
        "amount": 3000,
        "currency": "AUD",
        "psp": "acme",
        "psp_reference": "pi_1",
    }
    steps: list[tuple[str, dict[str, Any]]] = [("delete", {}), ("record_payment", capture)]
    for name, asked in [*steps, *([("restore", {})] if restored else [])]:
        if not at_once:
            sum_up()
        perform(name, order_id, **asked)
        assert missing_from_sums(storefront, today()) == {} or at_once

    sum_up()

    assert Order.all_objects.get(pk=order_id).currency == "AUD"
    assert days() == ({("au", today(), "AUD"): (1, 0)} if restored else {})
    assert day_by_orders(storefront, today()) == ({"AUD": (1, 0)} if restored else {})


def test_each_event_counts_once_however_often_and_by_however_many_it_is_summed_up(begun, api):
    for _ in range(6):
        sell(api)
    number_what_waits()

    def work() -> None:
        for _ in range(3):
            operations.sum_up_days()
        connection.close()

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(work) for _ in range(3)]:
            done.result()

    assert days() == {("au", today(), "AUD"): (6, 18000)}
    assert SalesProgress.objects.get().position == FeedHead.objects.get().position


def test_more_events_than_are_added_at_once_are_added_in_turn(begun, api, monkeypatch):
    monkeypatch.setattr("orders.operations.summing_days._EVENTS_AT_ONCE", 2)
    for _ in range(5):
        sell(api)

    assert sum_up().events == 5
    assert days() == {("au", today(), "AUD"): (5, 15000)}


def test_placing_writes_no_sums(begun, api):
    before = days()

    sell(api)

    assert days() == before


def test_days_from_before_there_were_sums_are_counted_from_the_orders(api):
    ids = [sell(api)["id"] for _ in range(4)]
    perform("cancel", ids[0])
    moments = [datetime(2026, 3, 1, 23, 59, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)]
    for order_id, moment in zip(ids, [moments[0], moments[0], moments[1], moments[1]], strict=True):
        Order.objects.filter(pk=order_id).update(placed_at=moment)

    summed = sum_up()

    assert days() == {("au", date(2026, 3, 1), "AUD"): (2, 3000), ("au", date(2026, 3, 2), "AUD"): (2, 6000)}
    assert (summed.days, SalesProgress.objects.get().counted_from) == (2, date.min)


def test_what_happens_while_the_past_is_counted_counts_once(api, monkeypatch):
    ids = [sell(api)["id"] for _ in range(3)]
    number_what_waits()
    monkeypatch.setattr("orders.operations.summing_days._SECONDS", -1)
    operations.sum_up_days()  # begins, and counts no day
    perform("cancel", ids[0])
    number_what_waits()
    operations.sum_up_days()  # its day is not there yet
    perform("cancel", ids[1])  # not numbered when its day is counted
    monkeypatch.undo()
    operations.sum_up_days()

    assert days() == {("au", today(), "AUD"): (3, 6000)}
    sum_up()
    assert days() == {("au", today(), "AUD"): (3, 3000)}


def test_currencies_and_storefronts_are_never_mixed(begun, api, client_of, other_storefront):
    sell(api)
    sell(client_of(other_storefront))

    sum_up()
    sum_up()

    assert days() == {("au", today(), "AUD"): (1, 3000), ("nz", today(), "NZD"): (1, 3000)}


def test_the_doctor_finds_a_day_that_is_wrong_and_mends_it(begun, api):
    sell(api)
    sum_up()
    SalesDay.objects.update(placed=7, revenue=1)
    out = io.StringIO()

    call_command("doctor", "--mend", stdout=out)
    again = io.StringIO()
    call_command("doctor", "--mend", stdout=again)

    assert out.getvalue().splitlines() == [
        f"Counted anew: storefront au, {today()}: -6 orders and +2,999 AUD by the orders",
        "Counted 1 day anew.",
    ]
    assert again.getvalue() == "Counted 0 days anew.\n"
    assert days() == {("au", today(), "AUD"): (1, 3000)}


def test_a_sweep_sums_up_and_tells_what_of_the_past_it_has_counted(api):
    sell(api)
    out = io.StringIO()

    call_command("sweep", "--once", stdout=out)

    assert "1 days of the past counted" in out.getvalue()
    assert days() == {("au", today(), "AUD"): (1, 3000)}
