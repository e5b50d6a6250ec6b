"""Staff manage webhook endpoints, and see what they were sent."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone

from events.webhooks.endpoints import create_endpoint, disable_endpoint
from events.webhooks.models import WebhookDelivery, WebhookEndpoint
from events.webhooks.worker import WebhookWorker
from orders.admin.webhooks import deliveries
from tests.events.webhooks.receiving import Told, receiver
from tests.orders.admin.conftest import messages_of

LIST = "/admin/events/webhookendpoint/"
URL = "https://hooks.example.com/orders"


@pytest.fixture
def endpoint(storefront):
    made, _ = create_endpoint(storefront.pk, source="/storefronts/au", url=URL, by="key:abc")
    return made


@pytest.fixture
def foreign(other_storefront):
    made, _ = create_endpoint(other_storefront.pk, source="/storefronts/nz", url=f"{URL}/nz", by="key:def")
    return made


def page(endpoint: WebhookEndpoint, *parts: Any) -> str:
    return "/".join([f"{LIST}{endpoint.pk}", *map(str, parts), ""])


def logged() -> list[str]:
    return list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))


def test_an_endpoint_is_made_and_its_secret_shown_once(admin, storefront):
    shown = admin.post(
        f"{LIST}add/", {"storefront": storefront.pk, "url": URL, "types": ["order.created"], "ordered": "on"}
    )

    made = WebhookEndpoint.objects.get()
    secret = shown.context["secret"]
    assert secret.startswith("whsec_")
    assert secret in shown.content.decode()
    assert "no-store" in shown.headers["Cache-Control"]
    assert (made.url, made.types, made.ordered, made.source) == (URL, ["order.created"], True, "/storefronts/au")
    assert made.made_by == "staff:ann"
    for path in (LIST, page(made, "change")):
        assert secret not in admin.get(path).content.decode()
    assert logged() == ["Made."]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"url": "http://hooks.example.com/"}, "Webhooks are sent over https alone."),
        ({"url": "https://10.0.0.1/"}, "The address is not one of the public internet."),
        ({"url": URL}, "The storefront has an endpoint of that URL already"),
    ],
)
def test_what_is_refused_is_told_in_words(admin, storefront, endpoint, typed, says):
    answer = admin.post(f"{LIST}add/", {"storefront": storefront.pk, **typed})

    assert says in answer.context["form"].errors["url"][0]
    assert WebhookEndpoint.objects.count() == 1


def test_it_is_changed_and_only_what_was_typed_anew_is_said(admin, endpoint):
    admin.post(page(endpoint, "edit"), {"url": URL, "description": "till", "types": ["order.deleted"]})

    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.description, endpoint.types) == (URL, "till", ["order.deleted"])
    assert logged() == ["Changed description, types."]


def test_its_secret_is_rotated(admin, endpoint):
    before = bytes(endpoint.secret)

    shown = admin.post(page(endpoint, "rotate"), {"overlap": 2})

    endpoint.refresh_from_db()
    assert shown.context["secret"].startswith("whsec_")
    assert bytes(endpoint.previous_secret or b"") == before != bytes(endpoint.secret)
    assert logged() == ["Rotated its secret; 2 hours overlap."]


def test_it_is_disabled_and_enabled(admin, endpoint):
    assert admin.get(page(endpoint, "disable")).status_code == 200
    assert WebhookEndpoint.objects.get().enabled

    admin.post(page(endpoint, "disable"))
    disabled = WebhookEndpoint.objects.get()
    answer = admin.post(page(endpoint, "enable"), follow=True)

    assert (disabled.enabled, disabled.disabled_because, disabled.disabled_by) == (False, "by_hand", "staff:ann")
    assert WebhookEndpoint.objects.get().enabled
    assert messages_of(answer)[-1] == f"{URL}: Enabled."
    assert logged() == ["Disabled.", "Enabled."]


def test_it_is_deleted(admin, endpoint):
    admin.post(page(endpoint, "delete"))

    assert admin.get(page(endpoint, "change")).status_code == 404
    assert not WebhookEndpoint.objects.not_deleted().exists()
    assert logged() == ["Deleted."]


def test_a_disabled_one_is_sent_no_test(admin, endpoint):
    disable_endpoint(endpoint.pk, by="staff:ann")

    answer = admin.post(page(endpoint, "test"))

    assert "The endpoint is disabled. Enable it first." in answer.content.decode()
    assert not WebhookDelivery.objects.exists()


def test_what_was_sent_is_seen_and_sent_again(admin, storefront, place_order, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiver() as shop:
        shop.answers(Told(500, body=b"<b>out of order</b>"), Told(200))
        made, _ = create_endpoint(storefront.pk, source="/storefronts/au", url=shop.url, by="key:abc")
        order = place_order(cup=1)
        WebhookWorker().drain(threading.Event())
        event_id = shop.received[0].headers["webhook-id"]

        listed = admin.get(page(made, "change")).content.decode()
        seen = admin.get(page(made, "deliveries", event_id)).content.decode()
        WebhookDelivery.objects.update(state="failed", settled_at=timezone.now())
        WebhookEndpoint.objects.update(paused_until=None)
        answer = admin.post(page(made, "deliveries", event_id, "again"), follow=True)
        WebhookWorker().drain(threading.Event())

        assert [received.headers["webhook-id"] for received in shop.received] == [event_id, event_id]
    assert (event_id in listed, "order.created" in listed) == (True, True)
    assert "&lt;b&gt;out of order&lt;/b&gt;" in seen
    assert order["number"] in seen
    assert messages_of(answer) == [f"{shop.url}: Sent the event {event_id} again."]
    assert WebhookDelivery.objects.get().state == "delivered"


def test_what_was_given_up_is_sent_again_or_everything(admin, endpoint, place_order):
    place_order(cup=1)
    place_order(cup=1)
    given_up, _ = WebhookDelivery.objects.order_by("event_id")
    WebhookDelivery.objects.update(state="delivered", settled_at=timezone.now())
    WebhookDelivery.objects.filter(pk=given_up.pk).update(state="failed")

    counted = admin.post(page(endpoint, "redeliver"), {"days": 1, "count_only": "on"}, follow=True)
    assert (messages_of(counted), WebhookDelivery.objects.pending().count()) == (["1 events would be sent again."], 0)
    some = admin.post(page(endpoint, "redeliver"), {"days": 1}, follow=True)
    pending_then = WebhookDelivery.objects.pending().count()
    everything = admin.post(page(endpoint, "redeliver"), {"days": 1, "everything": "on"}, follow=True)

    assert (messages_of(some), pending_then) == (["1 events are sent again."], 1)
    assert (messages_of(everything), WebhookDelivery.objects.pending().count()) == (["2 events are sent again."], 2)


def test_events_are_shown_by_their_state(admin, endpoint, place_order):
    place_order(cup=1)
    place_order(cup=1)
    first, second = WebhookDelivery.objects.order_by("event_id")
    WebhookDelivery.objects.filter(pk=first.pk).update(state="failed", settled_at=timezone.now())

    failed = admin.get(page(endpoint, "change"), {"state": "failed"}).content.decode()

    assert (str(first.event_id) in failed, str(second.event_id) in failed) == (True, False)


def test_who_may_not_see_events_sees_nothing_of_them(staff, endpoint, place_order):
    order = place_order(cup=1)
    event_id = WebhookDelivery.objects.get().event_id

    seen = staff(permissions=["view_webhookendpoint"]).get(page(endpoint, "deliveries", event_id))

    assert seen.status_code == 200
    assert order["number"] not in seen.content.decode()


@pytest.mark.parametrize("slug", ["edit", "rotate", "test", "enable", "disable", "redeliver", "delete"])
def test_who_may_only_look_changes_nothing(staff, endpoint, slug):
    auditor = staff("auditor")

    assert auditor.get(page(endpoint, "change")).status_code == 200
    assert page(endpoint, slug) not in auditor.get(page(endpoint, "change")).content.decode()
    assert auditor.post(page(endpoint, slug), {"url": URL, "overlap": 1, "days": 1}).status_code == 403
    assert logged() == []


@pytest.mark.parametrize("group", ["support", "warehouse", "finance"])
def test_others_see_nothing_of_webhooks(staff, endpoint, group):
    client = staff(group)

    assert [client.get(path).status_code for path in (LIST, page(endpoint, "change"))] == [403, 403]


def test_who_is_limited_to_storefronts_sees_and_changes_theirs_alone(staff, storefront, endpoint, foreign):
    lead = staff("lead")
    User.objects.get(username="lead").storefronts.set([storefront])

    listed = lead.get(LIST).content.decode()
    added = lead.post(f"{LIST}add/", {"storefront": foreign.storefront_id, "url": f"{URL}/other"})

    assert (str(endpoint.pk) in listed, str(foreign.pk) in listed) == (True, False)
    for slug in ("change", "edit", "rotate", "test", "enable", "disable", "redeliver", "delete"):
        assert lead.get(page(endpoint, slug)).status_code == 200
        assert lead.get(page(foreign, slug)).status_code == 404
        assert lead.post(page(foreign, slug), {"overlap": 1, "days": 1}).status_code == 404
    assert "storefront" in added.context["form"].errors
    assert WebhookEndpoint.objects.not_deleted().count() == 2


def test_one_that_was_disabled_by_failures_waits_for_somebody(admin, staff, storefront, endpoint, foreign):
    lead = staff("lead")
    User.objects.get(username="lead").storefronts.set([storefront])
    assert "Webhooks disabled by failures" not in cards(admin)

    WebhookEndpoint.objects.filter(pk=foreign.pk).update(disabled_at=timezone.now(), disabled_because="failing")

    assert cards(admin)["Webhooks disabled by failures"] == ("1", True)
    assert "Webhooks disabled by failures" not in cards(lead)
    waiting = admin.get(LIST, {"stopped": "yes"}).content.decode()
    assert (str(foreign.pk) in waiting, str(endpoint.pk) in waiting) == (True, False)


def cards(client: Any) -> dict[str, tuple[str, bool]]:
    return {card.title: (card.shown, card.alert) for card in client.get("/admin/").context["cards"]}


def test_what_was_sent_names_orders_and_goes_on_where_a_page_ended(admin, endpoint, place_order, monkeypatch):
    monkeypatch.setattr(deliveries, "_SHOWN", 2)
    orders = [place_order(cup=1) for _ in range(3)]

    first = admin.get(page(endpoint, "change"))
    second = admin.get(page(endpoint, "change") + first.context["older"])

    newest = first.content.decode()
    assert all(order["number"] in newest for order in orders[1:])
    assert orders[0]["number"] not in newest
    assert orders[0]["number"] in second.content.decode()
    assert second.context["older"] == ""
    assert admin.get(page(endpoint, "change"), {"before": "nonsense"}).status_code == 404


def test_each_page_says_what_becomes_of_what_is_done_there(admin, endpoint):
    for slug, says in {
        "delete": "This cannot be undone; to stop it for a while, disable it.",
        "disable": "It can be enabled again",
        "rotate": "each request is signed with both",
        "redeliver": "Events keep their ids",
    }.items():
        assert says in admin.get(page(endpoint, slug)).content.decode()
