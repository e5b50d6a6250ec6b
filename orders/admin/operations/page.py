"""The page of one operation on one order: its form, a preview of what it would do, and its refusal in words."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin

from orders.admin.display.frame import framed
from orders.admin.display.moments import activate
from orders.admin.operations.conflict import conflict_of
from orders.admin.operations.forms import OperationForm
from orders.admin.operations.kept_form import NOTE, note_of, take
from orders.admin.operations.parts import named, usual_part
from orders.admin.operations.preview import Preview, preview_of
from orders.admin.operations.staff_operation import StaffOperation, staff_sentence
from orders.admin.operations.staff_requests import call_of, order_in, sight_of, time_zone_of, user_of
from orders.models import Order
from orders.operations import Rehearsal
from orders.rules.errors import InvalidRequest, OrderError, VersionMismatch


def operation_page(
    model_admin: ModelAdmin, request: HttpRequest, order_id: UUID, *, operation: StaffOperation
) -> HttpResponse:
    """Ask with GET; on POST do it, or with `preview` do all of it, undo it, and show the form with what it did.

    A `live` preview is answered with the sums alone: the page asks for it while somebody types.
    """
    if not operation.allowed_to(user_of(request)):
        raise PermissionDenied
    page = _Page(model_admin, request, order_id, operation)
    return page.do() if request.method == "POST" else page.ask()


class _Page:
    def __init__(
        self, model_admin: ModelAdmin, request: HttpRequest, order_id: UUID, operation: StaffOperation
    ) -> None:
        self._model_admin, self._request = model_admin, request
        self._operation = operation
        self._order = self._read(order_id)
        activate(time_zone_of(user_of(request), storefront=self._order.storefront))
        self._order_url = reverse("admin:orders_order_change", args=[order_id])
        self._is_live = request.POST.get("preview") == "live"

    def _read(self, order_id: UUID) -> Order:
        return order_in(self._model_admin.get_queryset(self._request).select_related("storefront"), order_id)

    def ask(self) -> HttpResponse:
        """The empty form; without one, as long as it is not clear which part of the order is meant."""
        operation, user = self._operation, user_of(self._request)
        if (kept := take(self._request)) is not None:
            return self._with(self._as_it_was_left(kept), kept=True)
        if (refusal := operation.refusal(self._order, user)) is not None:
            messages.error(self._request, staff_sentence(refusal, self._order))
            return HttpResponseRedirect(self._order_url)
        parts = operation.parts(self._order, user)
        part = self._request.GET.get("part", usual_part(parts))
        if part is None and parts:
            return self._with(None)
        if parts and part not in {known.id for known in parts}:
            raise Http404(f"{operation.title} is not possible for {part!r} of this order.")
        return self._with(operation.form_class(order=self._order, part=part or "", sight=sight_of(user)))

    def do(self) -> HttpResponse:
        request, operation = self._request, self._operation
        form = self._filled_in(request.POST)
        if "more_rows" in request.POST:
            form.grow()
            return self._with(form)
        version = self._version_meant(form)
        if version is not None and 0 < version < self._order.version:
            return self._with(form, status=409)
        if not form.is_valid():
            return self._with(form)
        rehearsal = Rehearsal() if "preview" in request.POST else None
        call = call_of(request, reason=form.cleaned_data["reason"], version=version, rehearsal=rehearsal)
        try:
            document = operation.perform(self._order, form, call)
        except VersionMismatch as error:  # changed a moment ago; or nobody has ever seen that version
            self._order = self._read(self._order.pk)
            form = self._filled_in(request.POST)
            if (form.version_seen or 0) >= self._order.version:
                form.add_error(None, staff_sentence(error, self._order))
            return self._with(form, status=409)
        except InvalidRequest as error:
            form.put(error)
            return self._with(form, status=409)
        except OrderError as error:
            form.add_error(None, staff_sentence(error, self._order))
            return self._with(form, status=409)
        if rehearsal is not None:
            return self._with(form, preview=preview_of(rehearsal))
        return self._done(document)

    def _done(self, document: dict[str, Any]) -> HttpResponse:
        request, order, operation = self._request, self._order, self._operation
        if document["version"] == order.version:
            messages.info(request, f"{order.number} was like this already; nothing has been changed.")
        else:
            self._model_admin.log_change(request, order, operation.log_message)
            messages.success(request, f"{order.number} {operation.told(document)}")
        return HttpResponseRedirect(self._order_url)

    def _filled_in(self, data: QueryDict) -> OperationForm:
        sight = sight_of(user_of(self._request))
        return self._operation.form_class(data, order=self._order, part=data.get("part", ""), sight=sight)

    def _as_it_was_left(self, typed: QueryDict) -> OperationForm:
        """The rest of the fields has what the order has now."""
        sight, part = sight_of(user_of(self._request)), typed.get("part", "")
        stands = self._operation.form_class(order=self._order, part=part, sight=sight)
        return self._filled_in(stands.with_typed(typed))

    def _version_meant(self, form: OperationForm) -> int | None:
        """The one the page was opened at, or a later one, whose changes it has shown."""
        try:
            return int(self._request.POST["anyway"])
        except (KeyError, ValueError):
            return form.version_seen

    def _with(
        self, form: OperationForm | None, *, preview: Preview | None = None, kept: bool = False, status: int = 200
    ) -> HttpResponse:
        operation, order, user = self._operation, self._order, user_of(self._request)
        conflict = conflict_of(order, form, operation, user)
        context = {"order": order, "operation": operation, "form": form, "preview": preview, "conflict": conflict}
        if self._is_live:
            return TemplateResponse(self._request, "admin/orders/order/live.html", context)
        parts = named(operation.parts(order, user))
        context |= {
            "title": f"{operation.title}: {order.number}",
            "original": order,
            "order_url": self._order_url,
            "parts": parts if len(parts) > 1 else [],
            "the_part": parts[0].label if len(parts) == 1 and parts[0].id else "",
            "kept": kept,
            "note_name": NOTE,
            "note": note_of(self._request),
        }
        return framed(self._model_admin, self._request, "admin/orders/order/operation.html", context, status=status)
