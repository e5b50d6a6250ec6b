"""Where webhooks go, what each endpoint has still to get, and what came of every attempt."""

from __future__ import annotations

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

# The form of what is sent. An endpoint keeps the one it was made with when there is a newer one.
API_VERSION = "v1"
MOST_DESCRIPTION = 200
MOST_URL = 2000


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def not_deleted(self) -> Self:
        return self.filter(deleted_at=None)

    def stopped_by_failures(self) -> Self:
        """Disabled by nobody: somebody has to look at them."""
        return self.not_deleted().filter(
            disabled_because__in=[WebhookEndpoint.Because.GONE, WebhookEndpoint.Because.FAILING]
        )


class WebhookEndpoint(models.Model):
    """An address that gets a storefront's events. `events.webhooks.endpoints` makes and changes it.

    Which endpoints get an event is read from this table in the transaction of the change (`webhooks_enqueue`).
    A deleted one stays, out of sight, until its deliveries have been removed.
    """

    class Because(models.TextChoices):
        """Why it is disabled."""

        BY_HAND = "by_hand", "by hand"
        GONE = "gone", "it answered 410 Gone"
        FAILING = "failing", "it has failed for five days"

    id = models.UUIDField(primary_key=True)
    storefront_id = models.IntegerField()
    # As in the storefront's events: `/storefronts/au`. A test event has it too.
    source = models.TextField()
    url = models.CharField(max_length=MOST_URL)
    description = models.CharField(max_length=MOST_DESCRIPTION, blank=True, default="")
    # None named: every type.
    types = ArrayField(models.TextField(), default=list, blank=True)
    ordered = models.BooleanField(default=False)
    # Whether it is told what tells of people.
    personal = models.BooleanField(default=False, db_default=False)
    api_version = models.TextField(default=API_VERSION)
    # Sealed: see sealing.py. Two are live while one takes the other's place.
    secret = models.BinaryField()
    previous_secret = models.BinaryField(null=True)
    previous_secret_until = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_because = models.TextField(choices=Because.choices, blank=True, default="")
    disabled_by = models.TextField(blank=True, default="")
    # Since the first failure after the last success.
    failing_since = models.DateTimeField(null=True)
    # How often in a row it did not answer, or answered that it cannot now; until when it is left alone for that.
    down_rounds = models.SmallIntegerField(default=0, db_default=0)
    paused_until = models.DateTimeField(null=True)
    made_by = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        db_table = "events_webhook_endpoint"
        verbose_name = "webhook endpoint"
        constraints = [
            # Asked for twice, it is made once.
            models.UniqueConstraint(
                fields=["storefront_id", "url"],
                condition=models.Q(deleted_at=None),
                name="webhook_endpoint_once_per_url",
            ),
        ]

    def __str__(self) -> str:
        return str(self.url)

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None


class WebhookTurn(models.Model):
    """What a worker locks to serve an endpoint, so that one does at a time. Never updated, so it never bloats."""

    endpoint_id = models.UUIDField(primary_key=True)

    class Meta:
        db_table = "events_webhook_turn"

    def __str__(self) -> str:
        return str(self.endpoint_id)


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def pending(self) -> Self:
        return self.filter(state=WebhookDelivery.State.PENDING)

    def failed(self) -> Self:
        """Given up. Those of an endpoint that was deleted are about to be removed."""
        standing = WebhookEndpoint.objects.not_deleted().values("pk")
        return self.filter(state=WebhookDelivery.State.FAILED, endpoint_id__in=standing)


class WebhookDelivery(models.Model):
    """One event on its way to one endpoint. `webhooks_enqueue` writes it; it stays as the log of what was sent."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"

    id = models.BigAutoField(primary_key=True)
    endpoint_id = models.UUIDField()
    event_id = models.UUIDField()
    storefront_id = models.IntegerField()
    stream_id = models.UUIDField()
    sequence = models.IntegerField()
    # Of no event of the log: sent to see whether it arrives.
    test = models.BooleanField(default=False, db_default=False)
    state = models.TextField(choices=State.choices, default=State.PENDING, db_default=State.PENDING)
    attempts = models.SmallIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    # Of the last attempt: the HTTP status, if there was any, and what was wrong.
    last_status = models.SmallIntegerField(null=True)
    last_error = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        db_table = "events_webhook_delivery"
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        constraints = [
            # Event ids are UUIDv7: this lists an endpoint's deliveries by time as well.
            models.UniqueConstraint(fields=["endpoint_id", "event_id"], name="webhook_event_once_per_endpoint"),
        ]
        indexes = [
            models.Index(
                fields=["endpoint_id", "next_attempt_at"],
                name="webhook_due",
                condition=models.Q(state="pending"),
            ),
            models.Index(
                fields=["endpoint_id", "stream_id", "sequence"],
                name="webhook_stream",
                condition=models.Q(state="pending"),
            ),
            models.Index(fields=["endpoint_id", "event_id"], name="webhook_failed", condition=models.Q(state="failed")),
            # All of them, as the back office lists and counts them.
            models.Index(fields=["id"], name="webhook_failed_of_all", condition=models.Q(state="failed")),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.endpoint_id}"


class WebhookAttempt(models.Model):
    """One request, and what came of it. Its body was the event, which the log has."""

    id = models.BigAutoField(primary_key=True)
    delivery_id = models.BigIntegerField()
    url = models.TextField()
    # What was connected to; empty where nothing was.
    address = models.TextField()
    request_headers = models.JSONField()
    status = models.SmallIntegerField(null=True)
    response_headers = models.JSONField()
    response_body = models.TextField()
    error = models.TextField()
    milliseconds = models.IntegerField()
    attempted_at = models.DateTimeField()

    class Meta:
        db_table = "events_webhook_attempt"
        verbose_name = "webhook attempt"
        indexes = [
            models.Index(fields=["delivery_id"], name="webhook_attempt_of_delivery"),
            models.Index(fields=["attempted_at"], name="webhook_attempt_at"),
        ]

    def __str__(self) -> str:
        return f"{self.status or self.error} at {self.attempted_at}"
