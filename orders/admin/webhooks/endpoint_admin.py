"""The list of webhook endpoints, and the addresses of their pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RadioFilter
from unfold.paginator import InfinitePaginator

from events.webhooks import reading
from events.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEndpointQuerySet
from orders.admin.orders.filters import StorefrontFilter
from orders.admin.webhooks.changing import ChangingPages
from orders.admin.webhooks.deliveries import DeliveryPages, state_of

_COUNTED: Final = 1000


class StoppedFilter(RadioFilter):
    title = "disabled by failures"
    parameter_name = "stopped"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Disabled by failures")]

    def queryset(self, request: HttpRequest, queryset: WebhookEndpointQuerySet) -> QuerySet[WebhookEndpoint]:
        return queryset.stopped_by_failures() if self.value() == "yes" else queryset


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ChangingPages, DeliveryPages):
    list_display = ["url", "storefront_code", "types_shown", "state", "waiting", "failed"]
    list_filter = [StoppedFilter, StorefrontFilter]
    list_per_page = 50
    paginator = InfinitePaginator
    show_full_result_count = False
    search_fields = ["url", "description"]
    ordering = ["-id"]
    actions = None
    search_help_text = "A part of the URL or of the description."
    nothing_there = (
        "A webhook endpoint is an address of yours that is told of each change of an order, a moment after it. "
        "Add one, and keep the secret that you are shown: by it the receiver knows that a request is from here."
    )

    @admin.display(description="State")
    def state(self, endpoint: WebhookEndpoint) -> SafeString:
        return state_of(endpoint)

    @admin.display(description="Waiting")
    def waiting(self, endpoint: WebhookEndpoint) -> str:
        return _counted(reading.deliveries_of(endpoint, state=WebhookDelivery.State.PENDING))

    @admin.display(description="Given up")
    def failed(self, endpoint: WebhookEndpoint) -> str:
        return _counted(reading.deliveries_of(endpoint, state=WebhookDelivery.State.FAILED))

    def get_urls(self) -> list[URLPattern]:
        name = "events_webhookendpoint"
        pages: dict[str, Callable[..., HttpResponse]] = {
            "change": self.page_view,
            "edit": self.edit_view,
            "rotate": self.rotate_view,
            "test": self.test_view,
            "enable": self.enable_view,
            "disable": self.disable_view,
            "redeliver": self.redeliver_view,
            "delete": self.delete_endpoint_view,
            "history": self.history_view,
        }
        of_one = [
            path(f"<uuid:pk>/{slug}/", self.admin_site.admin_view(view), name=f"{name}_{slug}")
            for slug, view in pages.items()
        ]
        delivery = self.admin_site.admin_view(self.delivery_view)
        again = self.admin_site.admin_view(self.again_view)
        return [
            path("", self.admin_site.admin_view(self.changelist_view), name=f"{name}_changelist"),
            path("add/", self.admin_site.admin_view(self.add_view), name=f"{name}_add"),
            *of_one,
            path("<uuid:pk>/deliveries/<uuid:event_id>/", delivery, name=f"{name}_delivery"),
            path("<uuid:pk>/deliveries/<uuid:event_id>/again/", again, name=f"{name}_again"),
        ]


def _counted(deliveries: QuerySet[WebhookDelivery]) -> str:
    count = deliveries.order_by()[: _COUNTED + 1].count()
    return f"{_COUNTED}+" if count > _COUNTED else str(count)
