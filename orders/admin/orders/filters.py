"""What the list of orders can be narrowed by. Each filter is answered from an index."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, RadioFilter, RangeDateFilter
from unfold.utils import parse_date_str

from orders.admin.operations.staff_requests import storefronts_of, user_of
from orders.models import Order, Storefront
from orders.models.querysets import OrderQuerySet
from orders.rules.statuses import OrderStatus


class StorefrontFilter(DropdownFilter):
    """Of the storefronts the user may see."""

    title = "storefront"
    parameter_name = "storefront"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        storefronts = Storefront.objects.values_list("pk", "code", "name")
        if (limit := storefronts_of(user_of(request))) is not None:
            storefronts = storefronts.filter(pk__in=limit)
        self._storefronts = list(storefronts)
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, f"{name} ({code})") for _, code, name in self._storefronts]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(storefront_id__in=[pk for pk, code, _ in self._storefronts if code == self.value()])


class StatusFilter(DropdownFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(OrderStatus.choices)

    def queryset(self, request: HttpRequest, queryset: OrderQuerySet) -> QuerySet[Order]:
        if self.value() not in OrderStatus.values:
            return queryset
        return queryset.in_any_storefront().in_status(OrderStatus(self.value()))


class HeldUpFilter(RadioFilter):
    title = "held up"
    parameter_name = "held_up"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "On hold")]

    def queryset(self, request: HttpRequest, queryset: OrderQuerySet) -> OrderQuerySet:
        return queryset.held_up() if self.value() == "yes" else queryset


class InventoryFilter(RadioFilter):
    """Orders of whose reservation the inventory has still to be told something."""

    title = "inventory"
    parameter_name = "inventory"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Still to be told")]

    def queryset(self, request: HttpRequest, queryset: OrderQuerySet) -> OrderQuerySet:
        return queryset.awaiting_inventory() if self.value() == "waiting" else queryset


class DeletedFilter(RadioFilter):
    """Deleted orders stay out of sight until they are asked for."""

    title = "deleted orders"
    parameter_name = "deleted"
    all_option = ["", "Hidden"]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("shown", "Shown"), ("only", "Only these")]

    def queryset(self, request: HttpRequest, queryset: OrderQuerySet) -> OrderQuerySet:
        match self.value():
            case "shown":
                return queryset
            case "only":
                return queryset.exclude(deleted_at=None)
            case _:
                return queryset.not_deleted()


class PlacedFilter(RangeDateFilter):
    """Whole days, in UTC. Ids carry the time of placing, so the primary key answers."""

    def queryset(self, request: HttpRequest, queryset: OrderQuerySet) -> OrderQuerySet:
        first, last = (self._midnight(f"{self.parameter_name}_{end}") for end in ("from", "to"))
        if first:
            queryset = queryset.placed_since(first)
        if last:
            queryset = queryset.placed_before(last + timedelta(days=1))
        return queryset

    def _midnight(self, parameter: str) -> datetime | None:
        day = parse_date_str(self.used_parameters.get(parameter, ""))
        # A UUIDv7 counts from 1970; a day before that is as good as no limit.
        if day is None or not 1970 <= day.year <= 9000:
            return None
        return datetime.combine(day, time.min, UTC)
