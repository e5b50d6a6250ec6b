"""The list of orders and the page of one. Every change is an operation: see `admin/operations`."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList

from orders.admin.display.frame import framed
from orders.admin.display.pills import fulfillment_pill, payment_pill, status_pill
from orders.admin.operations.bulk import MOST_ORDERS, bulk_actions, bulk_page
from orders.admin.operations.page import operation_page
from orders.admin.operations.staff_requests import order_in, sight_of, storefronts_of, user_of
from orders.admin.operations.table import BULK_OPERATIONS, STAFF_OPERATIONS
from orders.admin.orders import search
from orders.admin.orders.customer_pages import erase_page, export_customer
from orders.admin.orders.filters import (
    DeletedFilter,
    HeldUpFilter,
    InventoryFilter,
    PlacedFilter,
    StatusFilter,
    StorefrontFilter,
)
from orders.admin.orders.page import context_of
from orders.models import Order
from orders.models.querysets import OrderQuerySet
from orders.rules.currencies import format_amount

_FILTERS: Final = {"status", "storefront", "placed_at_from", "placed_at_to", "held_up", "inventory", "deleted"}
_MOST_PAGES: Final = 200  # a page costs what all before it do; whoever wants more narrows the list


class _NewestFirst(ChangeList):
    """`sortable_by` only hides the links: an address with ?o= would still sort the whole table."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Order]) -> list[str]:
        """Of one storefront by its own index; the ids of all are in the same order."""
        return ["-placed_at", "-id"] if request.GET.get("storefront") else ["-id"]

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Order]:
        """Whoever is limited to storefronts sees the newest orders of each, put together."""
        orders: OrderQuerySet = super().get_queryset(request, exclude_parameters)
        storefronts = storefronts_of(user_of(request))
        if storefronts is None or self.query or request.GET.get("storefront"):
            return orders
        shown = self.page_num * self.list_per_page + 1
        newest = orders.newest_of_each(storefronts, max(shown, MOST_ORDERS) if request.method == "POST" else shown)
        return newest.select_related("storefront").order_by("-id")


@admin.register(Order)
class OrderAdmin(ModelAdmin):
    """Shows orders, deleted ones too. Nothing is added, edited in place or removed here."""

    list_display = ["number", "storefront", "customer", "status_shown", "payment", "fulfillment", "total", "placed"]
    list_display_links = ["number"]
    list_filter = [
        StatusFilter,
        StorefrontFilter,
        ("placed_at", PlacedFilter),
        HeldUpFilter,
        InventoryFilter,
        DeletedFilter,
    ]
    list_filter_submit = True
    list_select_related = ["storefront"]
    list_per_page = 50
    list_fullwidth = True
    ordering = ["-id"]
    sortable_by: list[str] = []
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count whole tables
    search_fields = ["number"]  # only switches the box on

    # --- who may see what ---

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """Django would remove the row; deleting an order is one of the operations."""
        return False

    def get_queryset(self, request: HttpRequest) -> OrderQuerySet:
        """Deleted orders too; only those of the user's storefronts."""
        orders: OrderQuerySet = Order.all_objects.order_by(*self.ordering)
        storefronts = storefronts_of(user_of(request))
        return orders if storefronts is None else orders.filter(storefront__in=storefronts)

    # --- the list ---

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _NewestFirst

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist: ChangeList = super().get_changelist_instance(request)
        changelist.search_help_text = search.help_text(sight_of(user_of(request)))
        return changelist

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only our filters: any other condition in the address could read the whole table."""
        return lookup in _FILTERS

    def get_paginator(self, *args: Any, **kwargs: Any) -> Paginator[Order]:
        paginator: Paginator[Order] = super().get_paginator(*args, **kwargs)
        paginator.count = _MOST_PAGES * self.list_per_page
        return paginator

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        assert isinstance(queryset, OrderQuerySet)  # noqa: S101 - get_queryset above
        return search.found(queryset, search_term, sight=sight_of(user_of(request))), False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return bulk_actions(user_of(request))

    @admin.display(description="Customer")
    def customer(self, order: Order) -> str:
        return order.customer_id

    @admin.display(description="Status")
    def status_shown(self, order: Order) -> SafeString:
        return status_pill(order)

    @admin.display(description="Payment")
    def payment(self, order: Order) -> SafeString:
        return payment_pill(order)

    @admin.display(description="Fulfillment")
    def fulfillment(self, order: Order) -> SafeString:
        return fulfillment_pill(order)

    @admin.display(description="Total")
    def total(self, order: Order) -> SafeString:
        amount = format_amount(order.total_amount, order.currency)
        return format_html('<span class="amount">{}</span>', amount)

    @admin.display(description="Placed (UTC)")
    def placed(self, order: Order) -> str:
        return f"{order.placed_at:%Y-%m-%d %H:%M}"

    # --- one order ---

    def get_urls(self) -> list[URLPattern]:
        operations = [
            path(
                f"<uuid:order_id>/{operation.slug}/",
                self.admin_site.admin_view(partial(operation_page, self, operation=operation)),
                name=f"orders_order_operation_{operation.slug}",
            )
            for operation in STAFF_OPERATIONS.values()
        ]
        bulk_pages = [
            path(
                f"together/{operation.slug}/",
                self.admin_site.admin_view(partial(bulk_page, self, operation=operation)),
                name=f"orders_order_together_{operation.slug}",
            )
            for operation in BULK_OPERATIONS
        ]
        of_customer = [
            path(
                f"<uuid:order_id>/{name}-customer/",
                self.admin_site.admin_view(partial(page, self)),
                name=f"orders_order_{name}_customer",
            )
            for name, page in (("export", export_customer), ("erase", erase_page))
        ]
        urls: list[URLPattern] = super().get_urls()
        return [*operations, *bulk_pages, *of_customer, *urls]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """All of one order. Takes no POST: what is shown here is changed by operations."""
        if not self.has_view_permission(request) or request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        order = order_in(self.get_queryset(request).with_parts().select_related("storefront"), object_id)
        context = {"title": order.number, "original": order, **context_of(order, user_of(request))}
        return framed(self, request, "admin/orders/order/page.html", context)
