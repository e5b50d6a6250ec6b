"""Log, queue and inbox, to look at; the only thing to do here is to try failed events again."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from events import parked
from events.inbox import dead_letters
from events.inbox.models import InboxState, IncomingEvent
from events.models import PARKED, Event, OutboxEntry, SkippedEvent, bucket_of
from events.sinks import enabled_sinks


class _ReadOnlyAdmin(ModelAdmin):
    """Nothing is added, changed or deleted on these pages, and none of them counts rows."""

    list_per_page = 50
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count whole tables
    sortable_by: list[str] = []
    search_fields = ["pk"]  # only switches the box on; each class says how it searches

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # The permission to change shows the actions of the list; a single row's page never has a form.
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Event)
class EventAdmin(_ReadOnlyAdmin):
    list_display = ["occurred_at", "type", "stream_id", "sequence", "storefront_id", "actor", "told_reason"]
    exclude = ["reason"]  # of early events; `told_reason` is that of all
    readonly_fields = ["told_reason"]
    ordering = ["-id"]  # ids are UUIDv7: newest first, from the primary key
    search_help_text = "The exact id of an event or of a stream (an order)."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return Event.objects.with_reasons().order_by(*self.ordering)

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

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("parked", "Parked"), ("held", "Failed at least once")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        if self.value() == "parked":
            return queryset.filter(next_attempt_at=PARKED)
        if self.value() == "held":
            return queryset.filter(next_attempt_at__isnull=False)
        return None


@admin.register(OutboxEntry)
class OutboxEntryAdmin(_ReadOnlyAdmin):
    list_display = ["id", "sink", "state", "attempts", "stream_id", "sequence", "event_id", "last_error"]
    list_filter = [_StateFilter]
    ordering = ["id"]
    actions = ["retry"]
    search_help_text = "The exact id of an event or of a stream (an order)."

    @admin.display(description="state")
    def state(self, entry: OutboxEntry) -> str:
        if entry.next_attempt_at is None:
            return "due"
        return "parked" if entry.parked else f"next attempt {entry.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC"

    @admin.action(description="Try again now", permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[OutboxEntry]) -> None:
        failed = OutboxEntry.objects.held().filter(pk__in=queryset.values("pk"))
        LogEntry.objects.log_actions(int(request.user.pk or 0), failed, CHANGE, "Made due again.")
        retried = parked.retry(failed, by=request.user.get_username())
        self.message_user(request, f"{retried} failed entries are due again.", messages.SUCCESS)

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
class SkippedEventAdmin(_ReadOnlyAdmin):
    list_display = ["skipped_at", "sink", "stream_id", "sequence", "event_id", "skipped_by", "reason"]
    ordering = ["-id"]
    search_help_text = "The exact id of an event."

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

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in (InboxState.DEAD, InboxState.DUE, InboxState.STALE)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        return queryset.filter(state=self.value()) if self.value() else None


@admin.register(IncomingEvent)
class IncomingEventAdmin(_ReadOnlyAdmin):
    """What came in. The body may tell of people: who may see it, others decide (`may_see_content`)."""

    list_display = ["received_at", "type", "subject", "state", "attempts", "came_by", "event_id", "last_error"]
    list_filter = [_IncomingStateFilter]
    ordering = ["-id"]
    actions = ["retry"]
    search_help_text = "The exact id of an event, as its sender gave it."
    exclude = ["body"]
    readonly_fields = ["content"]

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
        self.message_user(request, f"{retried} dead letters are due again.", messages.SUCCESS)

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
