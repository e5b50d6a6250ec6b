"""The storefront as a filter of lists. The list of orders has filters of its own: `narrowing.py`."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from orders.admin.operations.staff_requests import storefronts_of, user_of
from orders.models import Storefront


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
