"""What was given up, of all endpoints: the list behind the card of the first page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from events.webhooks import reading
from events.webhooks.models import WebhookDelivery, WebhookEndpoint
from orders.admin.display.moments import in_words, moment
from orders.admin.display.read_only import ReadOnlyList
from orders.admin.operations.staff_requests import limited, storefronts_of, user_of


@admin.register(WebhookDelivery)
class FailedDeliveryAdmin(ReadOnlyList):
    """For whoever sees endpoints. Each is sent again from its own page, or all of them from that of the endpoint."""

    list_display = ["given_up", "event", "endpoint", "attempts", "answer"]
    nothing_there = "No delivery has been given up."

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = {"title": "Webhook deliveries failed"}
        answer: HttpResponse = super().changelist_view(request, title | (extra_context or {}))
        return answer

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        return limited(WebhookDelivery.objects.failed().order_by(*self.ordering), user_of(request))

    def is_narrowed(self, request: HttpRequest) -> bool:
        return storefronts_of(user_of(request)) is not None

    def place_of(self, row: WebhookDelivery) -> str:
        return in_words(row.created_at)

    def made_ready(self, rows: Sequence[Any], request: HttpRequest) -> Sequence[Any]:
        types = reading.types_of(rows)
        urls = dict(WebhookEndpoint.objects.filter(pk__in={row.endpoint_id for row in rows}).values_list("pk", "url"))
        for row in rows:
            row.type, row.url = types.get(row.event_id, ""), urls.get(row.endpoint_id, "")
        return rows

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return user_of(request).has_perm("events.view_webhookendpoint")

    @admin.display(description="Given up")
    def given_up(self, row: WebhookDelivery) -> str:
        return moment(row.settled_at or row.created_at, "seconds")

    @admin.display(description="Event")
    def event(self, row: Any) -> SafeString:
        page = reverse("admin:events_webhookendpoint_delivery", args=[row.endpoint_id, row.event_id])
        return format_html('<a class="link" href="{}">{}</a>', page, row.type or row.event_id)

    @admin.display(description="Endpoint")
    def endpoint(self, row: Any) -> SafeString:
        page = reverse("admin:events_webhookendpoint_change", args=[row.endpoint_id])
        return format_html('<a class="link" href="{}">{}</a>', page, row.url)

    @admin.display(description="Answer")
    def answer(self, row: WebhookDelivery) -> str:
        return row.last_error or str(row.last_status or "")
