"""What has come in, and how far each stream of it has been handled."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class InboxState(models.TextChoices):
    DUE = "due", "Waits for its handler"
    HANDLED = "handled", "Handled"
    STALE = "stale", "Dropped, a later one was handled before"
    DEAD = "dead", "Dead letter"
    DROPPED = "dropped", "Dead letter that somebody dropped"


class IncomingEventQuerySet(models.QuerySet["IncomingEvent"]):
    def due(self) -> Self:
        """Due now, or once they are to be tried again."""
        return self.filter(state=InboxState.DUE)

    def dead(self) -> Self:
        return self.filter(state=InboxState.DEAD)


class IncomingEvent(models.Model):
    """An event that came in, by what its sender calls it: `source` and `event_id` (of CloudEvents).

    A row stays when the event has been handled, so that the same one is known when it comes again; its body, which
    may tell of people, goes then. A message that is no event has no source, and a digest of itself as its id.
    """

    id = models.BigAutoField(primary_key=True)
    came_by = models.TextField()  # the source of EVENT_SOURCES that brought it
    source = models.TextField()
    event_id = models.TextField()
    type = models.TextField(db_default="")
    subject = models.TextField(db_default="")
    sequence = models.BigIntegerField(null=True, blank=True)
    state = models.TextField(choices=InboxState.choices)
    attempts = models.SmallIntegerField(db_default=0)
    received_at = models.DateTimeField(db_default=Now())
    next_attempt_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(db_default="")
    body = models.BinaryField(null=True, blank=True)

    objects = IncomingEventQuerySet.as_manager()

    class Meta:
        db_table = "events_inbox"
        constraints = [
            # Never partition this table by time: then it would hold within a partition only. The id first, so that it
            # can be looked up without its source.
            models.UniqueConstraint(fields=["event_id", "source"], name="incoming_event_once"),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at", "id"], name="inbox_due", condition=Q(state="due")),
            # Few rows, for a person to look at.
            models.Index(fields=["state", "id"], name="inbox_odd", condition=Q(state__in=["dead", "stale"])),
            models.Index(fields=["settled_at"], name="inbox_settled", condition=Q(settled_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.type or 'no event'} {self.event_id}"


class InboxStream(models.Model):
    """The latest event that was handled of those with one source and subject. Whoever handles one holds the row."""

    pk = models.CompositePrimaryKey("source", "subject")
    source = models.TextField()
    subject = models.TextField()
    sequence = models.BigIntegerField()
    moved_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "events_inbox_stream"
        indexes = [models.Index(fields=["moved_at"], name="inbox_stream_moved")]

    def __str__(self) -> str:
        return f"{self.sequence} of {self.subject} from {self.source}"
