"""One operation for several orders of the list: each is done or refused on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from orders import operations
from orders.admin.display.frame import framed
from orders.admin.display.pills import status_pill
from orders.admin.operations.forms import OperationForm
from orders.admin.operations.staff_operation import StaffOperation, staff_sentence
from orders.admin.operations.staff_requests import Staff, call_of, user_of
from orders.admin.operations.table import BULK_OPERATIONS
from orders.models import Order
from orders.operations import Replay
from orders.rules.errors import OrderError
from orders.rules.limits import MAX_BULK_SECONDS, MAX_ORDERS_IN_BULK

MOST_ORDERS: Final = MAX_ORDERS_IN_BULK
_MOST_ROWS: Final = 50  # of a page's table
_MOST_MESSAGES: Final = 20

Action = Callable[[Any, HttpRequest, QuerySet[Order]], HttpResponse]


class _Chosen(NamedTuple):
    """An order with the version that was shown."""

    order: Order
    version: int


def bulk_actions(user: Staff) -> dict[str, tuple[Action, str, str]]:
    """The list's actions that the user may do, as `ModelAdmin.get_actions` returns them."""
    return {
        operation.slug: (_action(operation), operation.slug, operation.title_many)
        for operation in BULK_OPERATIONS
        if operation.allowed_to(user)
    }


def _action(operation: StaffOperation) -> Action:
    def show_page(model_admin: Any, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse:
        if request.POST.get("select_across") != "1":
            orders = orders.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))
        ids = list(orders.values_list("pk", flat=True)[:MOST_ORDERS])
        chosen = [
            _Chosen(order, order.version)
            for order in Order.all_objects.filter(pk__in=ids).with_parts().select_related("storefront").order_by("pk")
        ]
        return _page(model_admin, request, operation, operation.form_class(), chosen)

    return show_page


def bulk_page(model_admin: Any, request: HttpRequest, *, operation: StaffOperation) -> HttpResponse:
    """Takes what the page of an action sends: the chosen orders, each with the version that was shown."""
    user = user_of(request)
    if not operation.allowed_to(user):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseRedirect(_list_url())
    chosen = _chosen(model_admin, request)
    form = operation.form_class(request.POST)
    if not form.is_valid():
        return _page(model_admin, request, operation, form, chosen)
    orders = {order.pk: order for order, _ in chosen}
    calls = [
        (order.pk, call_of(request, reason=form.cleaned_data["reason"], version=version)) for order, version in chosen
    ]
    done, unchanged, refused = 0, 0, []
    for order_id, outcome in operations.perform_together(
        operation.name, calls, form.request(), within_seconds=MAX_BULK_SECONDS
    ):
        order = orders[order_id]
        if isinstance(outcome, OrderError):
            refused.append(f"{order.number}: {staff_sentence(outcome, order)}")
        elif isinstance(outcome, Replay) or outcome["version"] == order.version:
            unchanged += 1
        else:
            model_admin.log_change(request, order, operation.log_message)
            done += 1
    _tell(request, operation, done=done, unchanged=unchanged, refused=refused)
    return HttpResponseRedirect(_list_url())


def _tell(request: HttpRequest, operation: StaffOperation, *, done: int, unchanged: int, refused: list[str]) -> None:
    for sentence in refused[:_MOST_MESSAGES]:
        messages.error(request, sentence)
    if (more := len(refused) - _MOST_MESSAGES) > 0:
        messages.error(request, f"{more} more could not be done either; {len(refused)} in all.")
    if unchanged:
        were = "1 order was" if unchanged == 1 else f"{unchanged} orders were"
        messages.info(request, f"{were} like this already.")
    if done:
        messages.success(request, f"1 order {operation.done}" if done == 1 else f"{done} orders {operation.done_many}")


def _chosen(model_admin: Any, request: HttpRequest) -> list[_Chosen]:
    """The orders that the page named, oldest first.

    They stand in one field, as `id:version` with blanks between: a form takes no thousand fields.
    """
    versions: dict[UUID, int] = {}
    for text in request.POST.get("orders", "").split()[:MOST_ORDERS]:
        order_id, _, version = text.partition(":")
        try:
            versions[UUID(order_id)] = int(version)
        except ValueError:
            continue
    orders = (
        model_admin.get_queryset(request)
        .filter(pk__in=versions)
        .with_parts()
        .select_related("storefront")
        .order_by("pk")
    )
    return [_Chosen(order, versions[order.pk]) for order in orders]


def _page(
    model_admin: Any, request: HttpRequest, operation: StaffOperation, form: OperationForm, chosen: list[_Chosen]
) -> HttpResponse:
    refusals = {order.pk: operation.refusal(order, user_of(request), plain=True) for order, _ in chosen}
    rows = [
        {
            "order": order,
            "pill": status_pill(order),
            "refusal": staff_sentence(refusal, order) if (refusal := refusals[order.pk]) else "",
        }
        for order, _ in chosen
    ]
    rows.sort(key=lambda row: not row["refusal"])  # those that will be refused first
    return framed(
        model_admin,
        request,
        "admin/orders/order/bulk.html",
        {
            "title": operation.title_of(len(chosen)),
            "operation": operation,
            "form": form,
            "list_url": _list_url(),
            "form_url": reverse(f"admin:orders_order_together_{operation.slug}"),
            "chosen": " ".join(f"{order.pk}:{version}" for order, version in chosen),
            "rows": rows[:_MOST_ROWS],
            "more_rows": max(0, len(rows) - _MOST_ROWS),
            "refused": sum(1 for refusal in refusals.values() if refusal),
            "count": len(chosen),
            "most": MOST_ORDERS,
        },
    )


def _list_url() -> str:
    return reverse("admin:orders_order_changelist")
