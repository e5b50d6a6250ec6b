from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from events.models import Event
from orders.models import BulkRun, Order, Refund
from tests.base import perform
from tests.orders.admin.conftest import messages_of

LIST = "/admin/orders/order/"


@pytest.fixture
def together(admin):
    """Choose orders in the list, pick an action, fill in its page and send it."""

    def act(slug, *orders, **typed):
        page = admin.post(LIST, {"action": slug, "_selected_action": [str(order.pk) for order in orders]})
        data = {"orders": page.context["chosen"]} | typed
        return admin.post(reverse(f"admin:orders_order_together_{slug}"), data, follow=True)

    return act


def named(*orders, version=1):
    """As the page of an action names them."""
    return " ".join(f"{order.pk}:{version}" for order in orders)


def test_cancels_what_can_be_canceled_and_names_each_order_that_cannot(together, order_in):
    pending, confirmed, shipped = order_in("pending"), order_in("confirmed"), order_in("shipped")

    page = together("cancel", pending, confirmed, shipped, cause="out_of_stock", reason="A flood.")

    assert messages_of(page) == [
        f"{shipped.number}: A shipped order cannot be canceled; it can be completed.",
        "2 orders have been canceled.",
    ]
    assert set(Order.objects.values_list("status", "cancel_reason")) == {
        ("canceled", "out_of_stock"),
        ("shipped", None),
    }
    assert [event.told_reason for event in Event.objects.with_reasons().filter(actor="staff:ann")] == ["A flood."] * 2


def test_once_its_time_is_up_the_others_are_named_untouched(together, order_in, monkeypatch):
    monkeypatch.setattr("orders.admin.operations.bulk.MAX_BULK_SECONDS", 0)
    order = order_in("pending")

    page = together("confirm", order)

    assert messages_of(page) == [
        f"{order.number}: The orders before it took the 0 seconds of a request, so nothing was done with this one. "
        "Ask for those that are left in another request."
    ]
    order.refresh_from_db()
    assert order.status == "pending"


def test_goes_back_to_the_list_as_it_was_narrowed(admin, order_in):
    order = order_in("pending")
    query = "status=pending&tag=vip&tag=a%26b"

    page = admin.post(f"{LIST}?{query}", {"action": "confirm", "_selected_action": [str(order.pk)]})
    data = {"orders": page.context["chosen"], "back": page.context["back"]}
    done = admin.post(reverse("admin:orders_order_together_confirm"), data)

    assert page.context["list_url"] == done.headers["Location"] == f"{LIST}?{query}"


def test_an_action_without_orders_or_of_no_name_says_what_is_missing(admin, order_in):
    order = order_in("pending")

    for typed in (
        {"action": "confirm"},
        {"_selected_action": [str(order.pk)]},
        {"action": "nonsense", "select_across": "1"},
    ):
        page = admin.post(f"{LIST}?status=pending", typed, follow=True)
        assert messages_of(page) == ["Tick the orders it is meant for, and choose what is to be done with them."]
        assert page.request["QUERY_STRING"] == "status=pending"


def test_confirms_deletes_and_restores(together, order_in):
    order = order_in("pending")

    assert messages_of(together("delete", order, reason="A test.")) == ["1 order has been deleted."]
    deleted = Order.all_objects.get(pk=order.pk)
    assert deleted.deleted_reason == "A test."
    assert messages_of(together("confirm", order_in("pending"))) == ["1 order has been confirmed."]


def test_restores_deleted_orders_of_the_list(admin, order_in):
    orders = [order_in("deleted"), order_in("deleted")]

    page = admin.post(
        reverse("admin:orders_order_together_restore"),
        {"orders": named(*orders, version=2)},
        follow=True,
    )

    assert messages_of(page) == ["2 orders have been restored."]
    assert Order.objects.count() == 2


def test_the_page_of_an_action_says_beforehand_what_will_be_refused(admin, order_in):
    order = order_in("completed")

    page = admin.post(LIST, {"action": "cancel", "_selected_action": [str(order.pk)]})

    assert "A completed order cannot be canceled; no other status follows on it." in page.content.decode()


def test_an_order_that_changed_since_the_page_was_shown_is_refused(admin, order_in):
    order = order_in("pending")
    perform("confirm", order.pk, by="key:shop")

    page = admin.post(
        reverse("admin:orders_order_together_cancel"), {"orders": named(order), "cause": "customer"}, follow=True
    )

    assert messages_of(page)[0].startswith(f"{order.number}: The order has been changed since you opened this page")
    order.refresh_from_db()
    assert order.status == "confirmed"


def test_a_missing_cause_shows_the_page_again(together, order_in):
    order = order_in("pending")

    page = together("cancel", order)

    assert "cause" in page.context["form"].errors
    order.refresh_from_db()
    assert order.status == "pending"


def test_ignores_what_names_no_order(admin, order_in):
    order = order_in("pending")
    url = reverse("admin:orders_order_together_confirm")

    page = admin.post(url, {"orders": f"nope 1:2:3 {order.pk} 01a20691-d455-7421-9d19-ae886a27e193:1"}, follow=True)

    assert messages_of(page) == []
    order.refresh_from_db()
    assert order.status == "pending"


def test_up_to_a_hundred_orders_are_done_while_somebody_waits(admin, order_in):
    order = order_in("pending")
    others = " ".join(f"{uuid4()}:1" for _ in range(99))

    page = admin.post(
        reverse("admin:orders_order_together_confirm"), {"orders": f"{others} {named(order)}"}, follow=True
    )

    assert messages_of(page) == ["1 order has been confirmed."]
    assert BulkRun.objects.count() == 0


