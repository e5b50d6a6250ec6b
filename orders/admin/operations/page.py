"""The page of one operation on one order: its form, a preview of what it would do, and its refusal in words."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from orders.admin.display.frame import framed
from orders.admin.operations.forms import OperationForm
from orders.admin.operations.preview import Preview, preview_of
from orders.admin.operations.staff_operation import StaffOperation, staff_sentence
from orders.admin.operations.staff_requests import call_of, order_in, sight_of, user_of
from orders.models import Order
from orders.operations import Rehearsal
from orders.rules.errors import OrderError


def operation_page(
    model_admin: ModelAdmin, request: HttpRequest, order_id: UUID, *, operation: StaffOperation
) -> HttpResponse:
    """Ask with GET; on POST do it, or with `preview` do all of it, undo it, and show the form with what it did."""
    if not operation.allowed_to(user_of(request)):
        raise PermissionDenied
    order = order_in(model_admin.get_queryset(request).select_related("storefront"), order_id)
    page = _Page(model_admin, request, order, operation)
    return page.do() if request.method == "POST" else page.ask()


class _Page:
    def __init__(self, model_admin: ModelAdmin, request: HttpRequest, order: Order, operation: StaffOperation) -> None:
        self._model_admin, self._request = model_admin, request
        self._order, self._operation = order, operation
        self._order_url = reverse("admin:orders_order_change", args=[order.pk])

    def ask(self) -> HttpResponse:
        """The empty form; without one, as long as it is not clear which part of the order is meant."""
        operation, user = self._operation, user_of(self._request)
        if (refusal := operation.refusal(self._order, user)) is not None:
            messages.error(self._request, staff_sentence(refusal, self._order))
            return HttpResponseRedirect(self._order_url)
        parts = operation.parts(self._order, user)
        part = self._request.GET.get("part", parts[0].id if len(parts) == 1 else None)
        if part is None and parts:
            return self._with(None)
        if parts and part not in {known.id for known in parts}:
            raise Http404(f"{operation.title} is not possible for {part!r} of this order.")
        return self._with(operation.form_class(order=self._order, part=part or "", sight=sight_of(user)))

    def do(self) -> HttpResponse:
        request, order, operation = self._request, self._order, self._operation
        part, sight = request.POST.get("part", ""), sight_of(user_of(request))
        form = operation.form_class(request.POST, order=order, part=part, sight=sight)
        if not form.is_valid():
            return self._with(form)
        rehearsal = Rehearsal() if "preview" in request.POST else None
        reason, version = form.cleaned_data["reason"], form.cleaned_data["version"]
        call = call_of(request, reason=reason, version=version, rehearsal=rehearsal)
        try:
            document = operation.perform(order, form, call)
        except OrderError as error:
            form.add_error(None, staff_sentence(error, order))
            return self._with(form, status=409)
        if rehearsal is not None:
            return self._with(form, preview=preview_of(rehearsal))
        if document["version"] == order.version:
            messages.info(request, f"{order.number} was like this already; nothing has been changed.")
        else:
            self._model_admin.log_change(request, order, operation.log_message)
            messages.success(request, f"{order.number} {operation.told(document)}")
        return HttpResponseRedirect(self._order_url)

    def _with(self, form: OperationForm | None, *, preview: Preview | None = None, status: int = 200) -> HttpResponse:
        operation, order = self._operation, self._order
        parts = operation.parts(order, user_of(self._request))
        context = {
            "title": f"{operation.title}: {order.number}",
            "original": order,
            "order": order,
            "order_url": self._order_url,
            "operation": operation,
            "parts": parts if len(parts) > 1 else [],
            "the_part": parts[0].label if len(parts) == 1 and parts[0].id else "",
            "form": form,
            "preview": preview,
        }
        return framed(self._model_admin, self._request, "admin/orders/order/operation.html", context, status=status)
