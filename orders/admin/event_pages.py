"""The pages of log and queues with what they tell of orders, for whoever may see these."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from events.admin import EventAdmin, IncomingEventAdmin, OutboxEntryAdmin, SkippedEventAdmin
from events.inbox.models import InboxState, IncomingEvent
from events.models import Event, OutboxEntry, SkippedEvent, WebhookDelivery, WebhookEndpoint, bucket_of
from events.sinks import enabled_sinks
from orders.admin.display.changes import Wording
from orders.admin.display.frame import framed
from orders.admin.display.moments import in_words, moment
from orders.admin.display.names import actors_in, names_of
from orders.admin.display.pills import pill
from orders.admin.operations.staff_requests import Staff, limited, storefronts_of, user_of
from orders.models import Order
from orders.reading.history import changes_told, operation_of
from orders.rules.callers import SEE_CUSTOMERS

for _model in (Event, IncomingEvent, OutboxEntry, SkippedEvent):
    admin.site.unregister(_model)

_TEMPLATE = "admin/events/one.html"


class Fact(NamedTuple):
    label: str
    value: object
    href: str = ""


class _OfOrders:
    """Mixed into the page of what happened to a stream: the stream is an order, of a storefront."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]  # of the page it is mixed into
        return limited(rows, user_of(request))

    def is_narrowed(self, request: HttpRequest) -> bool:
        return storefronts_of(user_of(request)) is not None

    def made_ready(self, rows: Sequence[Any], request: HttpRequest) -> Sequence[Any]:
        ids = {row.stream_id for row in rows}
        numbers: dict[Any, str] = dict(Order.all_objects.filter(pk__in=ids).values_list("pk", "number"))
        told = [row.event_id for row in rows if not isinstance(row, Event)]
        types = dict(Event.objects.filter(pk__in=told).values_list("pk", "type")) if told else {}
        people = [getattr(row, "actor", getattr(row, "skipped_by", "")) for row in rows]
        names = names_of(people)
        for row, person in zip(rows, people, strict=True):
            row.number = numbers.get(row.stream_id, "")
            row.event_type = "" if isinstance(row, Event) else types.get(row.event_id, "")
            row.person = names.of(person)
        return rows

    @admin.display(description="Order")
    def order(self, row: Any) -> SafeString:
        return _order_link(row.stream_id, row.number)

    @admin.display(description="Event")
    def event(self, row: Any) -> SafeString:
        page = reverse("admin:events_event_change", args=[row.event_id])
        return format_html('<a class="link" href="{}">{}</a>', page, row.event_type or row.event_id)

    @admin.display(description="Version")
    def version(self, row: Any) -> int:
        return int(row.sequence)

    def shown(self: Any, request: HttpRequest, row_id: str) -> Any:
        """The row whose page is asked for, with its order. Raises Http404, also for what is no id."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, row_id)
        if row is None:
            raise Http404(f"There is no {self.opts.verbose_name} {row_id}.")
        return self.made_ready([row], request)[0]


@admin.register(Event)
class LimitedEventAdmin(_OfOrders, EventAdmin):
    list_display = ["when", "what", "order", "version", "who", "told_reason"]
    search_help_text = "The number or id of an order, or the id of an event."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        """Without what makes a row large: the list does not show it."""
        rows: QuerySet[Event] = super().get_queryset(request)
        return rows.annotate(done=KT("data__operation")).defer("data")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        return super().get_search_results(request, queryset, _stream_named(search_term, request))

    def place_of(self, row: Event) -> str:
        return in_words(row.occurred_at)

    @admin.display(description="When")
    def when(self, event: Event) -> SafeString | str:
        return moment(event.occurred_at, "seconds")

    @admin.display(description="What")
    def what(self, event: Event) -> SafeString:
        done = getattr(event, "done", None)
        return format_html("{}{}", event.type, format_html(' <span class="muted">· {}</span>', done) if done else "")

    @admin.display(description="Who")
    def who(self, event: Any) -> str:
        return str(event.person)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method != "GET":
            raise PermissionDenied
        event: Any = self.shown(request, object_id)
        changes = changes_told([event])[event.sequence]
        document = event.data.get("order") or {}
        gone = [item for item in (changes.get("items") or ([], []))[0] or () if "product_id" in item]
        context = {
            "title": f"{event.type} of {event.number or event.stream_id}",
            "facts": [
                Fact("What", f"{event.type}, {operation_of(event).replace('_', ' ')}"),
                Fact("Order", event.number or event.stream_id, _order_page(event.stream_id)),
                Fact("Storefront", event.source.rpartition("/")[2]),
                Fact("Version of the order", event.sequence),
                Fact("When", moment(event.occurred_at, "seconds")),
                Fact("Who", event.person),
                Fact("Why", event.told_reason or "–"),
                Fact("Request", event.request_id or "–"),
                Fact("Id of the event", event.pk),
            ],
            "changes": list(Wording(document, *gone, names=names_of(actors_in(changes))).changes(changes)),
            "ways": list(self._ways(event, user_of(request))),
            "text_title": "As it is sent, without what tells of people",
            "text": _pretty(event.data),
            "links": list(self._neighbours(request, event)),
            "list_url": reverse("admin:events_event_changelist"),
        }
        return framed(self, request, _TEMPLATE, context)

    def _neighbours(self, request: HttpRequest, event: Event) -> Iterator[Fact]:
        of_order = limited(Event.objects.filter(stream_id=event.stream_id), user_of(request))
        for sequence, label in ((event.sequence - 1, "Event before"), (event.sequence + 1, "Event after")):
            found = of_order.filter(sequence=sequence).values_list("pk", flat=True).first()
            if found is not None:
                yield Fact(label, "", reverse("admin:events_event_change", args=[found]))

    def _ways(self, event: Event, user: Staff) -> Iterator[dict[str, object]]:
        """Who has still to get it, and which webhooks were to."""
        entries = OutboxEntry.objects.filter(
            sink__in=enabled_sinks(), bucket=bucket_of(event.stream_id), stream_id=event.stream_id, event_id=event.pk
        )
        for entry in entries if user.has_perm("events.view_outboxentry") else ():
            looks = "ended" if entry.parked else "waiting"
            page = reverse("admin:events_outboxentry_change", args=[entry.pk])
            yield {"name": f"Sink {entry.sink}", "pill": pill("Not sent yet", looks), "href": page}
        if not user.has_perm("events.view_webhookendpoint"):
            return
        endpoints = {
            endpoint.pk: endpoint
            for endpoint in WebhookEndpoint.objects.not_deleted().filter(storefront_id=event.storefront_id)
        }
        for delivery in WebhookDelivery.objects.filter(endpoint_id__in=endpoints, event_id=event.pk):
            state = WebhookDelivery.State(delivery.state)
            page = reverse("admin:events_webhookendpoint_delivery", args=[delivery.endpoint_id, event.pk])
            looks = {"delivered": "good", "failed": "ended"}.get(state.value, "waiting")
            yield {"name": endpoints[delivery.endpoint_id].url, "pill": pill(state.label, looks), "href": page}


@admin.register(OutboxEntry)
class LimitedOutboxEntryAdmin(_OfOrders, OutboxEntryAdmin):
    list_display = ["entry", "event", "order", "version", "sink", "state", "attempts", "last_error"]
    search_help_text = "The number or id of an order, or the id of an event."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OutboxEntry], search_term: str
    ) -> tuple[QuerySet[OutboxEntry], bool]:
        return super().get_search_results(request, queryset, _stream_named(search_term, request))

    def tried_again(self, at: datetime) -> str:
        return in_words(at, seconds=True)

    @admin.display(description="Entry")
    def entry(self, row: OutboxEntry) -> int:
        return int(row.pk)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method != "GET":
            raise PermissionDenied
        entry: Any = self.shown(request, object_id)
        context = {
            "title": f"{entry.event_type or 'An event'} for {entry.sink}",
            "facts": [
                Fact("Event", entry.event_type or entry.event_id, _event_page(entry.event_id)),
                Fact("Order", entry.number or entry.stream_id, _order_page(entry.stream_id)),
                Fact("Version of the order", entry.sequence),
                Fact("Sink", entry.sink),
                Fact("State", self.state(entry)),
                Fact("Attempts", entry.attempts),
                Fact("Sent once more by a person", "yes" if entry.replay else "no"),
            ],
            "text_title": "What was wrong at the last attempt",
            "text": entry.last_error or "It has not been tried yet, or nothing was wrong.",
            "links": [],
            "list_url": reverse("admin:events_outboxentry_changelist"),
            "explanation": "While it waits or is parked, later events of the order wait behind it: each sink gets them "
            "in their order. “Try again now” in the list makes it due at once.",
        }
        return framed(self, request, _TEMPLATE, context)


@admin.register(SkippedEvent)
class LimitedSkippedEventAdmin(_OfOrders, SkippedEventAdmin):
    list_display = ["when", "event", "order", "version", "sink", "who", "reason"]
    list_display_links = None

    def place_of(self, row: SkippedEvent) -> str:
        return in_words(row.skipped_at)

    @admin.display(description="When")
    def when(self, skipped: SkippedEvent) -> SafeString | str:
        return moment(skipped.skipped_at, "seconds")

    @admin.display(description="Skipped by")
    def who(self, skipped: Any) -> str:
        return str(skipped.person)


@admin.register(IncomingEvent)
class LimitedIncomingEventAdmin(IncomingEventAdmin):
    """Of which storefront an incoming event is, nobody knows: who is limited to some sees none."""

    list_display = ["received", "type", "subject", "state_in_words", "attempts", "came_by", "last_error"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[IncomingEvent]:
        rows: QuerySet[IncomingEvent] = super().get_queryset(request).defer("body")
        return rows if storefronts_of(user_of(request)) is None else rows.none()

    def may_see_content(self, request: HttpRequest) -> bool:
        return user_of(request).has_perm(SEE_CUSTOMERS)

    def place_of(self, row: IncomingEvent) -> str:
        return in_words(row.received_at)

    @admin.display(description="Received")
    def received(self, event: IncomingEvent) -> SafeString | str:
        return moment(event.received_at, "seconds")

    @admin.display(description="State")
    def state_in_words(self, event: IncomingEvent) -> SafeString:
        looks = {InboxState.DEAD: "ended", InboxState.DUE: "waiting", InboxState.HANDLED: "good"}
        return pill(InboxState(event.state).label, looks.get(InboxState(event.state), "plain"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        event = self.get_object(request, object_id)
        if event is None:
            raise Http404(f"There is no incoming event {object_id}.")
        context = {
            "title": f"{event.type or 'No event'} from {event.source or event.came_by}",
            "facts": [
                Fact("State", self.state_in_words(event)),
                Fact("About", event.subject or "–"),
                Fact("Received", self.received(event)),
                Fact("Brought by", event.came_by),
                Fact("Sender", event.source or "–"),
                Fact("Id at its sender", event.event_id),
                Fact("Place among those about the same", "–" if event.sequence is None else event.sequence),
                Fact("Attempts", event.attempts),
                Fact("What was wrong", event.last_error or "–"),
            ],
            "text_title": "What came, until it is handled",
            "text": _content(event) if self.may_see_content(request) else None,
            "links": [],
            "list_url": reverse("admin:events_incomingevent_changelist"),
        }
        return framed(self, request, _TEMPLATE, context)


def _stream_named(term: str, request: HttpRequest) -> str:
    """The id of the order whose number was typed, or what was typed."""
    typed = term.strip()
    orders = limited(Order.all_objects.filter(number=typed.upper().removeprefix("#")), user_of(request))
    found = orders.values_list("pk", flat=True).first() if typed and "-" in typed and len(typed) < 32 else None
    return str(found) if found else term


def _order_page(order_id: UUID) -> str:
    return reverse("admin:orders_order_change", args=[order_id])


def _event_page(event_id: UUID) -> str:
    return reverse("admin:events_event_change", args=[event_id])


def _order_link(order_id: UUID, number: str) -> SafeString:
    return format_html('<a class="link" href="{}">{}</a>', _order_page(order_id), number or order_id)


def _content(event: IncomingEvent) -> str:
    if event.body is None:
        return "It has been handled, and what came with it was removed."
    text = bytes(event.body).decode(errors="backslashreplace")
    try:
        return _pretty(json.loads(text))
    except ValueError:
        return text


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
