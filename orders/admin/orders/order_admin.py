"""The list of orders and the page of one. Every change is an operation: see `admin/operations`."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.admin import ModelAdmin

from orders.admin.display.frame import framed
from orders.admin.display.moments import activate
from orders.admin.operations.bulk import bulk_page
from orders.admin.operations.kept_form import keeps_what_was_typed
from orders.admin.operations.page import operation_page
from orders.admin.operations.products import products_page
from orders.admin.operations.staff_requests import order_in, signed_in, storefronts_of, time_zone_of, user_of
from orders.admin.operations.table import BULK_OPERATIONS, STAFF_OPERATIONS
from orders.admin.orders.claims import claim_context, claim_urls
from orders.admin.orders.customer_pages import erase_page, export_customer
from orders.admin.orders.list_page import columns_page, export_list, list_page
from orders.admin.orders.page import context_of
from orders.admin.orders.papers import PAPERS, paper_buttons, papers_page
from orders.admin.orders.saved_views import delete_view, save_view
from orders.models import Order
from orders.models.querysets import OrderQuerySet


@admin.register(Order)
class OrderAdmin(ModelAdmin):
    """Shows orders, deleted ones too. Nothing is added, edited in place or removed here."""

    ordering = ["-id"]

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

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return list_page(self, request)

    # --- one order ---

    def get_urls(self) -> list[URLPattern]:
        operations = [
            path(
                f"<uuid:order_id>/{operation.slug}/",
                keeps_what_was_typed(self.admin_site.admin_view(partial(operation_page, self, operation=operation))),
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
        products = path(
            "<uuid:order_id>/products/",
            self.admin_site.admin_view(partial(products_page, self)),
            name="orders_order_products",
        )
        of_customer = [
            path(
                f"<uuid:order_id>/{name}-customer/",
                self.admin_site.admin_view(partial(page, self)),
                name=f"orders_order_{name}_customer",
            )
            for name, page in (("export", export_customer), ("erase", erase_page))
        ]
        pages: dict[str, tuple[str, Any]] = {
            "columns/": ("columns", partial(columns_page, self)),
            "views/": ("save_view", partial(save_view, self)),
            "views/<int:view_id>/delete/": ("delete_view", partial(delete_view, self)),
            "export.csv": ("export_csv", partial(export_list, self, form="csv")),
            "export.xlsx": ("export_xlsx", partial(export_list, self, form="xlsx")),
        }
        pages |= {
            f"papers/{paper.slug}/": (paper.slug, partial(papers_page, self, paper=paper)) for paper in PAPERS.values()
        }
        of_list = [
            path(route, self.admin_site.admin_view(page), name=f"orders_order_{name}")
            for route, (name, page) in pages.items()
        ]
        urls: list[URLPattern] = super().get_urls()
        return [*operations, *bulk_pages, products, *of_customer, *of_list, *claim_urls(self), *urls]

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
        activate(time_zone_of(user_of(request), storefront=order.storefront))
        context = {"title": order.number, "original": order, **context_of(order, user_of(request))}
        context["papers"] = paper_buttons(order)
        context |= claim_context(order, signed_in(request))
        return framed(self, request, "admin/orders/order/page.html", context)
