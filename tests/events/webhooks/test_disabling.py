"""When an endpoint is disabled by itself, and what Retry-After does."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from events.webhooks.endpoints import enable_endpoint
from events.webhooks.models import WebhookDelivery, WebhookEndpoint
from tests.events.webhooks.pacing import due_now
from tests.events.webhooks.receiving import Told

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("database")


def test_gone_disables_at_once_and_is_told(shop, endpoint_at, append_stream, send_all, caplog):
    endpoint, _ = endpoint_at(shop.url)
    shop.answers(Told(410))
    append_stream(1)

    send_all()

    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.disabled_because, endpoint.disabled_by) == (False, "gone", "system:webhooks")
    assert list(WebhookEndpoint.objects.stopped_by_failures()) == [endpoint]
    (told,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert told.getMessage() == "Webhook endpoint is disabled: somebody has to look at it"
    assert (told.endpoint_id, told.because) == (str(endpoint.pk), "gone")
    due_now()
    append_stream(1)
    send_all()
    assert len(shop.received) == 1


def test_five_days_of_nothing_but_failure_disable(shop, endpoint_at, append_stream, send_all):
    endpoint, _ = endpoint_at(shop.url)
    shop.answers(Told(500))
    append_stream(1)
    send_all()
    assert WebhookEndpoint.objects.get().failing_since is not None
    failing_for(timedelta(days=4, hours=23))
    send_all()
    assert WebhookEndpoint.objects.get().enabled

    failing_for(timedelta(days=5, minutes=1))
    send_all()

    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.disabled_because) == (False, "failing")


def test_one_success_in_five_days_is_enough(shop, endpoint_at, append_stream, send_all):
    endpoint_at(shop.url)
    shop.answers(Told(500), Told(200), Told(500))
    append_stream(1)
    send_all()
    failing_for(timedelta(days=6))
    send_all()
    append_stream(1)
    send_all()

    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.enabled
    assert endpoint.failing_since is not None
    assert endpoint.failing_since > timezone.now() - timedelta(hours=1)


def test_enabled_again_it_begins_anew(shop, endpoint_at, append_stream, send_all):
    endpoint, _ = endpoint_at(shop.url)
    shop.answers(Told(500), Told(500), Told(200))
    append_stream(1)
    send_all()
    failing_for(timedelta(days=6))
    send_all()

    enable_endpoint(endpoint.pk, by="staff:ann")
    due_now()
    send_all()

    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.failing_since) == (True, None)
    assert WebhookDelivery.objects.get().state == "delivered"


def test_retry_after_is_waited_for_by_the_event_and_the_endpoint(shop, endpoint_at, append_stream, send_all):
    endpoint_at(shop.url)
    shop.answers(Told(429, {"Retry-After": "7200"}), Told(200))
    append_stream(1)

    send_all()

    two_hours = timezone.now() + timedelta(hours=2)
    assert abs(WebhookDelivery.objects.get().next_attempt_at - two_hours) < timedelta(minutes=1)
    assert abs((WebhookEndpoint.objects.get().paused_until or LONG_AGO) - two_hours) < timedelta(minutes=1)
    append_stream(1)
    send_all()
    assert len(shop.received) == 1


def failing_for(time):
    """As if the first failure had been so long ago; and its pauses were over."""
    WebhookEndpoint.objects.update(failing_since=timezone.now() - time)
    due_now()
