"""What staff do with one order: through its page, by the operation the API uses too."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from events.models import Event
from inventory_client.models import Stock
from orders.models import Order
from tests.base import perform
from tests.orders.admin.conftest import do_operation, filled_in, messages_of, operation_page, page_of, units_of


@pytest.mark.parametrize(
    ("status", "slug", "data", "after"),
    [
        ("pending", "confirm", {}, "confirmed"),
        ("confirmed", "ship", {}, "shipped"),
        ("shipped", "complete", {}, "completed"),
        ("pending", "cancel", {"cause": "customer"}, "canceled"),
        ("confirmed", "cancel", {"cause": "fraud"}, "canceled"),
        ("completed", "delete", {"reason": "A test order."}, "completed"),
        ("deleted", "restore", {}, "pending"),
    ],
)
def test_an_operation_changes_the_order_once_and_says_who_why_and_what(admin, order_in, status, slug, data, after):
    order = order_in(status)
    data = {"reason": "The customer called."} | data

    page = do_operation(admin, order, slug, headers={"X-Request-ID": "req-7"}, **data)

    assert page.redirect_chain == [(page_of(order), 302)]
    changed = Order.all_objects.get(pk=order.pk)
    assert (changed.status, changed.version) == (after, order.version + 1)
    event = Event.objects.with_reasons().filter(stream_id=order.pk).latest("sequence")
    assert (event.actor, event.told_reason, event.request_id) == ("staff:ann", data["reason"], "req-7")
    assert messages_of(page)[0].startswith(f"{order.number} has been ")
    assert LogEntry.objects.get().object_id == str(order.pk)


def test_cancelling_says_the_cause_and_gives_the_stock_back(admin, order_in):
    order = order_in("confirmed")

    do_operation(admin, order, "cancel", cause="payment_failed")

    order.refresh_from_db()
    assert (order.status, order.cancel_reason) == ("canceled", "payment_failed")
    assert Stock.objects.get(pk="cup").reserved == 0


def test_an_order_cannot_be_declared_expired_by_hand(admin, order_in):
    order = order_in("pending")

    page = do_operation(admin, order, "cancel", cause="expired")

    assert page.status_code == 200
    assert "cause" in page.context["form"].errors
    order.refresh_from_db()
    assert order.status == "pending"


def test_deleting_asks_for_a_reason_and_keeps_it(admin, order_in):
    order = order_in("pending")

    unreasoned = admin.post(operation_page(order, "delete"), {"version": order.version, "reason": " "})
    admin.post(operation_page(order, "delete"), {"version": order.version, "reason": "A test order."})

    assert "reason" in unreasoned.context["form"].errors
    deleted = Order.all_objects.get(pk=order.pk)
    assert (deleted.deleted_by, deleted.deleted_reason) == ("staff:ann", "A test order.")


def test_a_refusal_is_shown_in_the_words_of_the_domain_and_nothing_happens(admin, order_in):
    order = order_in("shipped")

    units = {units_of(order, "cup"): 1}
    page = admin.post(operation_page(order, "cancel"), {"version": order.version, "cause": "customer"} | units)

    assert page.status_code == 409
    assert "A shipped order cannot be canceled; it can be completed." in page.content.decode()
    order.refresh_from_db()
    assert (order.status, order.version) == ("shipped", 3)
    assert not LogEntry.objects.exists()


def test_a_page_of_an_operation_that_is_no_longer_possible_leads_back_to_the_order(admin, order_in):
    order = order_in("canceled")

    page = admin.get(operation_page(order, "confirm"), follow=True)

    assert page.redirect_chain == [(page_of(order), 302)]
    assert messages_of(page) == ["A canceled order cannot be confirmed; no other status follows on it."]


def test_what_was_decided_on_an_older_version_is_refused(admin, order_in):
    order = order_in("pending")
    data = filled_in(admin, order, "cancel") | {"cause": "customer"}
    perform("confirm", order.pk, by="key:shop")

    page = admin.post(operation_page(order, "cancel"), data)
    again = admin.post(operation_page(order, "cancel"), data | {"version": page.context["form"]["version"].value()})

    assert (page.status_code, again.status_code) == (409, 409)
    assert "it is at version 2 now, and nothing was done" in page.content.decode()
    order.refresh_from_db()
    assert order.status == "confirmed"


@pytest.mark.parametrize("version", ["", "two", "9", "-1"])
def test_a_version_that_nobody_can_have_seen_is_no_reason_to_do_it(admin, order_in, version):
    order = order_in("pending")

    page = admin.post(operation_page(order, "confirm"), {"version": version})

    assert page.context["form"].errors
    order.refresh_from_db()
    assert (order.status, order.version) == ("pending", 1)


def test_restoring_without_enough_stock_is_refused_with_what_is_there(admin, order_in, stock):
    order = order_in("deleted")
    stock(cup=1)

    page = admin.post(operation_page(order, "restore"), {"version": order.version})

    assert page.status_code == 409
    assert "cup: 2 wanted, 1 available" in page.content.decode()
    assert Order.all_objects.get(pk=order.pk).deleted_at is not None


def test_an_operation_without_the_version_it_was_decided_on_is_not_done(admin, order_in):
    order = order_in("pending")

    page = admin.post(operation_page(order, "confirm"), {})

    assert page.status_code == 200
    order.refresh_from_db()
    assert order.status == "pending"


def test_an_operation_needs_the_pages_own_token(admin, order_in):
    order = order_in("pending")
    admin.handler.enforce_csrf_checks = True

    answer = admin.post(operation_page(order, "confirm"), {"version": 1})

    assert answer.status_code == 403
    order.refresh_from_db()
    assert order.status == "pending"


def test_djangos_own_history_tells_the_operations(admin, order_in):
    order = order_in("pending")
    admin.post(operation_page(order, "confirm"), {"version": 1})

    page = admin.get(reverse("admin:orders_order_history", args=[order.pk]))

    assert "The order has been confirmed." in page.content.decode()
