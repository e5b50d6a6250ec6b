"""How late webhooks are, and how many were sent, of all endpoints together."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY

from events.webhooks.endpoints import disable_endpoint
from events.webhooks.health import webhook_lag_seconds
from events.webhooks.models import WebhookDelivery, WebhookEndpoint
from tests.events.webhooks.receiving import Told

pytestmark = pytest.mark.usefixtures("database")


def due_since(minutes: int, **which: object) -> None:
    WebhookDelivery.objects.filter(**which).update(next_attempt_at=timezone.now() - timedelta(minutes=minutes))


def test_the_oldest_that_could_be_sent_is_how_late_they_are(endpoint_at, append_stream):
    endpoint_at("https://hooks.example.com/1")
    endpoint_at("https://hooks.example.com/2")
    assert webhook_lag_seconds() == 0
    append_stream(2)
    due_since(1)
    due_since(10, endpoint_id=WebhookEndpoint.objects.order_by("url")[1].pk, sequence=2)

    assert webhook_lag_seconds() == pytest.approx(600, abs=30)


def test_what_waits_for_an_earlier_one_or_for_its_endpoint_is_not_late(endpoint_at, append_stream):
    endpoint, _ = endpoint_at("https://hooks.example.com/1", ordered=True)
    append_stream(2)
    due_since(10, sequence=2)
    due_since(-10, sequence=1)
    assert webhook_lag_seconds() == 0

    due_since(10)
    for away in ({"down_rounds": 1}, {"paused_until": timezone.now() + timedelta(hours=1)}):
        WebhookEndpoint.objects.update(**away)
        assert webhook_lag_seconds() == 0
        WebhookEndpoint.objects.update(down_rounds=0, paused_until=None)
    assert webhook_lag_seconds() == pytest.approx(600, abs=30)
    disable_endpoint(endpoint.pk, by="staff:ann")
    assert webhook_lag_seconds() == 0


def test_attempts_are_counted_by_what_came_of_them(shop, endpoint_at, append_stream, send_all):
    def counted() -> list[float]:
        outcomes = ("delivered", "failed", "given_up")
        return [REGISTRY.get_sample_value("webhooks_sent_total", {"outcome": outcome}) or 0.0 for outcome in outcomes]

    endpoint_at(shop.url)
    shop.answer = lambda received: Told(400 if received.event["sequence"] == "0000000002" else 200)
    append_stream(3)
    before = counted()

    send_all()
    WebhookDelivery.objects.filter(state="pending").update(attempts=9, next_attempt_at=timezone.now())
    send_all()

    assert [now - then for now, then in zip(counted(), before, strict=True)] == [2, 1, 1]
