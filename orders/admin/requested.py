"""Orders that were asked for and are not placed: why they were rejected, and what to do with those that are parked."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RadioFilter
from unfold.paginator import InfinitePaginator

from orders import operations
from orders.admin.operations.staff_requests import limited, user_of
from orders.admin.orders.filters import StorefrontFilter
from orders.models import RequestedOrder
from orders.models.requested import RequestedOrderQuerySet, RequestState
from orders.rules.errors import RequestGivenUp


class RequestFilter(RadioFilter):
    title = "state"
    parameter_name = "state"

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
class RequestedOrderAdmin(ModelAdmin):
    """Nothing is added, changed or deleted here but by the actions of the list, which call operations."""

    list_display = ["requested_at", "state_in_words", "storefront", "external_reference", "customer_id", "why"]
    list_filter = [RequestFilter, StorefrontFilter]
    list_select_related = ["storefront"]
    list_per_page = 50
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by: list[str] = []
    ordering = ["-id"]
    search_fields = ["pk"]  # only switches the box on
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

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # The permission to change shows the actions of the list; a single row's page never has a form.
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

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
