"""One step for several orders of the list: each is done or refused on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from orders.admin.pills import status_pill
from orders.admin.staff_requests import Staff, origin_of, user_of
from orders.admin.step_forms import StepForm
from orders.admin.steps import BULK_STEPS, Step, staff_sentence
from orders.errors import OrderError
from orders.models import Order
from orders.operations import Precondition

_MOST: Final = 100

Action = Callable[[Any, HttpRequest, QuerySet[Order]], HttpResponse]


def bulk_actions(user: Staff) -> dict[str, tuple[Action, str, str]]:
    """The list's actions that the user may do, as `ModelAdmin.get_actions` returns them."""
    return {
        step.slug: (_action(step), step.slug, f"{step.title.removesuffix(' order')} selected orders")
        for step in BULK_STEPS
        if step.allowed_to(user)
    }


def _action(step: Step) -> Action:
    def show_page(model_admin: Any, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse:
        # What is ticked, also when the form asks for all pages: those might be all orders there are.
        ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
        chosen = [(order, order.version) for order in orders.select_related("storefront").filter(pk__in=ticked)[:_MOST]]
        return _page(model_admin, request, step, step.form_class(), chosen)

    return show_page


def bulk_step_page(model_admin: Any, request: HttpRequest, *, step: Step) -> HttpResponse:
    """Takes what the page of an action sends: the chosen orders, each with the version that was shown."""
    if not step.allowed_to(user_of(request)):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseRedirect(_list_url())
    chosen = _chosen(request)
    form = step.form_class(request.POST)
    if not form.is_valid():
        return _page(model_admin, request, step, form, chosen)
    origin = origin_of(request, reason=form.cleaned_data["reason"])
    done = 0
    for order, version in chosen:
        try:
            step.perform(order.pk, form, origin, Precondition(version))
        except OrderError as error:
            messages.error(request, f"{order.number}: {staff_sentence(error)}")
        else:
            model_admin.log_change(request, order, step.log_message)
            done += 1
    if done:
        messages.success(request, f"1 order {step.done}" if done == 1 else f"{done} orders {step.done_many}")
    return HttpResponseRedirect(_list_url())


def _chosen(request: HttpRequest) -> list[tuple[Order, int]]:
    """The orders that the page named, oldest first: whoever takes several locks them in this order."""
    versions: dict[UUID, int] = {}
    for text in request.POST.getlist("order")[:_MOST]:
        order_id, _, version = text.partition(":")
        try:
            versions[UUID(order_id)] = int(version)
        except ValueError:
            continue
    orders = Order.all_objects.select_related("storefront").filter(pk__in=versions).order_by("pk")
    return [(order, versions[order.pk]) for order in orders]


def _page(
    model_admin: Any, request: HttpRequest, step: Step, form: StepForm, chosen: list[tuple[Order, int]]
) -> HttpResponse:
    return TemplateResponse(
        request,
        "admin/orders/order/bulk_step.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": f"{step.title.removesuffix(' order')} {len(chosen)} orders",
            "step": step,
            "form": form,
            "danger": step.dangerous,
            "list_url": _list_url(),
            "form_url": reverse(f"admin:orders_order_together_{step.slug}"),
            "chosen": [
                {"order": order, "version": version, "pill": status_pill(order), "refusal": step.refusal(order)}
                for order, version in chosen
            ],
        },
    )


def _list_url() -> str:
    return reverse("admin:orders_order_changelist")