def test_choosing_everything_means_the_newest_of_the_narrowed_list(admin, order_in):
    pending = [order_in("pending") for _ in range(3)]
    order_in("confirmed")

    page = admin.post(
        f"{LIST}?status=pending",
        {"action": "confirm", "select_across": "1", "_selected_action": [str(pending[0].pk)]},
    )

    assert page.context["count"] == 3
    assert page.context["chosen"] == named(*pending)


def test_the_page_says_how_many_will_be_refused_and_shows_them_first(admin, order_in):
    orders = [order_in("pending"), order_in("completed"), order_in("confirmed")]

    page = admin.post(LIST, {"action": "confirm", "_selected_action": [str(order.pk) for order in orders]})

    assert (page.context["count"], page.context["refused"]) == (3, 2)
    assert "2 of 3 will be refused, for the reasons below; the others will be done." in page.content.decode()
    assert [row["order"].number for row in page.context["rows"]] == [
        orders[1].number,
        orders[2].number,
        orders[0].number,
    ]


def test_what_is_packed_already_is_told_to_be_refused_and_is(admin, together, order_in):
    packed, fresh = order_in("confirmed"), order_in("confirmed")
    perform("pack", packed.pk)
    packed.refresh_from_db()

    page = admin.post(LIST, {"action": "pack", "_selected_action": [str(packed.pk), str(fresh.pk)]})
    done = together("pack", packed, fresh)

    refusal = "There is no open unit that is not packed already."
    assert [row["refusal"] for row in page.context["rows"]] == [refusal, ""]
    assert messages_of(done) == [f"{packed.number}: {refusal}", "1 order has been packed."]


def test_names_twenty_orders_that_were_refused_and_counts_the_others(admin, place_order):
    orders = [Order.objects.get(pk=place_order(cup=1)["id"]) for _ in range(22)]
    done = Order.objects.get(pk=place_order(cup=1)["id"])

    page = admin.post(
        reverse("admin:orders_order_together_confirm"),
        {"orders": f"{named(*orders, version=7)} {named(done)}"},
        follow=True,
    )

    told = messages_of(page)
    assert len(told) == 22
    assert told[0].startswith(f"{orders[0].number}: The order has been changed")
    assert told[20:] == ["2 more could not be done either; 22 in all.", "1 order has been confirmed."]


def test_ships_all_open_units_delivers_and_completes(together, order_in):
    orders = [order_in("confirmed"), order_in("confirmed")]

    shipped = together("ship", *orders, tracking_company="DHL")
    delivered = together("deliver", *orders)
    completed = together("complete", *orders)

    assert messages_of(shipped) == ["2 orders have been shipped."]
    assert messages_of(delivered) == ["2 orders have been delivered."]
    assert messages_of(completed) == ["2 orders have been completed."]
    assert set(Order.objects.values_list("status", "fulfillment_status")) == {("completed", "fulfilled")}
    assert {order.shipments.get().tracking_company for order in orders} == {"DHL"}


def test_holds_up_and_releases(together, order_in):
    orders = [order_in("pending"), order_in("confirmed")]

    held = together("hold", *orders, kind="address")
    confirmed = together("confirm", orders[0])
    released = together("release_hold", *orders)

    assert messages_of(held) == ["2 orders have been held up."]
    assert messages_of(confirmed) == ["1 order has been confirmed."]
    assert messages_of(released) == ["2 orders have been released."]
    assert list(Order.objects.values_list("holds", flat=True)) == [[], []]


def test_approves_the_refunds_of_others_only(together, sold, storefront):
    storefront.refund_approval_above = 0
    storefront.save()
    orders = [sold(), sold()]
    for order, actor in zip(orders, ("key:shop", "staff:ann"), strict=True):
        perform("record_payment", order.pk, kind="capture", amount=500, psp_reference=order.number)
        perform("request_refund", order.pk, by=actor)

    page = together("approve_refund", *orders)

    assert messages_of(page) == [
        f"{orders[1].number}: ann has requested this refund, so somebody else has to approve it.",
        "1 order has an approved refund.",
    ]
    assert set(Refund.objects.values_list("requested_by", "state")) == {
        ("key:shop", "approved"),
        ("staff:ann", "requested"),
    }


def test_what_was_like_this_already_is_told_apart(together, order_in):
    orders = [order_in("pending"), order_in("pending")]

    page = together("extend", *orders, number="1", unit="1")

    assert messages_of(page) == ["2 orders were like this already."]
    assert set(Order.objects.values_list("version", flat=True)) == {1}


def test_the_page_asks_as_many_queries_for_many_orders_as_for_one(admin, order_in):
    orders = [order_in("shipped") for _ in range(4)]

    def asked(chosen):
        data = {"action": "complete", "_selected_action": [str(order.pk) for order in chosen]}
        with CaptureQueriesContext(connection) as queries:
            admin.post(LIST, data)
        return len(queries)

    asked(orders)
    assert asked(orders[:1]) == asked(orders)


@pytest.mark.parametrize("version", ["9" * 5000, "2147483648", "-1", "１", ""])
def test_what_is_no_version_chooses_no_order(admin, order_in, version):
    order = order_in("pending")

    page = admin.post(f"{LIST}together/confirm/", {"orders": f"{order.pk}:{version}"}, follow=True)

    assert (page.status_code, Order.objects.get().status) == (200, "pending")
