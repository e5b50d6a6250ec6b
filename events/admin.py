"""Log, queue and inbox, to look at; the only thing to do here is to try failed events again.

What they tell of orders stands in `orders/admin/event_pages.py`: nothing here knows what a stream is.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from events import parked
from events.inbox import dead_letters
from events.inbox.models import InboxState, IncomingEvent
from events.keyset_list import ReadByKey
from events.models import PARKED, Event, OutboxEntry, SkippedEvent, bucket_of
from events.sinks import enabled_sinks
from events.webhooks.redelivering import time_of


@admin.register(Event)
class EventAdmin(ReadByKey):
    list_display = ["when", "what", "stream_id", "sequence", "actor", "told_reason"]
    nothing_there = (
        "Nothing has happened to any order yet. Each change of one is told here as an event, once it is made."
    )
    exclude = ["reason"]  # of early events; `told_reason` is that of all
    readonly_fields = ["told_reason"]
    ordering = ["-id"]  # ids are UUIDv7: newest first, from the primary key
    search_help_text = "The exact id of an event or of a stream (an order)."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return Event.objects.with_reasons().order_by(*self.ordering)

    def place_of(self, row: Event) -> str:
        return f"{row.occurred_at:%Y-%m-%d %H:%M} UTC"

    @admin.display(description="When (UTC)")
    def when(self, event: Event) -> str:
        return f"{event.occurred_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="What")
    def what(self, event: Event) -> str:
        return event.type

    @admin.display(description="reason")
    def told_reason(self, event: Event) -> str:
        return event.told_reason

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        if not search_term.strip():
            return queryset, False
        wanted = _uuid(search_term)
        if wanted is None:
            return queryset.none(), False
        # One predicate for each query: an OR would walk the whole log.
        by_id = queryset.filter(pk=wanted)
        return (by_id if by_id.exists() else queryset.filter(stream_id=wanted)), False


class _StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"
    has_index = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("parked", "Parked: somebody has to decide"), ("held", "Failed at least once")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        if self.value() == "parked":
            return queryset.filter(next_attempt_at=PARKED)
        if self.value() == "held":
            return queryset.filter(next_attempt_at__isnull=False)
        return None


@admin.register(OutboxEntry)
class OutboxEntryAdmin(ReadByKey):
    list_display = ["id", "sink", "state", "attempts", "stream_id", "sequence", "event_id", "last_error"]
    list_filter = [_StateFilter]
    ordering = ["id"]
    previous_name, next_name = "Earlier", "Later"
    nothing_there = (
        "Every sink has got every event. What waits to be sent, or has failed, stands here until it is sent."
    )
    actions = ["retry"]
    search_help_text = "The exact id of an event or of a stream (an order)."

    def place_of(self, row: OutboxEntry) -> str:
        """When its event was made."""
        return f"{time_of(row.event_id):%Y-%m-%d %H:%M} UTC"

    @admin.display(description="State")
    def state(self, entry: OutboxEntry) -> str:
        if entry.next_attempt_at is None:
            return "waits for its turn"
        if entry.parked:
            return "parked: is not tried again by itself"
        return f"tried again at {self.tried_again(entry.next_attempt_at)}"

    def tried_again(self, at: datetime) -> str:
        """When, in words."""
        return f"{at:%Y-%m-%d %H:%M:%S} UTC"

    @admin.action(description="Try again now", permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[OutboxEntry]) -> None:
        failed = OutboxEntry.objects.held().filter(pk__in=queryset.values("pk"))
        LogEntry.objects.log_actions(int(request.user.pk or 0), failed, CHANGE, "Made due again.")
        retried = parked.retry(failed, by=request.user.get_username())
        told = "1 failed entry is due again." if retried == 1 else f"{retried} failed entries are due again."
        self.message_user(request, told, messages.SUCCESS)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OutboxEntry], search_term: str
    ) -> tuple[QuerySet[OutboxEntry], bool]:
        if not search_term.strip():
            return queryset, False
        wanted = _uuid(search_term)
        if wanted is None:
            return queryset.none(), False
        event = Event.objects.filter(pk=wanted).first()
        stream_id = event.stream_id if event else wanted
        # Sink and bucket are what the queue is indexed by.
        entries = queryset.filter(sink__in=enabled_sinks(), bucket=bucket_of(stream_id), stream_id=stream_id)
        return (entries.filter(event_id=wanted) if event else entries), False


@admin.register(SkippedEvent)
class SkippedEventAdmin(ReadByKey):
    list_display = ["skipped_at", "sink", "stream_id", "sequence", "event_id", "skipped_by", "reason"]
    ordering = ["-id"]
    nothing_there = (
        "No event has been skipped. One that a sink can never take is skipped by `manage.py outbox skip`; what its "
        "consumers missed then stands here."
    )
    search_help_text = "The exact id of an event."

    def place_of(self, row: SkippedEvent) -> str:
        return f"{row.skipped_at:%Y-%m-%d %H:%M} UTC"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[SkippedEvent], search_term: str
    ) -> tuple[QuerySet[SkippedEvent], bool]:
        if not search_term.strip():
            return queryset, False
        wanted = _uuid(search_term)
        return (queryset.filter(event_id=wanted) if wanted else queryset.none()), False


class _IncomingStateFilter(admin.SimpleListFilter):
    """By what an index answers; nearly all the others are handled."""

    title = "state"
    parameter_name = "state"
    has_index = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in (InboxState.DEAD, InboxState.DUE, InboxState.STALE)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        return queryset.filter(state=self.value()) if self.value() else None


@admin.register(IncomingEvent)
class IncomingEventAdmin(ReadByKey):
    """What came in. The body may tell of people: who may see it, others decide (`may_see_content`)."""

    list_display = ["received_at", "type", "subject", "state", "attempts", "came_by", "event_id", "last_error"]
    list_filter = [_IncomingStateFilter]
    ordering = ["-id"]
    nothing_there = "Nothing has come in yet. EVENT_SOURCES says where `manage.py consume_events` takes events from."
    actions = ["retry"]
    search_help_text = "The exact id of an event, as its sender gave it."
    exclude = ["body"]
    readonly_fields = ["content"]

    def place_of(self, row: IncomingEvent) -> str:
        return f"{row.received_at:%Y-%m-%d %H:%M} UTC"

    def may_see_content(self, request: HttpRequest) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        fields: list[str] = super().get_fields(request, obj)
        return [field for field in fields if field != "content" or self.may_see_content(request)]

    @admin.display(description="content, until it is handled")
    def content(self, event: IncomingEvent) -> str:
        return bytes(event.body).decode(errors="backslashreplace") if event.body is not None else ""

    @admin.action(description="Try again", permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[IncomingEvent]) -> None:
        dead = IncomingEvent.objects.dead().filter(pk__in=queryset.values("pk"))
        LogEntry.objects.log_actions(int(request.user.pk or 0), dead, CHANGE, "Made due again.")
        retried = dead_letters.retry(dead, by=request.user.get_username())
        told = "1 dead letter is due again." if retried == 1 else f"{retried} dead letters are due again."
        self.message_user(request, told, messages.SUCCESS)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[IncomingEvent], search_term: str
    ) -> tuple[QuerySet[IncomingEvent], bool]:
        wanted = search_term.strip()
        return (queryset.filter(event_id=wanted) if wanted else queryset), False


def _uuid(term: str) -> UUID | None:
    try:
        return UUID(term.strip())
    except ValueError:
        return None
