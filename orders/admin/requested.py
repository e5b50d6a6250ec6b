"""Orders that were asked for and are not placed: why they were rejected, and what to do with those that are parked."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RadioFilter

from events.keyset_list import ReadByKey
from orders import operations
from orders.admin.display.moments import in_words
from orders.admin.operations.staff_requests import limited, storefronts_of, user_of
from orders.admin.orders.filters import StorefrontFilter
from orders.models import RequestedOrder
from orders.models.requested import RequestedOrderQuerySet, RequestState
from orders.rules.errors import RequestGivenUp


class RequestFilter(RadioFilter):
    title = "state"
    parameter_name = "state"
    has_index = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waits to be placed"), ("parked", "Parked"), ("rejected", "Rejected")]

    def queryset(self, request: HttpRequest, queryset: RequestedOrderQuerySet) -> QuerySet[RequestedOrder]:
        match self.value():
            case "waiting":
                return queryset.waiting()
            case "parked":
                return queryset.parked()
            case "rejected":
                return queryset.rejected()
            case _:
                return queryset


@admin.register(RequestedOrder)
class RequestedOrderAdmin(ReadByKey):
    """Nothing is added, changed or deleted here but by the actions of the list, which call operations."""

    list_display = ["requested_at", "state_in_words", "storefront", "external_reference", "customer_id", "why"]
    list_filter = [RequestFilter, StorefrontFilter]
    list_select_related = ["storefront"]
    ordering = ["-id"]
    search_help_text = "The exact id that the order has or would have had."
    exclude = ["order"]
    nothing_there = (
        "No order waits to be placed, and none was rejected. Orders that are asked for by an event, or with "
        "“Prefer: respond-async”, stand here until they are placed."
    )
    actions = ["try_again", "give_up"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RequestedOrder]:
        rows: QuerySet[RequestedOrder] = super().get_queryset(request)
        return limited(rows.defer("order"), user_of(request))

    def is_narrowed(self, request: HttpRequest) -> bool:
        return storefronts_of(user_of(request)) is not None

    def place_of(self, row: RequestedOrder) -> str:
        return in_words(row.requested_at)

    @admin.display(description="state")
    def state_in_words(self, request: RequestedOrder) -> str:
        return "parked" if request.parked else RequestState(request.state).label.lower()

    @admin.display(description="why")
    def why(self, request: RequestedOrder) -> str:
        return request.last_error[:200] if request.rejection is None else str(request.rejection["detail"])

    @admin.action(description="Try parked ones again", permissions=["change"])
    def try_again(self, request: HttpRequest, queryset: RequestedOrderQuerySet) -> None:
        chosen = RequestedOrder.objects.filter(pk__in=queryset.values("pk"))
        LogEntry.objects.log_actions(int(request.user.pk or 0), chosen.parked(), CHANGE, "Made due again.")
        retried = operations.try_again(chosen, by=request.user.get_username())
        self.message_user(request, f"{retried} parked requests are due again.", messages.SUCCESS)

    @admin.action(description="Give up: reject those that wait", permissions=["change"])
    def give_up(self, request: HttpRequest, queryset: RequestedOrderQuerySet) -> None:
        chosen = list(queryset.waiting())
        LogEntry.objects.log_actions(int(request.user.pk or 0), chosen, CHANGE, "Given up.")
        rejected = sum(
            operations.reject_request(requested.pk, RequestGivenUp("staff of the storefront decided so"))
            for requested in chosen
        )
        self.message_user(request, f"{rejected} requests are rejected.", messages.SUCCESS)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RequestedOrder], search_term: str
    ) -> tuple[QuerySet[RequestedOrder], bool]:
        if not search_term.strip():
            return queryset, False
        try:
            return queryset.filter(pk=UUID(search_term.strip())), False
        except ValueError:
            return queryset.none(), False
