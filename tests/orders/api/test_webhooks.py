"""A storefront manages its webhook endpoints, and sees what they were sent."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from events.webhooks.models import WebhookDelivery, WebhookEndpoint
from events.webhooks.worker import WebhookWorker
from orders.rules.scopes import Scope
from tests.events.webhooks.receiving import Told, receiver

WEBHOOKS = "/api/v1/webhooks"
URL = "https://hooks.example.com/orders"


def ask(api: Client, method: str, path: str = "", body: Any = None, **headers: str) -> Any:
    text = "" if body is None else json.dumps(body)
    return api.generic(method, WEBHOOKS + path, text, content_type="application/json", headers=headers)


def made(api: Client, **fields: Any) -> Any:
    response = api.post(WEBHOOKS, {"url": URL, **fields}, content_type="application/json")
    assert response.status_code == 201, response.content
    return response.json()


def send_all() -> None:
    WebhookWorker().drain(threading.Event())


def test_an_endpoint_is_made_with_a_secret_that_is_told_once(api):
    response = api.post(WEBHOOKS, {"url": URL, "types": ["order.created"]}, content_type="application/json")

    assert response.status_code == 201
    answer = response.json()
    assert response.headers["Location"] == f"/api/v1/webhooks/{answer['id']}"
    assert response.headers["Cache-Control"] == "no-store"
    secret = answer.pop("secret")
    assert secret.startswith("whsec_")
    assert answer == {
        "id": answer["id"],
        "url": URL,
        "description": "",
        "types": ["order.created"],
        "ordered": False,
        "personal": False,
        "api_version": "v1",
        "enabled": True,
        "disabled_at": None,
        "disabled_because": None,
        "failing_since": None,
        "previous_secret_until": None,
        "created_at": answer["created_at"],
    }
    assert ask(api, "GET", f"/{answer['id']}").json() == answer
    assert ask(api, "GET").json() == {"results": [answer]}
    stored = WebhookEndpoint.objects.get()
    assert secret.encode() not in bytes(stored.secret)
    assert stored.made_by.startswith("key:")


def test_an_order_that_is_placed_reaches_the_endpoint(api, place_order, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiver() as shop:
        secret = made(api, url=shop.url)["secret"]
        order = place_order(cup=2)

        send_all()

        (received,) = shop.received
    told = received.verified_with(secret)
    assert (told["type"], told["source"], told["subject"]) == ("order.created", "/storefronts/au", order["id"])
    assert told["data"]["order"]["number"] == order["number"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://hooks.example.com/", "over https alone"),
        ("https://hooks.example.com:8080/", "The port is one of 443, 8443"),
        ("https://127.0.0.1/", "not one of the public internet"),
        ("https://[::ffff:10.0.0.1]/", "not one of the public internet"),
        ("https://user:password@hooks.example.com/", "without user"),
        ("https://hooks.example.com/#part", "fragment"),
        ("https://Hooks.example.com/", "small ASCII letters"),
        ("https://hooks.example.com\\@10.0.0.1/", "small ASCII letters"),
        ("file:///etc/passwd", "https://host/path"),
    ],
)
def test_an_url_that_no_webhook_is_sent_to_is_refused(api, url, says):
    response = api.post(WEBHOOKS, {"url": url}, content_type="application/json")

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/url", "wrong_format")
    assert says in error["detail"]
    assert not WebhookEndpoint.objects.exists()


def test_a_type_that_no_event_has_is_refused(api):
    response = api.post(
        WEBHOOKS, {"url": URL, "types": ["order.created", "order.sold"]}, content_type="application/json"
    )

    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/types")
    assert "order.sold" in response.json()["detail"]


def test_the_same_url_is_taken_once(api):
    first = made(api)

    response = api.post(WEBHOOKS, {"url": URL}, content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (409, "webhook_exists")
    assert response.json()["webhook_id"] == first["id"]
    assert WebhookEndpoint.objects.count() == 1


def test_a_storefront_has_twenty_endpoints_at_most(api):
    for number in range(20):
        made(api, url=f"{URL}/{number}")

    response = api.post(WEBHOOKS, {"url": URL}, content_type="application/json")

    assert (response.status_code, response.json()["code"], response.json()["limit"]) == (409, "too_many_webhooks", 20)


def test_what_is_given_is_changed_and_the_rest_stays(api):
    endpoint = made(api, types=["order.created"])

    response = ask(api, "PATCH", f"/{endpoint['id']}", {"description": "till", "ordered": True})

    assert response.status_code == 200
    assert response.json() == {
        **{name: value for name, value in endpoint.items() if name != "secret"},
        "description": "till",
        "ordered": True,
    }


def test_an_endpoint_is_told_of_people_only_where_that_is_switched_on(api, stock, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    stock(cup=1)
    with receiver() as crm, receiver() as till:
        made(api, url=crm.url, personal=True)
        made(api, url=till.url)
        body = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}], "note": "ring twice"}
        api.post("/api/v1/orders", body, content_type="application/json")

        send_all()

        told = [json.loads(shop.received[0].body)["data"]["order"].get("note") for shop in (crm, till)]
    assert told == ["ring twice", None]


def test_a_key_that_may_not_see_people_lets_no_endpoint_see_them(api, client_of, storefront, place_order):
    blind = client_of(storefront, Scope.WEBHOOKS_WRITE, Scope.ORDERS_READ)
    personal = made(api, personal=True)
    own = made(blind, url=f"{URL}/own")
    place_order(cup=1)
    path = f"/{personal['id']}"

    refused = [
        ask(blind, "POST", "", {"url": f"{URL}/other", "personal": True}),
        ask(blind, "PATCH", f"/{own['id']}", {"personal": True}),
        ask(blind, "PATCH", path, {"url": f"{URL}/mine"}),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(403, "missing_scope")] * 3
    assert ask(blind, "PATCH", path, {"description": "crm"}).json()["description"] == "crm"
    (delivery,) = ask(blind, "GET", f"{path}/deliveries").json()["results"]
    where = f"{path}/deliveries/{delivery['event_id']}"
    assert (ask(blind, "GET", where).json()["body"], ask(api, "GET", where).json()["body"] is None) == (None, False)


def test_a_url_that_another_endpoint_has_is_not_taken_over(api):
    made(api)
    other = made(api, url=f"{URL}/other")

    response = ask(api, "PATCH", f"/{other['id']}", {"url": URL, "ordered": True})

    assert (response.status_code, response.json()["code"]) == (409, "webhook_exists")
    assert ask(api, "GET", f"/{other['id']}").json() | {"secret": other["secret"]} == other


@pytest.mark.parametrize(
    ("method", "path"), [("POST", ""), ("PATCH", "/{id}"), ("DELETE", "/{id}"), ("POST", "/{id}/test")]
)
def test_nothing_here_is_rehearsed(api, method, path):
    endpoint = made(api)

    response = api.generic(
        method,
        WEBHOOKS + path.format(id=endpoint["id"]),
        json.dumps({"url": f"{URL}/other"}),
        content_type="application/json",
        headers={"Prefer": "dry-run"},
    )

    assert (response.status_code, response.json()["code"]) == (400, "preference_not_supported")
    assert ask(api, "GET").json()["results"] == [{name: value for name, value in endpoint.items() if name != "secret"}]
    assert not WebhookDelivery.objects.exists()


def test_an_endpoint_is_disabled_and_enabled(api, place_order):
    endpoint = made(api)

    disabled = ask(api, "PATCH", f"/{endpoint['id']}", {"enabled": False}).json()
    place_order(cup=1)
    tested = ask(api, "POST", f"/{endpoint['id']}/test")
    again = ask(api, "PATCH", f"/{endpoint['id']}", {"enabled": True}).json()

    assert (disabled["enabled"], disabled["disabled_because"]) == (False, "by_hand")
    assert disabled["disabled_at"] is not None
    assert (tested.status_code, tested.json()["code"]) == (409, "webhook_disabled")
    assert (again["enabled"], again["disabled_because"], again["disabled_at"]) == (True, None, None)
    assert not WebhookDelivery.objects.exists()


def test_a_deleted_endpoint_is_not_there_and_its_url_is_free(api):
    endpoint = made(api)

    assert ask(api, "DELETE", f"/{endpoint['id']}").status_code == 204

    assert ask(api, "GET", f"/{endpoint['id']}").json()["code"] == "webhook_not_found"
    assert ask(api, "DELETE", f"/{endpoint['id']}").status_code == 404
    assert ask(api, "GET").json() == {"results": []}
    assert made(api)["id"] != endpoint["id"]


def test_rotated_twice_the_old_secret_stays_and_the_new_one_is_another(api, place_order, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiver() as shop:
        endpoint = made(api, url=shop.url)
        first = ask(api, "POST", f"/{endpoint['id']}/rotate", {"overlap_hours": 1}).json()
        second = ask(api, "POST", f"/{endpoint['id']}/rotate").json()
        place_order(cup=1)
        send_all()
        (received,) = shop.received

    assert len({endpoint["secret"], first["secret"], second["secret"]}) == 3
    assert second["previous_secret_until"] == first["previous_secret_until"]
    assert received.verified_with(endpoint["secret"]) == received.verified_with(second["secret"])
    with pytest.raises(Exception, match="No matching signature found"):
        received.verified_with(first["secret"])


def test_rotated_without_an_overlap_only_the_new_secret_is_left(api, place_order, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiver() as shop:
        endpoint = made(api, url=shop.url)
        ask(api, "POST", f"/{endpoint['id']}/rotate", {"overlap_hours": 1})
        last = ask(api, "POST", f"/{endpoint['id']}/rotate", {"overlap_hours": 0}).json()
        place_order(cup=1)
        send_all()
        (received,) = shop.received

    assert last["previous_secret_until"] is None
    assert len(received.headers["webhook-signature"].split()) == 1
    received.verified_with(last["secret"])


def test_a_test_event_is_sent_whatever_types_are_asked_for(api, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiver() as shop:
        endpoint = made(api, url=shop.url, types=["order.deleted"])
        queued = ask(api, "POST", f"/{endpoint['id']}/test")
        send_all()
        (received,) = shop.received

    assert (queued.status_code, queued.json()["type"], queued.json()["state"]) == (202, "webhook.test", "pending")
    told = received.verified_with(endpoint["secret"])
    assert (told["type"], told["id"], told["data"]) == ("webhook.test", queued.json()["event_id"], {"test": True})
    delivery = ask(api, "GET", f"/{endpoint['id']}/deliveries/{queued.json()['event_id']}").json()
    assert (delivery["state"], delivery["type"], delivery["last_status"]) == ("delivered", "webhook.test", 200)
    assert delivery["body"].encode() == received.body


def test_the_log_tells_each_request_with_its_answer(api, place_order, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiver() as shop:
        shop.answers(Told(500, {"X-Trace": "t-1"}, b"out of order"), Told(204, body=b""))
        endpoint = made(api, url=shop.url)
        place_order(cup=1)
        send_all()
        WebhookDelivery.objects.update(next_attempt_at=timezone.now())
        WebhookEndpoint.objects.update(paused_until=None)
        send_all()
        first, second = shop.received

    (listed,) = ask(api, "GET", f"/{endpoint['id']}/deliveries").json()["results"]
    told = ask(api, "GET", f"/{endpoint['id']}/deliveries/{listed['event_id']}").json()
    assert {name: told[name] for name in listed} == listed
    assert (listed["type"], listed["state"], listed["attempts"]) == ("order.created", "delivered", 2)
    assert listed["next_attempt_at"] is None
    assert told["body"].encode() == first.body == second.body
    failed, delivered = told["log"]
    assert (failed["status"], failed["response_body"], failed["address"]) == (500, "out of order", "127.0.0.1")
    assert failed["response_headers"]["x-trace"] == "t-1"
    assert failed["request_headers"]["webhook-signature"] == first.headers["webhook-signature"]
    assert (delivered["status"], delivered["response_body"], delivered["error"]) == (204, "", "")


def test_what_an_endpoint_answered_about_a_customer_goes_with_them(api, place_order, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiver() as shop:
        shop.answers(Told(200, {"Location": "/customers/cus123"}, b"thanks, cus123"))
        endpoint = made(api, url=shop.url)
        order_id = place_order(cup=1)["id"]
        send_all()
    api.post(f"/api/v1/orders/{order_id}/cancel", {}, content_type="application/json")

    erased = api.post("/api/v1/customers/erase", {"customer_id": "cus123"}, content_type="application/json")

    assert len(erased.json()["erased"]) == 1
    created = ask(api, "GET", f"/{endpoint['id']}/deliveries?state=delivered").json()["results"][0]
    (attempt,) = ask(api, "GET", f"/{endpoint['id']}/deliveries/{created['event_id']}").json()["log"]
    assert (attempt["status"], attempt["response_headers"], attempt["response_body"]) == (200, {}, "")


def test_a_key_that_may_not_read_orders_is_not_shown_what_was_sent(api, storefront, client_of, place_order):
    endpoint = made(api)
    order = place_order(cup=1)
    path = f"/{endpoint['id']}/deliveries/{WebhookDelivery.objects.get().event_id}"

    shown = ask(client_of(storefront, Scope.WEBHOOKS_WRITE, Scope.ORDERS_READ), "GET", path)
    hidden = ask(client_of(storefront, Scope.WEBHOOKS_WRITE), "GET", path)

    assert order["number"] in shown.json()["body"]
    assert hidden.json() == shown.json() | {"body": None}


def test_deliveries_come_in_pages_of_one_state(api, place_order):
    endpoint = made(api)
    for _ in range(3):
        place_order(cup=1)
    oldest, *_ = WebhookDelivery.objects.order_by("event_id")
    WebhookDelivery.objects.filter(pk=oldest.pk).update(state="failed")

    page = ask(api, "GET", f"/{endpoint['id']}/deliveries?limit=2").json()
    rest = ask(api, "GET", f"/{endpoint['id']}/deliveries?limit=2&before={page['next_before']}").json()
    failed = ask(api, "GET", f"/{endpoint['id']}/deliveries?state=failed").json()

    assert [len(page["results"]), len(rest["results"])] == [2, 1]
    assert rest["results"] == failed["results"]
    assert (failed["results"][0]["event_id"], rest["next_before"]) == (str(oldest.event_id), None)


@pytest.mark.parametrize(
    "query", ["state=sent", "before=yesterday", "limit=0", "limit=101", "page=1", "state=failed&state=failed"]
)
def test_a_page_that_cannot_be_is_refused(api, query):
    response = ask(api, "GET", f"/{made(api)['id']}/deliveries?{query}")

    assert (response.status_code, response.json()["code"]) == (400, "validation_error")


def test_one_event_is_sent_again(api, place_order, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiver() as shop:
        endpoint = made(api, url=shop.url)
        place_order(cup=1)
        place_order(cup=1)
        send_all()
        wanted = shop.received[0].headers["webhook-id"]

        response = ask(api, "POST", f"/{endpoint['id']}/redeliver", {"event_id": wanted})
        send_all()

        assert (response.status_code, response.json()) == (202, {"queued": 1, "go_on_since": None})
        assert [received.headers["webhook-id"] for received in shop.received[2:]] == [wanted]


def test_a_dry_run_tells_how_many_would_be_sent_again_and_sends_nothing(api, place_order):
    endpoint = made(api)
    placed = [place_order(cup=1) for _ in range(3)]
    WebhookDelivery.objects.update(state="delivered")
    failed = WebhookDelivery.objects.filter(stream_id=placed[0]["id"])
    failed.update(state="failed")
    since = {"since": (timezone.now() - timedelta(hours=1)).isoformat()}
    one = {"event_id": str(failed.get().event_id)}

    def told(body: dict[str, Any]) -> tuple[int, Any, str]:
        response = ask(api, "POST", f"/{endpoint['id']}/redeliver", body, Prefer="dry-run")
        return response.status_code, response.json(), response.headers["Preference-Applied"]

    assert told(since) == (200, {"queued": 3, "go_on_since": None}, "dry-run")
    assert told(since | {"only_failed": True}) == (200, {"queued": 1, "go_on_since": None}, "dry-run")
    assert told(since | {"until": since["since"]})[1]["queued"] == 0
    assert told(one) == (200, {"queued": 1, "go_on_since": None}, "dry-run")
    unknown = {"event_id": "019ad2f4-5c10-7a61-8f4e-2b6d1c93a001"}
    assert ask(api, "POST", f"/{endpoint['id']}/redeliver", unknown, Prefer="dry-run").status_code == 404
    assert not WebhookDelivery.objects.pending().exists()


def test_what_happened_while_it_was_disabled_is_sent_when_a_time_is_asked_for(api, place_order, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiver() as shop:
        endpoint = made(api, url=shop.url)
        ask(api, "PATCH", f"/{endpoint['id']}", {"enabled": False})
        missed = place_order(cup=1)
        ask(api, "PATCH", f"/{endpoint['id']}", {"enabled": True})
        send_all()
        assert shop.received == []

        response = ask(
            api, "POST", f"/{endpoint['id']}/redeliver", {"since": (timezone.now() - timedelta(hours=1)).isoformat()}
        )
        send_all()

        assert response.json() == {"queued": 1, "go_on_since": None}
        assert [received.event["subject"] for received in shop.received] == [missed["id"]]


def test_a_time_without_events_sends_nothing_again(api, place_order):
    endpoint = made(api)
    place_order(cup=1)
    long_ago = {
        "since": datetime(2020, 1, 1, tzinfo=UTC).isoformat(),
        "until": datetime(2020, 1, 2, tzinfo=UTC).isoformat(),
    }

    response = ask(api, "POST", f"/{endpoint['id']}/redeliver", long_ago)

    assert (response.status_code, response.json()["queued"]) == (202, 0)


def test_all_that_failed_since_is_sent_again_and_nothing_else(api, place_order):
    endpoint = made(api)
    for _ in range(3):
        place_order(cup=1)
    failed, delivered, pending = WebhookDelivery.objects.order_by("event_id")
    WebhookDelivery.objects.filter(pk=failed.pk).update(state="failed", attempts=10, settled_at=timezone.now())
    WebhookDelivery.objects.filter(pk=delivered.pk).update(state="delivered", attempts=1, settled_at=timezone.now())

    since = {"since": (timezone.now() - timedelta(hours=1)).isoformat(), "only_failed": True}
    response = ask(api, "POST", f"/{endpoint['id']}/redeliver", since)

    assert response.json() == {"queued": 1, "go_on_since": None}
    states = dict(WebhookDelivery.objects.values_list("pk", "state"))
    assert states == {failed.pk: "pending", delivered.pk: "delivered", pending.pk: "pending"}
    assert WebhookDelivery.objects.get(pk=failed.pk).attempts == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/since"),
        ({"until": "2026-11-01T00:00:00Z"}, "/since"),
        ({"event_id": "019ad2f4-5c10-7a61-8f4e-2b6d1c93a001", "only_failed": True}, "/event_id"),
        ({"since": "2026-11-01T00:00:00"}, "/since"),
    ],
)
def test_a_redelivery_that_says_too_little_or_too_much_is_refused(api, body, pointer):
    response = ask(api, "POST", f"/{made(api)['id']}/redeliver", body)

    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, pointer)


def test_an_event_that_it_was_never_to_get_is_not_sent_again(api):
    response = ask(api, "POST", f"/{made(api)['id']}/redeliver", {"event_id": "019ad2f4-5c10-7a61-8f4e-2b6d1c93a001"})

    assert (response.status_code, response.json()["code"]) == (404, "webhook_delivery_not_found")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"enabled": False}),
        ("DELETE", "", None),
        ("POST", "/rotate", None),
        ("POST", "/test", None),
        ("GET", "/deliveries", None),
        ("GET", "/deliveries/019ad2f4-5c10-7a61-8f4e-2b6d1c93a001", None),
        ("POST", "/redeliver", {"since": "2026-11-01T00:00:00Z"}),
    ],
)
def test_another_storefronts_endpoint_is_not_there(api, client_of, other_storefront, method, path, body):
    endpoint = made(api)

    response = ask(client_of(other_storefront), method, f"/{endpoint['id']}{path}", body)

    assert (response.status_code, response.json()["code"]) == (404, "webhook_not_found")
    assert ask(client_of(other_storefront), "GET").json() == {"results": []}
    assert ask(api, "GET", f"/{endpoint['id']}").json()["enabled"] is True


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("GET", "/x"), ("POST", "/x/rotate")])
def test_a_key_without_the_scope_is_refused(storefront, client_of, method, path):
    other_scopes = [scope for scope in Scope if scope != Scope.WEBHOOKS_WRITE]

    response = ask(client_of(storefront, *other_scopes), method, path)

    assert (response.status_code, response.json()["code"]) == (403, "missing_scope")
