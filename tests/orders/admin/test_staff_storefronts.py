"""Staff who are limited to storefronts: nothing of the others exists for them."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from events.models import Event, OutboxEntry, SkippedEvent
from orders.api.keys import make_key
from orders.models import ApiKey, Order
from orders.rules.scopes import Scope
from tests.orders.admin.conftest import do_operation, listed, messages_of, operation_page, page_of
from tests.orders.asking import everything, sell

LIST = "/admin/orders/order/"


@pytest.fixture
def own_and_foreign(api, client_of, other_storefront):
    """An order of `au`, and one of `nz`."""
    return [Order.objects.get(pk=sell(client)["id"]) for client in (api, client_of(other_storefront))]


@pytest.fixture
def limited(staff, storefront):
    """Somebody of the group who sees `au` only, or the storefronts that are given."""

    def sign_in(group, *storefronts):
        client = staff(group)
        User.objects.get(username=group).storefronts.set(storefronts or [storefront])
        return client

    return sign_in


def test_the_list_the_filter_and_the_search_show_their_storefronts_only(limited, own_and_foreign):
    own, foreign = own_and_foreign
    client = limited("lead")

    assert listed(client.get(LIST)) == [own.number]
    assert listed(client.get(LIST, {"storefront": "nz"})) == []
    assert listed(client.get(LIST, {"status": "pending"})) == [own.number]
    for term in (foreign.number, str(foreign.pk)):
        assert listed(client.get(LIST, {"q": term})) == []
    assert listed(client.get(LIST, {"q": foreign.customer_id})) == [own.number]
    html = client.get(LIST).content.decode()
    assert "Australia (au)" in html
    assert "New Zealand" not in html


def test_whoever_sees_several_sees_their_orders_newest_first(
    api, limited, own_and_foreign, storefront, other_storefront
):
    own, foreign = own_and_foreign
    newest = Order.objects.get(pk=sell(api)["id"])
    client = limited("lead", storefront, other_storefront)

    assert listed(client.get(LIST)) == [newest.number, foreign.number, own.number]
    assert listed(client.get(LIST, {"storefront": "nz"})) == [foreign.number]


def test_a_foreign_order_and_its_operations_are_not_found(limited, own_and_foreign):
    own, foreign = own_and_foreign
    client = limited("lead")
    before = everything()

    assert client.get(page_of(own)).status_code == 200
    assert client.get(page_of(foreign)).status_code == 404
    assert client.get(operation_page(foreign, "confirm")).status_code == 404
    assert client.post(operation_page(foreign, "confirm"), {"version": 1}).status_code == 404
    assert client.get(reverse("admin:orders_order_history", args=[foreign.pk])).status_code == 302
    assert everything() == before


def test_a_foreign_order_cannot_be_acted_on_in_the_list(limited, own_and_foreign):
    own, foreign = own_and_foreign
    client = limited("lead")
    ticked = {"action": "cancel", "_selected_action": [str(own.pk), str(foreign.pk)]}

    shown = client.post(LIST, ticked)
    across = client.post(LIST, ticked | {"select_across": "1"})
    page = client.post(
        reverse("admin:orders_order_together_cancel"),
        {"orders": f"{own.pk}:1 {foreign.pk}:1", "cause": "customer"},
        follow=True,
    )

    assert [row["order"].number for row in shown.context["rows"]] == [own.number]
    assert [row["order"].number for row in across.context["rows"]] == [own.number]
    assert messages_of(page) == ["1 order has been canceled."]
    foreign.refresh_from_db()
    assert (foreign.status, foreign.version) == ("pending", 1)


def test_the_overview_counts_and_shows_their_storefronts_only(limited, own_and_foreign):
    own, _ = own_and_foreign

    page = limited("lead").get("/admin/")

    cards = {card.title: card.shown for card in page.context["cards"]}
    assert cards["To confirm"] == "1"
    assert "Events parked" not in cards  # there is none of theirs
    assert [row["order"].number for row in page.context["latest"]] == [own.number]


def test_the_storefronts_page_lists_theirs_and_offers_no_new_one(limited, storefront, other_storefront):
    client = limited("lead")

    html = client.get("/admin/orders/storefront/").content.decode()

    assert "Australia" in html
    assert "New Zealand" not in html
    assert client.get(f"/admin/orders/storefront/{other_storefront.pk}/change/").status_code == 302
    superuser = User.objects.create_superuser("eve")
    storefront.staff.add(superuser)
    client.force_login(superuser, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/admin/orders/storefront/add/").status_code == 403


def test_keys_of_other_storefronts_are_neither_seen_nor_made_nor_changed(limited, storefront, other_storefront):
    own, _ = make_key(storefront, name="own web", scopes=[Scope.ORDERS_READ])
    foreign, _ = make_key(other_storefront, name="foreign web", scopes=[Scope.ORDERS_READ])
    client = limited("lead")
    new = {"name": "mine", "scopes": ["orders:read"]}

    html = client.get("/admin/orders/apikey/").content.decode()
    refused = client.post("/admin/orders/apikey/add/", new | {"storefront": other_storefront.pk})
    client.post("/admin/orders/apikey/add/", new | {"storefront": storefront.pk})
    codes = [
        client.post(reverse(f"admin:orders_apikey_{name}", args=[foreign.prefix]), {"overlap": "1"}).status_code
        for name in ("rotate", "revoke")
    ]

    assert own.prefix in html
    assert foreign.prefix not in html
    assert "New Zealand" not in html
    assert list(refused.context["form"].errors) == ["storefront"]
    assert codes == [404, 404]
    assert set(ApiKey.objects.values_list("name", "storefront__code", "revoked")) == {
        ("own web", "au", False),
        ("foreign web", "nz", False),
        ("mine", "au", False),
    }


def test_log_queue_and_skipped_events_show_their_storefronts_only(limited, own_and_foreign):
    own, foreign = own_and_foreign
    OutboxEntry.objects.update(next_attempt_at=timezone.now() + timedelta(hours=1), attempts=1)
    for order in own_and_foreign:
        SkippedEvent.objects.create(
            event_id=order.pk, sink="console", storefront_id=order.storefront_id, stream_id=order.pk, sequence=1
        )
    client = limited("lead")
    foreign_event = Event.objects.get(stream_id=foreign.pk)
    foreign_entry = OutboxEntry.objects.get(stream_id=foreign.pk)

    for name in ("event", "outboxentry", "skippedevent"):
        html = client.get(f"/admin/events/{name}/").content.decode()
        assert str(own.pk) in html, name
        assert str(foreign.pk) not in html, name
        found = client.get(f"/admin/events/{name}/", {"q": str(foreign.pk)})
        assert list(found.context["cl"].result_list) == [], name
    assert client.get(f"/admin/events/event/{foreign_event.pk}/change/").status_code == 404
    client.post("/admin/events/outboxentry/", {"action": "retry", "_selected_action": [foreign_entry.pk]})
    foreign_entry.refresh_from_db()
    assert foreign_entry.next_attempt_at is not None


def test_the_staff_log_shows_only_what_they_did_themselves(limited, own_and_foreign, admin):
    own, foreign = own_and_foreign
    for order in own_and_foreign:
        do_operation(admin, order, "confirm")

    html = limited("auditor").get("/admin/admin/logentry/").content.decode()

    assert LogEntry.objects.count() == 2
    assert foreign.number not in html
    assert own.number not in html


def test_who_was_limited_while_a_page_was_open_cannot_send_it(limited, own_and_foreign, other_storefront):
    _, foreign = own_and_foreign
    client = limited("lead", other_storefront)
    assert client.get(operation_page(foreign, "confirm")).status_code == 200

    User.objects.get(username="lead").storefronts.set([own_and_foreign[0].storefront])

    assert client.post(operation_page(foreign, "confirm"), {"version": 1}).status_code == 404
    foreign.refresh_from_db()
    assert foreign.status == "pending"
