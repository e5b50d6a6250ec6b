"""What is old enough, as its storefront says, tells of nobody any more."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import REGISTRY

from orders import operations
from orders.announcing.signals import order_changed
from orders.models import IdempotentAnswer, Order, Storefront, UpkeepFailure
from orders.operations import retention
from orders.operations.stored_answers import find_answers
from tests.base import perform
from tests.orders.asking import done, last_event, read


@pytest.fixture
def ended(api, place_order) -> Any:
    """An order that was canceled so many days ago: `ended(366)`; its id."""

    def end(days: float, *, customer: str = "cus123") -> str:
        order_id: str = place_order(customer, cup=1)["id"]
        perform("cancel", order_id)
        long_ago = timezone.now() - timedelta(days=days)
        Order.objects.filter(pk=order_id).update(ended_at=long_ago, placed_at=long_ago - timedelta(days=3))
        return order_id

    return end


def customers() -> dict[str, str]:
    return {str(order.pk): order.customer_id for order in Order.all_objects.all()}


def erase_by_age() -> int:
    return operations.erase_by_age(now=timezone.now())


def keep_for(days: int) -> None:
    Storefront.objects.filter(code="au").update(erase_after_days=days)


def retain(*arguments: str) -> list[str]:
    out = io.StringIO()
    call_command("customer", "retention", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_where_no_storefront_erases_by_age_that_is_said(storefront):
    assert retain("--dry-run") == ["No storefront erases by age: none has a number of days under *Erase after days*."]


def test_customers_are_kept_for_ever_unless_the_storefront_says_how_long(ended):
    order_id = ended(10_000)

    assert erase_by_age() == 0
    assert customers() == {order_id: "cus123"}
    assert retain() == ["No storefront erases by age: none has a number of days under *Erase after days*."]


def test_orders_that_ended_longer_ago_are_erased_and_the_others_are_not(api, ended, other_storefront):
    keep_for(365)
    Storefront.objects.filter(pk=other_storefront.pk).update(erase_after_days=1)
    young, old = ended(364.9), ended(365.1)

    assert [erase_by_age(), erase_by_age()] == [1, 0]

    assert customers() == {young: "cus123", old: "erased"}
    event = last_event(old)
    assert (event.actor, event.told_reason, event.data["operation"]) == (
        "system:sweep",
        "kept as long as the storefront wants",
        "erase",
    )


def test_it_is_the_end_that_counts_and_an_order_under_way_has_none(api, ended, place_order):
    keep_for(30)
    long_ago = timezone.now() - timedelta(days=400)
    _, shipped, deleted = (place_order(cup=1)["id"] for _ in range(3))
    done(api, shipped, "confirm")
    done(api, shipped, "ship")
    api.delete(f"/api/v1/orders/{deleted}")
    reinstated = ended(400)
    done(api, reinstated, "reinstate", reason="a mistake")
    canceled_today = place_order(cup=1)["id"]
    Order.all_objects.update(placed_at=long_ago)
    Order.all_objects.filter(pk=deleted).update(ended_at=long_ago)
    done(api, canceled_today, "cancel")

    assert erase_by_age() == 1

    assert {order_id for order_id, customer in customers().items() if customer == "erased"} == {deleted}
    assert Order.objects.get(pk=reinstated).ended_at is None


def test_of_orders_whose_end_nobody_has_written_down_the_last_change_counts(api, ended):
    keep_for(30)
    touched, untouched = ended(400), ended(400)
    Order.objects.update(ended_at=None)
    Order.objects.filter(pk=untouched).update(updated_at=timezone.now() - timedelta(days=31))

    assert erase_by_age() == 1
    assert customers() == {touched: "cus123", untouched: "erased"}


def test_an_end_that_another_release_took_back_unwittingly_is_not_believed(place_order):
    order_id = place_order(cup=1)["id"]
    Order.objects.filter(pk=order_id).update(ended_at=timezone.now() - timedelta(days=400))

    perform("cancel", order_id)

    order = Order.objects.get()
    assert order.ended_at == order.updated_at


def test_an_end_that_nobody_has_written_down_is_not_made_up(ended):
    order_id = ended(400)
    Order.objects.update(ended_at=None)

    perform("delete", order_id)

    assert Order.all_objects.get().ended_at is None


def test_a_hold_keeps_an_order_and_so_does_what_is_open(api, ended, place_order):
    keep_for(30)
    held, due = ended(40), ended(40)
    done(api, held, "hold", kind="manual", blocks=["erase"], reason="a lawsuit")
    coming_back = place_order(cup=1)["id"]
    for operation in ("confirm", "ship", "deliver", "complete"):
        done(api, coming_back, operation)
    done(api, coming_back, "request_return", cause="damaged")
    Order.objects.filter(pk=coming_back).update(
        ended_at=timezone.now() - timedelta(days=40), placed_at=timezone.now() - timedelta(days=50)
    )

    counted = retain("--dry-run")
    kept = [customers()[order_id] for order_id in (held, due, coming_back)]
    told = retain("au")

    assert counted == [
        "au: 1 orders that ended more than 30 days ago; "
        "1 kept by a hold and 1 with money to be given back or a return still open."
    ]
    assert kept == ["cus123"] * 3
    assert told == [*counted, "au: erased the customers of 1 orders."]
    assert customers() == {held: "cus123", due: "erased", coming_back: "cus123"}
    assert last_event(due).actor.startswith("system:customer (by ")


@pytest.mark.parametrize("priced", [True, False])
def test_money_that_is_kept_beyond_what_is_due_keeps_an_order_until_it_is_given_back(api, stock, priced):
    """Such as of a capture that came after the end: nobody has asked for a refund yet."""
    keep_for(30)
    stock(cup=5)
    prices = {"currency": "AUD", "shipping_amount": 500} if priced else {"currency": "AUD"}
    item = {"product_id": "cup", "quantity": 1} | ({"unit_amount": 1000} if priced else {})
    body = {"customer_id": "cus123", "items": [item], **prices}
    order_id = api.post("/api/v1/orders", body, content_type="application/json").json()["id"]
    done(api, order_id, "cancel")
    done(api, order_id, "record_payment", kind="capture", amount=1500, psp_reference="late")
    assert Order.objects.get().overpaid_amount == 1500
    end_it_long_ago(order_id)

    assert (erase_by_age(), retain("--dry-run")) == (
        0,
        ["au: 0 orders that ended more than 30 days ago; 1 with money to be given back or a return still open."],
    )

    done(api, order_id, "record_payment", kind="refund", amount=1500, psp_reference="back", parent_reference="late")
    end_it_long_ago(order_id)
    assert erase_by_age() == 1


@pytest.mark.parametrize("paid", [1499, 1500, 1501])
@pytest.mark.parametrize("prices", [{"unit_amount": 1000}, {}])
def test_what_is_due_is_counted_in_the_database_as_everywhere(api, stock, prices, paid):
    keep_for(30)
    stock(cup=5)
    item = {"product_id": "cup", "quantity": 1, **prices}
    body = {"customer_id": "cus123", "items": [item], "currency": "AUD", "shipping_amount": 500}
    order_id = api.post("/api/v1/orders", body, content_type="application/json").json()["id"]
    done(api, order_id, "record_payment", kind="capture", amount=paid, psp_reference="paid")
    for operation in ("confirm", "ship", "deliver", "complete"):
        done(api, order_id, operation)
    end_it_long_ago(order_id)
    is_overpaid = Order.objects.get().overpaid_amount > 0

    assert (is_overpaid, erase_by_age()) == ((True, 0) if prices and paid > 1500 else (False, 1))


def end_it_long_ago(order_id: str) -> None:
    long_ago = timezone.now() - timedelta(days=40)
    Order.objects.filter(pk=order_id).update(ended_at=long_ago, placed_at=long_ago)


def test_a_storefront_that_keeps_customers_for_ever_is_told_so(storefront):
    with pytest.raises(CommandError, match="au keeps customers for ever"):
        retain("au")


def test_one_that_fails_is_put_off_and_the_others_are_done(ended):
    keep_for(30)
    first, broken, last = ended(42), ended(41), ended(40)

    def fail(sender, change, **kwargs):
        if str(change.order_id) == broken:
            raise LookupError("no room for the event of cus123")

    order_changed.connect(fail)
    order_changed.sender_receivers_cache.clear()
    try:
        done = [erase_by_age(), erase_by_age()]
    finally:
        order_changed.disconnect(fail)
        order_changed.sender_receivers_cache.clear()

    assert done == [2, 0]
    assert customers() == {first: "erased", broken: "cus123", last: "erased"}
    failure = UpkeepFailure.objects.get()
    assert (str(failure.order_id), failure.upkeep, failure.attempts) == (broken, "erase", 1)
    UpkeepFailure.objects.update(retry_at=timezone.now())
    assert erase_by_age() == 1
    assert not UpkeepFailure.objects.exists()


def test_it_goes_on_slice_by_slice(monkeypatch, ended):
    monkeypatch.setattr(retention, "_AT_ONCE", 2)
    keep_for(30)
    for days in (41, 42, 43, 44, 45):
        ended(days)

    assert [erase_by_age() for _ in range(4)] == [2, 2, 1, 0]


def test_the_sweeper_does_it_and_it_is_counted(ended):
    keep_for(30)
    ended(40)
    counter = ("orders_erased_by_age_total", {"storefront": "au"})
    before = REGISTRY.get_sample_value(*counter) or 0
    out = io.StringIO()

    call_command("sweep", "--once", stdout=out)

    assert "1 orders had their customer erased by age" in out.getvalue()
    assert (REGISTRY.get_sample_value(*counter) or 0) - before == 1


def test_what_is_due_is_found_by_an_index_of_what_has_ended_and_names_its_customer(api, ended, storefront):
    keep_for(30)
    ended(40)
    storefront.refresh_from_db()
    with connection.cursor() as cursor:
        cursor.execute("set enable_seqscan = off")
        try:
            plan = retention._due(storefront, timezone.now()).explain()
        finally:
            cursor.execute("reset enable_seqscan")

    assert "order_to_erase" in plan
    assert "Sort" not in plan


def test_only_the_answers_are_read_that_were_stored_when_an_order_changed(api, ended, storefront):
    for number in range(3):
        IdempotentAnswer.objects.create(
            storefront_id=storefront.pk, key=f"other-{number}", fingerprint=b"1", status=200, body=b"{}"
        )
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(days=1))
    keep_for(30)
    done(api, ended(40), "hold", {"Idempotency-Key": "held"}, kind="manual", blocks=["erase"])
    order = Order.objects.get()

    with CaptureQueriesContext(connection) as queries:
        found = find_answers([order])

    (search,) = [query["sql"] for query in queries if "orders_idempotentanswer" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(search)
        assert [key for key, _ in cursor.fetchall()] == ["held"]
    assert found.keys == {order.pk: {"held"}}


def test_a_repeat_after_it_gets_what_is_left(api, stock):
    stock(cup=5)
    keep_for(30)
    body = {"customer_id": "cus123", "note": "ring twice", "items": [{"product_id": "cup", "quantity": 1}]}
    ask = {"content_type": "application/json", "headers": {"Idempotency-Key": "once"}}
    order_id = api.post("/api/v1/orders", body, **ask).json()["id"]
    done(api, order_id, "cancel")
    long_ago = timezone.now() - timedelta(days=40)
    Order.objects.update(ended_at=long_ago, placed_at=long_ago)

    assert erase_by_age() == 1

    again = api.post("/api/v1/orders", body, **ask).json()
    assert (again["id"], again["customer_id"], again["note"]) == (order_id, "erased", "")
    assert read(api, order_id)["note"] == ""
