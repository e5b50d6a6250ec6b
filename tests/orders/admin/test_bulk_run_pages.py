"""More orders than somebody waits for: started on the page of an action, watched and stopped on a page of their own."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from events.models import Event
from orders.admin.operations import bulk
from orders.models import BulkRun, Order
from tests.orders.admin.conftest import messages_of

LIST = "/admin/orders/order/"
RUNS = "/admin/orders/bulkrun/"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two orders are as many as somebody waits for."""
    monkeypatch.setattr(bulk, "MAX_ORDERS_AT_ONCE", 2)


def page_for(client: Any, slug: str, query: str = "status=pending") -> Any:
    """The page of an action for all of a list."""
    return client.post(f"{LIST}?{query}", {"action": slug, "select_across": "1"})


def sent(client: Any, slug: str, page: Any, **typed: Any) -> Any:
    data = {"orders": page.context["chosen"], "run": str(page.context["run_id"])} | typed
    return client.post(reverse(f"admin:orders_order_together_{slug}"), data, follow=True)


def run_page(run: BulkRun) -> str:
    return reverse("admin:orders_bulkrun_change", args=[run.pk])


@pytest.fixture
def started(admin, few, order_in):
    """A run that cancels three orders."""
    for _ in range(3):
        order_in("pending")
    sent(admin, "cancel", page_for(admin, "cancel"), cause="out_of_stock", reason="A flood.")
    return BulkRun.objects.get()


def test_more_orders_than_somebody_waits_for_become_a_run(admin, few, order_in):
    orders = [order_in("pending") for _ in range(3)]

    page = page_for(admin, "cancel")
    after = sent(admin, "cancel", page, cause="out_of_stock", reason="A flood.")

    run = BulkRun.objects.get()
    assert page.context["count"] == 3
    assert "they are done in the background" in page.content.decode()
    assert after.redirect_chain[-1][0] == run_page(run)
    assert messages_of(after) == [
        "The run is started. It goes on without this page; it is found again under Bulk runs."
    ]
    assert (run.actor, run.operation, run.arguments["cause"], run.reason, run.total) == (
        "staff:ann",
        "cancel",
        "out_of_stock",
        "A flood.",
        3,
    )
    assert set(Order.objects.values_list("status", flat=True)) == {"pending"}

    call_command("sweep", "--once")

    assert set(Order.objects.values_list("status", "cancel_reason")) == {("canceled", "out_of_stock")}
    assert Event.objects.filter(actor="staff:ann", stream_id__in=[order.pk for order in orders]).count() == 3
    assert f"Cancel 3 orders ({run.pk})" in LogEntry.objects.get().change_message


def test_a_page_that_is_sent_twice_starts_one_run(admin, few, order_in):
    for _ in range(3):
        order_in("pending")
    page = page_for(admin, "confirm")

    first, second = sent(admin, "confirm", page), sent(admin, "confirm", page)

    assert first.redirect_chain[-1] == second.redirect_chain[-1]
    assert (BulkRun.objects.count(), LogEntry.objects.count()) == (1, 1)


def test_nothing_is_started_under_the_id_of_somebody_elses_run(started, colleague):
    page = page_for(colleague, "cancel")

    after = sent(colleague, "cancel", page, cause="out_of_stock", reason="A flood.", run=str(started.pk))

    assert messages_of(after) == [
        "Nothing was started. Another run has been started under the id of this page: choose the orders again."
    ]
    assert (BulkRun.objects.count(), LogEntry.objects.count()) == (1, 1)


def test_foretells_what_becomes_of_the_first_of_them(admin, few, order_in):
    order_in("shipped")
    for _ in range(2):
        order_in("pending")

    page = page_for(admin, "cancel", query="")

    html = " ".join(page.content.decode().split())
    assert "Of the first 2, 1 will be refused, for the reason below; those behind them were not looked at yet." in html


def test_no_more_orders_are_taken_than_a_run_may_have(admin, few, order_in, monkeypatch):
    for module in ("orders.admin.operations.bulk", "orders.admin.orders.list_page"):
        monkeypatch.setattr(f"{module}.MOST_ORDERS", 3)
    orders = [order_in("pending") for _ in range(4)]

    page = page_for(admin, "confirm")
    sent(admin, "confirm", page)

    assert "No more than 3 orders are taken at once: these are the newest." in page.content.decode()
    chosen = BulkRun.objects.get().orders.order_by("order_id").values_list("order_id", flat=True)
    assert list(chosen) == [order.pk for order in orders[1:]]


def test_a_long_look_through_the_list_ends_and_says_so(admin, few, order_in, monkeypatch):
    monkeypatch.setattr("orders.admin.orders.list_page._SECONDS_TO_CHOOSE", 0)
    order_in("pending")

    page = page_for(admin, "confirm")

    assert "Looking through the list ended after 0 seconds" in page.content.decode()


def test_a_missing_cause_shows_the_page_again_with_all_orders(admin, few, order_in):
    for _ in range(3):
        order_in("pending")

    again = sent(admin, "cancel", page_for(admin, "cancel"))

    assert "cause" in again.context["form"].errors
    assert again.context["count"] == 3
    assert BulkRun.objects.count() == 0


