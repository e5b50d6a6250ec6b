"""What is asked for while a delivery is on its way: the answer that comes then changes nothing of it."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from events.models import Event
from events.webhooks.endpoints import change_endpoint
from events.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from events.webhooks.redelivering import redeliver_one
from tests.base import wait_until_somebody_waits_for_a_lock
from tests.events.webhooks.pacing import due_now
from tests.events.webhooks.receiving import Told

pytestmark = pytest.mark.usefixtures("database")


def test_a_redelivery_begins_anew_although_the_last_attempt_fails_then(shop, endpoint_at, append_stream, send_all):
    endpoint_at(shop.url)
    append_stream(1)
    WebhookDelivery.objects.update(attempts=9)

    def asked_for_again(received):
        redeliver_one(WebhookEndpoint.objects.get(), Event.objects.get().pk)
        connection.close()
        shop.answers(Told(200))
        return Told(500)

    shop.answer = asked_for_again

    send_all()
    begun_anew = WebhookDelivery.objects.get()
    due_now()
    send_all()

    delivery = WebhookDelivery.objects.get()
    assert (begun_anew.state, begun_anew.attempts) == ("pending", 0)
    assert (delivery.state, delivery.attempts) == ("delivered", 1)
    assert list(WebhookAttempt.objects.order_by("id").values_list("status", flat=True)) == [500, 200]


def test_an_address_that_is_gone_disables_no_other_that_was_named_meanwhile(
    shop, new_receiver, endpoint_at, append_stream, send_all
):
    endpoint_at(shop.url)
    append_stream(1)
    other = new_receiver()

    def moved(received):
        change_endpoint(WebhookEndpoint.objects.get().pk, {"url": other.url}, by="staff:ann")
        connection.close()
        return Told(410)

    shop.answer = moved

    send_all()

    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.url, endpoint.enabled, endpoint.failing_since) == (other.url, True, None)


def test_deliveries_are_written_in_the_order_in_which_a_redelivery_locks_them(
    shop, endpoint_at, append_stream, send_all
):
    endpoint_at(shop.url)
    append_stream(1), append_stream(1)
    first, second = WebhookDelivery.objects.order_by("event_id")
    WebhookDelivery.objects.filter(pk=second.pk).update(next_attempt_at="2026-11-01T00:00Z")

    def send() -> None:
        try:
            send_all()
        finally:
            connection.close()

    worker = threading.Thread(target=send)
    with transaction.atomic():  # a redelivery
        WebhookDelivery.objects.select_for_update().get(pk=first.pk)
        worker.start()
        wait_until_somebody_waits_for_a_lock()
        WebhookDelivery.objects.select_for_update(nowait=True).get(pk=second.pk)
    worker.join()

    assert sorted(shop.sequences) == [1, 1]
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}
