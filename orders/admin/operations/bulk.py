"""One operation for several orders of the list: each is done or refused on its own.

Up to a hundred are done while somebody waits, more of them in a run in the background: see `bulk_runs.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

from orders import operations
from orders.admin.display.frame import framed
from orders.admin.display.pills import status_pill
from orders.admin.operations.forms import OperationForm
from orders.admin.operations.staff_operation import StaffOperation, staff_sentence
from orders.admin.operations.staff_requests import Staff, call_of, number_in, signed_in, user_of
from orders.admin.operations.table import BULK_OPERATIONS
from orders.models import Order
from orders.operations import Replay
from orders.rules.errors import OrderError
from orders.rules.ids import new_id
from orders.rules.limits import MAX_BULK_SECONDS, MAX_ORDERS_AT_ONCE, MAX_ORDERS_IN_RUN

MOST_ORDERS: Final = MAX_ORDERS_IN_RUN
_MOST_ROWS: Final = 50  # of a page's table
_MOST_MESSAGES: Final = 20
_LATEST_VERSION: Final = 2**31 - 1


class Selection(NamedTuple):
    """Orders with the versions that were shown; `cut` says why there may be more that were meant."""

    versions: dict[UUID, int]
    cut: str = ""

    @property
    def is_run(self) -> bool:
        """Whether they are too many to wait for."""
        return len(self.versions) > MAX_ORDERS_AT_ONCE

    @property
    def first(self) -> list[UUID]:
        """Those that are done first, as many as a page looks into."""
        return sorted(self.versions)[:MAX_ORDERS_AT_ONCE]


Action = Callable[[Any, HttpRequest, Selection], HttpResponse]


def bulk_actions(user: Staff) -> dict[str, tuple[Action, str, str]]:
    """The list's actions that the user may do, as `ModelAdmin.get_actions` returns them."""
    return {
        operation.slug: (_action(operation), operation.slug, operation.title_many)
        for operation in BULK_OPERATIONS
        if operation.allowed_to(user)
    }


def _action(operation: StaffOperation) -> Action:
    def show_page(model_admin: Any, request: HttpRequest, selection: Selection) -> HttpResponse:
        return _page(model_admin, request, operation, operation.form_class(), selection, back=request.GET.urlencode())

    return show_page


def bulk_page(model_admin: Any, request: HttpRequest, *, operation: StaffOperation) -> HttpResponse:
    """Takes what the page of an action sends: the chosen orders, each with the version that was shown."""
    user = user_of(request)
    if not operation.allowed_to(user):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseRedirect(list_url())
    selection, back = _selection(request), request.POST.get("back", "")
    form = operation.form_class(request.POST)
    if not form.is_valid():
        return _page(model_admin, request, operation, form, selection, back=back)
    if selection.is_run:
        return _start_run(request, operation, form, selection, back=back)
    orders = _orders(model_admin, request, selection)
    calls = [
        (order_id, call_of(request, reason=form.cleaned_data["reason"], version=selection.versions[order_id]))
        for order_id in orders
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
    return HttpResponseRedirect(list_url(back))


def _start_run(
    request: HttpRequest, operation: StaffOperation, form: OperationForm, selection: Selection, *, back: str
) -> HttpResponse:
    """The page that was sent chose the id of the run: sent twice, it is one, and it stands in the log once."""
    user, run_id = signed_in(request), _uuid(request.POST.get("run", "")) or new_id()
    call = call_of(request, reason=form.cleaned_data["reason"])
    try:
        started = operations.start_run(
            run_id, operation.name, form.request(), selection.versions, call=call, person_id=user.pk
        )
    except operations.RunRefused as refusal:
        messages.error(request, f"Nothing was started. {refusal}")
        return HttpResponseRedirect(list_url(back))
    if not started.total:
        messages.warning(request, "None of these orders is there any more; nothing was started.")
        return HttpResponseRedirect(list_url(back))
    if started.is_new:
        LogEntry.objects.create(
            user=user,
            content_type=ContentType.objects.get_for_model(Order),
            object_id=None,
            object_repr="Orders",
            action_flag=CHANGE,
            change_message=f"Started a run: {operation.title_of(started.total)} ({run_id}).",
        )
    messages.success(request, "The run is started. It goes on without this page; it is found again under Bulk runs.")
    return HttpResponseRedirect(run_url(run_id))


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


def _selection(request: HttpRequest) -> Selection:
    """The orders that the page named.

    They stand in one field, as `id:version` with blanks between: a form takes no thousand fields.
    """
    versions: dict[UUID, int] = {}
    for text in request.POST.get("orders", "").split()[:MOST_ORDERS]:
        name, _, version = text.partition(":")
        order_id = _uuid(name)
        number = number_in(version, most=_LATEST_VERSION)
        if order_id is not None and number is not None:
            versions[order_id] = number
    return Selection(versions)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _orders(model_admin: Any, request: HttpRequest, selection: Selection) -> dict[UUID, Order]:
    """Those of the selection that are done first and that the user sees, oldest first."""
    orders = model_admin.get_queryset(request).filter(pk__in=selection.first)
    return {order.pk: order for order in orders.with_parts().select_related("storefront").order_by("pk")}


def _page(
    model_admin: Any,
    request: HttpRequest,
    operation: StaffOperation,
    form: OperationForm,
    selection: Selection,
    *,
    back: str,
) -> HttpResponse:
    """`back` is the query of the list from which it was come."""
    orders = _orders(model_admin, request, selection)
    refusals = {order_id: operation.refusal(order, user_of(request), plain=True) for order_id, order in orders.items()}
    rows = [
        {
            "order": order,
            "pill": status_pill(order),
            "refusal": staff_sentence(refusal, order) if (refusal := refusals[order.pk]) else "",
        }
        for order in orders.values()
    ]
    rows.sort(key=lambda row: not row["refusal"])  # those that will be refused first
    versions = selection.versions
    if not selection.is_run:  # of more the operation sees to it that they are the user's
        versions = {order_id: versions[order_id] for order_id in orders}
    return framed(
        model_admin,
        request,
        "admin/orders/order/bulk.html",
        {
            "title": operation.title_of(len(versions)),
            "operation": operation,
            "form": form,
            "list_url": list_url(back),
            "back": back,
            "form_url": reverse(f"admin:orders_order_together_{operation.slug}"),
            "chosen": " ".join(f"{order_id}:{version}" for order_id, version in sorted(versions.items())),
            "rows": rows[:_MOST_ROWS],
            "more_rows": max(0, len(versions) - _MOST_ROWS),
            "refused": sum(1 for refusal in refusals.values() if refusal),
            "looked_at": len(orders),
            "count": len(versions),
            "is_run": selection.is_run,
            "run_id": new_id(),
            "cut": selection.cut,
        },
    )


def run_url(run_id: UUID) -> str:
    return reverse("admin:orders_bulkrun_change", args=[run_id])


def list_url(query: str = "") -> str:
    """The list of orders, narrowed as the query says."""
    url = reverse("admin:orders_order_changelist")
    return f"{url}?{QueryDict(query).urlencode()}" if query else url
