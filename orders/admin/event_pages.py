"""The pages of log and queue, for whoever is limited to storefronts: `events` itself knows nothing of them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from events.admin import EventAdmin, OutboxEntryAdmin, SkippedEventAdmin
from events.models import Event, OutboxEntry, SkippedEvent
from orders.admin.operations.staff_requests import limited, user_of

for _model in (Event, OutboxEntry, SkippedEvent):
    admin.site.unregister(_model)


class _OfTheirStorefronts:
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]  # of the page it is mixed into
        return limited(rows, user_of(request))


@admin.register(Event)
class LimitedEventAdmin(_OfTheirStorefronts, EventAdmin):
    """See the module."""


@admin.register(OutboxEntry)
class LimitedOutboxEntryAdmin(_OfTheirStorefronts, OutboxEntryAdmin):
    """See the module."""


@admin.register(SkippedEvent)
class LimitedSkippedEventAdmin(_OfTheirStorefronts, SkippedEventAdmin):
    """See the module."""
