"""What is old is removed, what is still to be sent is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

from events.webhooks import pruning
from events.webhooks.endpoints import delete_endpoint, disable_endpoint
from events.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookTurn
from events.webhooks.pruning import prune
from events.webhooks.redelivering import first_id_at

pytestmark = pytest.mark.usefixtures("database")

NOW = timezone.now()
OLD, NEW = NOW - timedelta(days=40), NOW - timedelta(days=20)
BEFORE = NOW - timedelta(days=30)


def delivery(endpoint, happened, *, settled, state="delivered"):
    event_id = uuid7().int & ((1 << 80) - 1) | first_id_at(happened).int
    made = WebhookDelivery.objects.create(
        endpoint_id=endpoint.pk,
        event_id=str(type(endpoint.pk)(int=event_id)),
        storefront_id=1,
        stream_id=uuid7(),
        sequence=1,
        state=state,
        settled_at=settled,
    )
    WebhookAttempt.objects.create(
        delivery_id=made.pk,
        url=endpoint.url,
        address="",
        request_headers={},
        response_headers={},
        response_body="",
        error="",
        milliseconds=1,
        attempted_at=settled or happened,
    )
    return made


def test_what_was_settled_long_ago_goes_with_its_attempts(endpoint_at):
    endpoint, _ = endpoint_at("http://127.0.0.1:1/")
    delivery(endpoint, OLD, settled=OLD)
    delivery(endpoint, OLD, settled=OLD, state="failed")
    kept = [
        delivery(endpoint, OLD, settled=NEW),
        delivery(endpoint, NEW, settled=NEW),
        delivery(endpoint, OLD, settled=None, state="pending"),
    ]

    removed = prune(before=BEFORE)

    assert removed == 2
    assert set(WebhookDelivery.objects.values_list("pk", flat=True)) == {one.pk for one in kept}
    assert WebhookAttempt.objects.count() == 2  # the pending one's only attempt is old


def test_what_waits_for_an_endpoint_that_was_disabled_long_ago_goes_too(endpoint_at):
    endpoint, _ = endpoint_at("http://127.0.0.1:1/")
    disable_endpoint(endpoint.pk, by="staff:ann")
    delivery(endpoint, OLD, settled=None, state="pending")
    assert prune(before=BEFORE) == 0

    WebhookEndpoint.objects.update(disabled_at=OLD)

    assert prune(before=BEFORE) == 1


def test_of_a_deleted_endpoint_everything_goes_and_in_the_end_itself(endpoint_at):
    endpoint, _ = endpoint_at("http://127.0.0.1:1/")
    delivery(endpoint, NEW, settled=NEW)
    delivery(endpoint, NEW, settled=None, state="pending")
    delete_endpoint(endpoint.pk, by="staff:ann")

    assert prune(before=BEFORE) == 2
    assert not WebhookAttempt.objects.exists()
    assert WebhookEndpoint.objects.count() == 1
    WebhookEndpoint.objects.update(deleted_at=OLD)
    prune(before=BEFORE)

    assert (WebhookEndpoint.objects.count(), WebhookTurn.objects.count()) == (0, 0)


def test_it_is_done_in_slices(endpoint_at, monkeypatch):
    monkeypatch.setattr(pruning, "_SLICE", 2)
    endpoint, _ = endpoint_at("http://127.0.0.1:1/")
    for _ in range(5):
        delivery(endpoint, OLD, settled=OLD)

    assert prune(before=BEFORE) == 5
    assert (WebhookDelivery.objects.count(), WebhookAttempt.objects.count()) == (0, 0)
