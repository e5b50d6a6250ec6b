"""The list of orders and the page of one. Every change is a step: see `admin/operations`."""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList

from orders.admin.operations.bulk import MOST_ORDERS, bulk_actions, bulk_step_page
from orders.admin.operations.forms import StepForm
from orders.admin.operations.preview import Preview, preview_of
from orders.admin.operations.staff_operation import Step, staff_sentence
from orders.admin.operations.staff_requests import call_of, newest_of, storefronts_of, user_of
from orders.admin.operations.table import BULK_STEPS, STEPS
from orders.admin.orders import search
from orders.admin.orders.filters import (
    DeletedFilter,
    HeldUpFilter,
    InventoryFilter,
    PlacedFilter,
    StatusFilter,
    StorefrontFilter,
)
from orders.admin.orders.page import context_of, with_parts
from orders.admin.words.pills import fulfillment_pill, payment_pill, status_pill
from orders.models import Order
from orders.models.querysets import OrderQuerySet
from orders.operations import Rehearsal
from orders.rules.currencies import format_amount
from orders.rules.errors import OrderError

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
        newest = newest_of(orders, storefronts, max(shown, MOST_ORDERS) if request.method == "POST" else shown)
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
    search_help_text = search.HELP

    # --- who may see what ---

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """Django would remove the row; deleting an order is one of the steps."""
        return False

    def get_queryset(self, request: HttpRequest) -> OrderQuerySet:
        """Deleted orders too; only those of the user's storefronts."""
        orders: OrderQuerySet = Order.all_objects.order_by(*self.ordering)
        storefronts = storefronts_of(user_of(request))
        return orders if storefronts is None else orders.filter(storefront__in=storefronts)

    # --- the list ---

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _NewestFirst

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
        return search.found(queryset, search_term), False

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
        steps = [
            path(
                f"<uuid:order_id>/{step.slug}/",
                self.admin_site.admin_view(partial(self.step_view, step=step)),
                name=f"orders_order_step_{step.slug}",
            )
            for step in STEPS.values()
        ]
        bulk_steps = [
            path(
                f"together/{step.slug}/",
                self.admin_site.admin_view(partial(bulk_step_page, self, step=step)),
                name=f"orders_order_together_{step.slug}",
            )
            for step in BULK_STEPS
        ]
        urls: list[URLPattern] = super().get_urls()
        return [*steps, *bulk_steps, *urls]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """All of one order. Takes no POST: what is shown here is changed by steps."""
        if not self.has_view_permission(request) or request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        order = self._order(request, object_id, parts=True)
        return self._page(
            request,
            "admin/orders/order/page.html",
            {"title": order.number, "original": order, **context_of(order, user_of(request))},
        )

    def step_view(self, request: HttpRequest, order_id: UUID, *, step: Step) -> HttpResponse:
        """The page of a step: its form, and on POST the operation, whose refusal is shown in its own words.

        A preview does all of it and undoes it, and shows the form again with what it did.
        """
        if not step.allowed_to(user_of(request)):
            raise PermissionDenied
        order = self._order(request, order_id)
        if request.method != "POST":
            return self._asked_for(request, order, step)
        form = step.form_class(request.POST, order=order, part=request.POST.get("part", ""))
        if not form.is_valid():
            return self._step_page(request, order, step, form)
        rehearsal = Rehearsal() if "preview" in request.POST else None
        reason, version = form.cleaned_data["reason"], form.cleaned_data["version"]
        try:
            document = step.perform(order, form, call_of(request, reason=reason, version=version, rehearsal=rehearsal))
        except OrderError as error:
            form.add_error(None, staff_sentence(error, order))
            return self._step_page(request, order, step, form, status=409)
        if rehearsal is not None:
            return self._step_page(request, order, step, form, preview=preview_of(rehearsal))
        if document["version"] == order.version:
            messages.info(request, f"{order.number} was like this already; nothing has been changed.")
        else:
            self.log_change(request, order, step.log_message)
            messages.success(request, f"{order.number} {step.told(document)}")
        return HttpResponseRedirect(_url_of(order))

    def _asked_for(self, request: HttpRequest, order: Order, step: Step) -> HttpResponse:
        """The empty form; without one, as long as it is not clear which part of the order is meant."""
        if (refusal := step.refusal(order, user_of(request))) is not None:
            messages.error(request, staff_sentence(refusal, order))
            return HttpResponseRedirect(_url_of(order))
        parts = step.parts(order, user_of(request))
        part = request.GET.get("part", parts[0].id if len(parts) == 1 else None)
        if part is None and parts:
            return self._step_page(request, order, step, None)
        if parts and part not in {known.id for known in parts}:
            raise Http404(f"{step.title} is not possible for {part!r} of this order.")
        return self._step_page(request, order, step, step.form_class(order=order, part=part or ""))

    def _step_page(
        self,
        request: HttpRequest,
        order: Order,
        step: Step,
        form: StepForm | None,
        *,
        preview: Preview | None = None,
        status: int = 200,
    ) -> HttpResponse:
        parts = step.parts(order, user_of(request))
        return self._page(
            request,
            "admin/orders/order/step.html",
            {
                "title": f"{step.title}: {order.number}",
                "original": order,
                "order": order,
                "order_url": _url_of(order),
                "step": step,
                "parts": parts if len(parts) > 1 else [],
                "the_part": parts[0].label if len(parts) == 1 and parts[0].id else "",
                "form": form,
                "preview": preview,
                "danger": step.dangerous,
            },
            status=status,
        )

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            template,
            {**self.admin_site.each_context(request), "opts": self.opts, **context},
            status=status,
        )

    def _order(self, request: HttpRequest, order_id: UUID | str, *, parts: bool = False) -> Order:
        orders = self.get_queryset(request)
        try:
            wanted = order_id if isinstance(order_id, UUID) else UUID(order_id)
            order: Order = (with_parts(orders) if parts else orders.select_related("storefront")).get(pk=wanted)
        except (ValueError, Order.DoesNotExist):
            raise Http404(f"There is no order {order_id}.") from None
        return order


def _url_of(order: Order) -> str:
    return reverse("admin:orders_order_change", args=[order.pk])
