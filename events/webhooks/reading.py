"""What was sent to an endpoint, for people and programs to read."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from events.cloudevents import envelope
from events.models import Event
from events.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from events.webhooks.queue import read_one

TEST_TYPE = "webhook.test"


def deliveries_of(endpoint: WebhookEndpoint, *, state: str | None = None) -> QuerySet[WebhookDelivery]:
    """The newest event first."""
    deliveries = WebhookDelivery.objects.filter(endpoint_id=endpoint.pk).order_by("-event_id")
    return deliveries.filter(state=state) if state else deliveries


def types_of(deliveries: Sequence[WebhookDelivery]) -> Mapping[UUID, str]:
    """The type of each delivery's event, by its id."""
    known = Event.objects.filter(pk__in=[delivery.event_id for delivery in deliveries]).values_list("pk", "type")
    return {delivery.event_id: TEST_TYPE for delivery in deliveries if delivery.test} | dict(known)


def attempts_of(delivery: WebhookDelivery) -> QuerySet[WebhookAttempt]:
    """The first one first."""
    return WebhookAttempt.objects.filter(delivery_id=delivery.pk).order_by("pk")


def body_of(delivery: WebhookDelivery) -> bytes:
    """What its requests carry, byte for byte."""
    connection.ensure_connection()
    sent = read_one(connection.connection, delivery.pk)
    if sent is None:
        return b""
    pinned = WebhookEndpoint.objects.values_list("api_version", flat=True).get(pk=delivery.endpoint_id)
    return envelope(sent, api_version=pinned)
