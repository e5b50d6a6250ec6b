"""What the list of orders can be narrowed by. Each filter is answered from an index."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, RadioFilter, RangeDateFilter
from unfold.utils import parse_date_str

from orders.models import Storefront
from orders.querysets import OrderQuerySet
from orders.statuses import OrderStatus


def in_any_storefront(orders: OrderQuerySet) -> OrderQuerySet:
    """The same orders. Naming every storefront lets the indexes answer that begin with it."""
    return orders.filter(storefront_id__in=list(Storefront.objects.values_list("pk", flat=True)))


class StorefrontFilter(DropdownFilter):
    title = "storefront"
    parameter_name = "storefront"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, f"{name} ({code})") for code, name in Storefront.objects.values_list("code", "name")]

    def queryset(self, request: HttpRequest, queryset: OrderQuerySet) -> OrderQuerySet:
        if not self.value():
            return queryset
        storefront = Storefront.objects.filter(code=self.value()).first()
        return queryset.of_storefront(storefront.pk) if storefront else queryset.none()


class StatusFilter(DropdownFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(OrderStatus.choices)

    def queryset(self, request: HttpRequest, queryset: OrderQuerySet) -> OrderQuerySet:
        if self.value() not in OrderStatus.values:
            return queryset
        return in_any_storefront(queryset).filter(status=self.value())


class InventoryFilter(RadioFilter):
    """Orders whose reservation the inventory has still to be told to confirm or release."""

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
