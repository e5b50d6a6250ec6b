"""The pages of log and queue, for whoever is limited to storefronts: `events` itself knows nothing of them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from events.admin import EventAdmin, IncomingEventAdmin, OutboxEntryAdmin, SkippedEventAdmin
from events.inbox.models import IncomingEvent
from events.models import Event, OutboxEntry, SkippedEvent
from orders.admin.operations.staff_requests import limited, storefronts_of, user_of
from orders.rules.callers import SEE_CUSTOMERS

for _model in (Event, IncomingEvent, OutboxEntry, SkippedEvent):
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


@admin.register(IncomingEvent)
class LimitedIncomingEventAdmin(IncomingEventAdmin):
    """Of which storefront an incoming event is, nobody knows: who is limited to some sees none."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[IncomingEvent]:
        rows: QuerySet[IncomingEvent] = super().get_queryset(request)
        return rows if storefronts_of(user_of(request)) is None else rows.none()

    def may_see_content(self, request: HttpRequest) -> bool:
        return user_of(request).has_perm(SEE_CUSTOMERS)