def test_orders_that_are_nobodys_start_nothing(admin, few):
    named = " ".join(f"{uuid4()}:1" for _ in range(3))

    after = admin.post(reverse("admin:orders_order_together_confirm"), {"orders": named, "run": "nope"}, follow=True)

    assert messages_of(after) == ["None of these orders is there any more; nothing was started."]
    assert BulkRun.objects.count() == 0


def test_the_page_of_a_run_tells_how_far_it_has_come_and_what_became_of_each(admin, started):
    changed = Order.objects.order_by("pk")[1]
    Order.objects.filter(pk=changed.pk).update(version=7)

    before = admin.get(run_page(started))
    call_command("sweep", "--once")
    after = admin.get(run_page(started))
    done = admin.get(run_page(started), {"show": "done"})

    assert "0 of 3" in before.content.decode()
    assert "data-live" in before.content.decode()
    assert [tab.orders for tab in before.context["tabs"]] == [0, 0, 0, 3]
    assert before.context["shown"] == "left"
    html = after.content.decode()
    assert "3 of 3: 2 done, 1 refused" in html
    assert "data-live" not in html
    assert [(order, row.words) for order, row in after.context["rows"]] == [
        (
            changed,
            "The order has been changed since you opened this page: it is at version 7 now, and nothing was done.",
        )
    ]
    assert len(done.context["rows"]) == 2


def test_the_list_of_runs_is_found_in_the_side_bar_and_tells_how_far_each_has_come(admin, started):
    html = admin.get(RUNS).content.decode()

    assert f'href="{RUNS}"' in admin.get("/admin/").content.decode()
    assert "Cancel 3 orders" in html
    assert "0 of 3" in html


def test_what_was_typed_is_shown_to_whoever_reads_timelines(admin, staff, started):
    auditor = staff("auditor")
    person = User.objects.get(username="auditor")
    everything = auditor.get(run_page(started))
    person.groups.clear()
    person.user_permissions.add(Permission.objects.get(codename="view_order"))
    orders_alone = auditor.get(run_page(started))

    assert everything.context["values"] == [("cause", "out of stock"), ("reason", "A flood.")]
    assert orders_alone.context["values"] == []


def test_whoever_started_it_stops_it(admin, started):
    page = admin.get(run_page(started))
    after = admin.post(page.context["stop_url"], follow=True)
    again = admin.post(page.context["stop_url"], follow=True)
    call_command("sweep", "--once")

    started.refresh_from_db()
    assert messages_of(after) == ["The run is stopped. The order it was at is still done; the others stay as they are."]
    assert messages_of(again) == ["The run had ended already."]
    assert (started.state, started.ended_because) == ("stopped", "ann stopped it.")
    User.objects.update(first_name="Ann", last_name="Smith")
    for page in (RUNS, run_page(started)):
        assert "Ann Smith" in admin.get(page).content.decode().partition("<main")[2]
    assert set(Order.objects.values_list("status", flat=True)) == {"pending"}
    assert "Left alone: 3" in admin.get(run_page(started)).content.decode()


def test_whoever_may_do_the_same_stops_it_and_nobody_else(staff, started):
    stop = reverse("admin:orders_bulkrun_stop", args=[started.pk])
    auditor, support = staff("auditor"), staff("support")

    assert auditor.get(run_page(started)).context["may_stop"] is False
    assert auditor.post(stop).status_code == 403
    assert BulkRun.objects.get().state == "running"
    assert support.post(stop).status_code == 302
    assert BulkRun.objects.get().state == "stopped"


def test_staff_see_no_run_with_an_order_of_a_storefront_that_is_not_theirs(staff, started, other_storefront):
    client = staff("lead")
    User.objects.get(username="lead").storefronts.set([other_storefront])

    assert str(started.pk) not in client.get(RUNS).content.decode()
    assert client.get(run_page(started)).status_code == 404
    assert client.post(reverse("admin:orders_bulkrun_stop", args=[started.pk])).status_code == 404
    assert BulkRun.objects.get().state == "running"


def test_a_run_is_not_started_without_the_permission(staff, few, order_in):
    for _ in range(3):
        order_in("pending")
    client = staff("support")
    page = page_for(client, "cancel")
    User.objects.get(username="support").groups.clear()
    User.objects.get(username="support").user_permissions.add(Permission.objects.get(codename="view_order"))

    answer = sent(client, "cancel", page, cause="fraud")

    assert answer.status_code == 403
    assert BulkRun.objects.count() == 0


def test_a_long_run_is_read_page_by_page(admin, started, monkeypatch):
    monkeypatch.setattr("orders.admin.bulk_runs._ROWS", 2)

    first = admin.get(run_page(started))
    second = admin.get(run_page(started), {"show": "left", "after": str(first.context["next"])})

    assert [len(page.context["rows"]) for page in (first, second)] == [2, 1]
    assert second.context["next"] is None


def test_the_page_of_a_run_asks_as_many_queries_whatever_it_shows(admin, started):
    def asked(show: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            admin.get(run_page(started), {"show": show})
        return len(queries)

    asked("left")
    assert asked("left") <= 12
    assert asked("refused") <= asked("left")
