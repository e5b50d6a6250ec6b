"""What an endpoint is sent, and what comes of each answer."""

from __future__ import annotations

import pytest
from django.db import transaction
from standardwebhooks import WebhookVerificationError
from uuid_utils.compat import uuid7

from events.models import Event
from events.outbox import append
from events.webhooks.endpoints import delete_endpoint, disable_endpoint, enable_endpoint, rotate_secret
from events.webhooks.models import WebhookAttempt, WebhookDelivery
from tests.events.webhooks.pacing import due_now
from tests.events.webhooks.receiving import Told

pytestmark = pytest.mark.usefixtures("database")


def test_an_event_is_sent_signed_and_logged(shop, endpoint_at, append_stream, send_all):
    endpoint, secret = endpoint_at(shop.url)
    stream_id = append_stream(1)
    event = Event.objects.get()

    worker = send_all()

    (received,) = shop.received
    assert received.path == "/hooks?shop=au"
    assert received.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert received.headers["webhook-id"] == str(event.pk)
    assert received.headers["host"] == shop.url.split("/")[2]
    told = received.verified_with(secret)
    assert (told["id"], told["type"], told["subject"]) == (str(event.pk), "thing.changed", str(stream_id))
    assert told["data"] == {"version": 1}
    assert (worker.delivered, worker.failed) == (1, 0)
    delivery = WebhookDelivery.objects.get()
    assert (delivery.endpoint_id, delivery.state, delivery.attempts, delivery.last_status) == (
        endpoint.pk,
        "delivered",
        1,
        200,
    )
    attempt = WebhookAttempt.objects.get()
    assert (attempt.delivery_id, attempt.url, attempt.address) == (delivery.pk, shop.url, "127.0.0.1")
    assert (attempt.status, attempt.response_body, attempt.error) == (200, "thanks", "")
    assert attempt.request_headers["webhook-id"] == str(event.pk)
    assert attempt.response_headers["content-length"] == "6"


def test_another_secret_does_not_verify(shop, endpoint_at, append_stream, send_all):
    endpoint_at(shop.url)
    _, other = endpoint_at(shop.url + "&other=1")
    append_stream(1)

    send_all()

    received = next(received for received in shop.received if received.path == "/hooks?shop=au")
    with pytest.raises(WebhookVerificationError):
        received.verified_with(other)


def test_a_change_that_is_undone_is_not_told(shop, endpoint_at, make_event, send_all):
    endpoint_at(shop.url)

    with transaction.atomic():
        append([make_event(uuid7(), 1)])
        transaction.set_rollback(True)
    send_all()

    assert shop.received == []
    assert not WebhookDelivery.objects.exists()


def test_only_types_that_were_asked_for_are_sent(shop, endpoint_at, make_event, send_all):
    endpoint_at(shop.url, types=["order.deleted"])

    append([make_event(uuid7(), 1, type="order.created"), make_event(uuid7(), 1, type="order.deleted")])
    send_all()

    assert [received.event["type"] for received in shop.received] == ["order.deleted"]


def test_events_of_another_storefront_are_not_sent(shop, endpoint_at, make_event, send_all):
    endpoint_at(shop.url)

    append([make_event(uuid7(), 1, storefront_id=2)])
    send_all()

    assert shop.received == []


@pytest.mark.parametrize("stop", [disable_endpoint, delete_endpoint])
def test_an_endpoint_that_is_no_more_gets_nothing(shop, endpoint_at, append_stream, send_all, stop):
    endpoint, _ = endpoint_at(shop.url)
    append_stream(1)
    stop(endpoint.pk, by="staff:ann")

    append_stream(1)
    send_all()

    assert shop.received == []
    assert WebhookDelivery.objects.count() == 1


def test_what_waited_is_sent_once_it_is_enabled_again(shop, endpoint_at, append_stream, send_all):
    endpoint, _ = endpoint_at(shop.url)
    waiting = append_stream(1)
    disable_endpoint(endpoint.pk, by="staff:ann")
    append_stream(1)

    enable_endpoint(endpoint.pk, by="staff:ann")
    send_all()

    assert [received.event["subject"] for received in shop.received] == [str(waiting)]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 500, 503])
def test_any_other_answer_than_2xx_is_a_failure_that_is_repeated(shop, endpoint_at, append_stream, send_all, status):
    endpoint_at(shop.url)
    shop.answers(Told(status, {"Location": "http://127.0.0.1:1/"}, b"no"), Told(202))
    append_stream(1)

    send_all()

    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("pending", 1, status)
    assert delivery.settled_at is None

    due_now()
    send_all()

    assert [attempt.status for attempt in WebhookAttempt.objects.order_by("pk")] == [status, 202]
    first, second = shop.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert WebhookDelivery.objects.get().state == "delivered"


def test_a_webhook_is_given_up_after_ten_attempts(shop, endpoint_at, append_stream, send_all):
    endpoint_at(shop.url)
    shop.answers(Told(400))
    append_stream(1)

    for _ in range(12):
        send_all()
        due_now()

    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.attempts, len(shop.received)) == ("failed", 10, 10)
    assert delivery.settled_at is not None


def test_two_secrets_are_live_while_one_takes_the_others_place(shop, endpoint_at, append_stream, send_all):
    endpoint, old = endpoint_at(shop.url)
    _, new = rotate_secret(endpoint.pk, by="staff:ann")
    append_stream(1)

    send_all()

    (received,) = shop.received
    assert received.verified_with(old) == received.verified_with(new) == received.event
    assert len(received.headers["webhook-signature"].split()) == 2
