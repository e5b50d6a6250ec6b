"""The log of events, and the queue of what each sink has still to get."""

from datetime import UTC, datetime
from typing import Any, NoReturn, Self
from uuid import UUID

from django.db import models
from django.db.models import Value
from django.db.models.functions import Coalesce, Now, NullIf

from events.feed.models import FeedArrival, FeedEntry, FeedHead, FeedHistory

__all__ = [
    "BUCKETS",
    "PARKED",
    "Event",
    "FeedArrival",
    "FeedEntry",
    "FeedHead",
    "FeedHistory",
    "OutboxBucket",
    "OutboxEntry",
    "SkippedEvent",
    "bucket_of",
]

from events.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookTurn

__all__ = [
    "BUCKETS",
    "PARKED",
    "Event",
    "EventQuerySet",
    "OutboxBucket",
    "OutboxEntry",
    "OutboxEntryQuerySet",
    "SkippedEvent",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookTurn",
    "bucket_of",
]

from events.inbox.models import InboxStream, IncomingEvent  # where Django looks for models

__all__ = [
    "BUCKETS",
    "PARKED",
    "Event",
    "InboxStream",
    "IncomingEvent",
    "OutboxBucket",
    "OutboxEntry",
    "SkippedEvent",
    "bucket_of",
]

BUCKETS = 64

# "Until a person decides". PostgreSQL's 'infinity' would say it too, but no Python datetime can hold that.
PARKED = datetime(9999, 1, 1, tzinfo=UTC)


def bucket_of(stream_id: UUID) -> int:
    """The bucket of a stream; `events_append` says the same in SQL."""
    return stream_id.bytes[15] % BUCKETS


class EventQuerySet(models.QuerySet["Event"]):
    def with_reasons(self) -> Self:
        """Each has its `told_reason`: from beside the log, where an erasure leaves it; of early events from the log."""
        beside = PersonalData.objects.filter(
            stream_id=models.OuterRef("stream_id"), sequence=models.OuterRef("sequence")
        )
        told = NullIf(models.Subquery(beside.values("reason")[:1]), Value(""))
        return self.annotate(told_reason=Coalesce(told, "reason", output_field=models.TextField()))

    def update(self, **values: Any) -> NoReturn:
        raise TypeError("Events are never changed; append a new one that corrects the old.")

    def delete(self) -> NoReturn:
        raise TypeError("Events are never removed.")


class Event(models.Model):
    """A fact: append-only. `events.outbox.append` writes it; a trigger refuses every UPDATE and DELETE.

    Audit, timeline, replay and feed read it. It knows nothing of delivery: that is the queue's business; and of
    people, whose data is beside it (`PersonalData`). Early events have `reason` and `metadata` themselves.
    """

    id = models.UUIDField(primary_key=True)
    storefront_id = models.IntegerField()
    source = models.TextField()
    stream_id = models.UUIDField()
    sequence = models.IntegerField()
    type = models.TextField()
    occurred_at = models.DateTimeField()
    actor = models.TextField()
    reason = models.TextField(db_default="")
    request_id = models.TextField(db_default="")
    trace = models.TextField(db_default="")
    data = models.JSONField()

    told_reason: str  # of `with_reasons()`

    objects = EventQuerySet.as_manager()

    class Meta:
        constraints = [
            # The stream first, so that it can be looked up without its storefront.
            models.UniqueConstraint(
                fields=["stream_id", "storefront_id", "sequence"], name="event_once_per_stream_and_sequence"
            ),
            models.CheckConstraint(condition=models.Q(sequence__gt=0), name="event_sequence_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.sequence} of {self.stream_id}"

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Events are written by events.outbox.append().")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Events are never removed.")


class PersonalData(models.Model):
    """What an event tells of a person: beside the log, so that an erasure reaches it.

    `fields` are those of `data.order` that the event has set, with their values since then.
    """

    pk = models.CompositePrimaryKey("stream_id", "sequence")
    stream_id = models.UUIDField()
    sequence = models.IntegerField()
    storefront_id = models.IntegerField()
    reason = models.TextField(db_default="")
    fields = models.JSONField(db_default=Value({}, models.JSONField()))

    class Meta:
        db_table = "events_personal"

    def __str__(self) -> str:
        return f"of {self.sequence} of {self.stream_id}"


class OutboxEntryQuerySet(models.QuerySet["OutboxEntry"]):
    def parked(self) -> Self:
        return self.filter(next_attempt_at__gte=PARKED)

    def held(self) -> Self:
        """Failed at least once: parked, or waiting for the next attempt."""
        return self.filter(next_attempt_at__isnull=False)


class OutboxEntry(models.Model):
    """One event that one sink has not acknowledged yet; the acknowledgement deletes the row.

    `id` is taken under the lock that gave `sequence`, so within a stream the two grow together; across
    streams it means nothing, and it must never leave the database. `next_attempt_at` is null when the entry
    is due and `PARKED` when a person must decide; either way a held entry holds the later ones of its stream.
    """

    id = models.BigAutoField(primary_key=True)
    sink = models.TextField()
    bucket = models.SmallIntegerField()
    event_id = models.UUIDField()
    storefront_id = models.IntegerField()
    stream_id = models.UUIDField()
    sequence = models.IntegerField()
    # Sent once more by a person: it may be behind later ones of its stream, and its age is no delay.
    replay = models.BooleanField(default=False, db_default=False)
    attempts = models.SmallIntegerField(db_default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(db_default="")

    objects = OutboxEntryQuerySet.as_manager()

    class Meta:
        db_table = "events_outbox"
        verbose_name = "outbox entry"
        verbose_name_plural = "outbox entries"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(bucket__gte=0, bucket__lt=BUCKETS), name="outbox_bucket_in_range"
            ),
        ]
        indexes = [
            models.Index(fields=["sink", "bucket", "id"], name="outbox_ready"),
            # Few rows: only entries that failed.
            models.Index(
                fields=["sink", "bucket", "stream_id", "sequence"],
                name="outbox_held",
                condition=models.Q(next_attempt_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} of {self.stream_id} for {self.sink}"

    @property
    def parked(self) -> bool:
        return self.next_attempt_at is not None and self.next_attempt_at >= PARKED


class OutboxBucket(models.Model):
    """What a relay locks to own the streams of one bucket. Never updated, so it never bloats."""

    pk = models.CompositePrimaryKey("sink", "bucket")
    sink = models.TextField()
    bucket = models.SmallIntegerField()

    class Meta:
        db_table = "events_outbox_bucket"

    def __str__(self) -> str:
        return f"{self.sink} {self.bucket}"


class SkippedEvent(models.Model):
    """An event that a person decided one sink shall not get: the sink's consumers see a gap in `sequence`."""

    event_id = models.UUIDField()
    sink = models.TextField()
    storefront_id = models.IntegerField()
    stream_id = models.UUIDField()
    sequence = models.IntegerField()
    last_error = models.TextField()
    reason = models.TextField()
    skipped_by = models.TextField()
    skipped_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event_id", "sink"], name="event_skipped_once_per_sink")]

    def __str__(self) -> str:
        return f"{self.sequence} of {self.stream_id} for {self.sink}"
