"""The customer of an order as a whole: all there is about them as a file, and its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import orjson
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from orders.admin.display.frame import framed
from orders.admin.operations.staff_operation import staff_sentence
from orders.admin.operations.staff_requests import Staff, call_of, order_in, user_of
from orders.models import Order
from orders.models.storefronts import MOST_REASON
from orders.operations import Rehearsal
from orders.operations.erasing import Erasure, erase_customer
from orders.reading.customers import exported, letters_about, orders_of_customer, requests_about
from orders.rules.callers import ERASE_CUSTOMERS, SEE_CUSTOMERS, Caller
from orders.rules.erased import ERASED


class EraseForm(forms.Form):
    reason = forms.CharField(
        max_length=MOST_REASON,
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as the date of the request. It stands in the history of each order.",
    )


def export_customer(model_admin: ModelAdmin, request: HttpRequest, order_id: UUID) -> StreamingHttpResponse:
    """Every order of the customer in the storefront, one a line (NDJSON)."""
    order = _order_of(model_admin, request, order_id)
    answer = StreamingHttpResponse(_lines(order), content_type="application/x-ndjson")
    answer["Content-Disposition"] = f'attachment; filename="customer-of-{order.number}.ndjson"'
    return answer


def erase_page(model_admin: ModelAdmin, request: HttpRequest, order_id: UUID) -> HttpResponse:
    """Ask with GET, and tell what would be erased; on POST do it."""
    order = _order_of(model_admin, request, order_id)
    back = reverse("admin:orders_order_change", args=[order.pk])
    if order.customer_id == ERASED:
        messages.error(request, "The customer of this order has been erased already.")
        return HttpResponseRedirect(back)
    form = EraseForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        erasure = _erase(request, order, reason=form.cleaned_data["reason"])
        for erased in erasure.erased:
            model_admin.log_change(request, erased, "Customer erased.")
        _tell(request, erasure)
        return HttpResponseRedirect(back)
    rehearsed = _erase(request, order, rehearsal=Rehearsal())
    context = {
        "title": f"Erase the customer of {order.number}",
        "explanation": _foretold(rehearsed),
        "form": form,
        "button": "Erase for good" if rehearsed.erased else "",
        "danger": bool(rehearsed.erased),
        "list_url": back,
        "back": "Back to the order",
        "media": model_admin.media,
    }
    return framed(model_admin, request, "admin/orders/form.html", context)


def _order_of(model_admin: ModelAdmin, request: HttpRequest, order_id: UUID) -> Order:
    if not may_erase(user_of(request)):
        raise PermissionDenied
    return order_in(model_admin.get_queryset(request).select_related("storefront"), order_id)


def may_erase(user: Staff) -> bool:
    return bool(user.has_perms([SEE_CUSTOMERS, ERASE_CUSTOMERS]))


def _erase(request: HttpRequest, order: Order, *, reason: str = "", rehearsal: Rehearsal | None = None) -> Erasure:
    call = call_of(request, reason=reason, rehearsal=rehearsal)
    # The permission is what staff need; no operation on a single order knows it.
    caller = Caller(call.caller.actor, call.caller.storefronts)
    return erase_customer(order.storefront, order.customer_id, call=replace(call, caller=caller))


def _lines(order: Order) -> Iterator[bytes]:
    for each in orders_of_customer(order.storefront, order.customer_id).iterator(chunk_size=100):
        yield orjson.dumps(exported(each), option=orjson.OPT_APPEND_NEWLINE)
    for request in requests_about(order.customer_id, order.storefront):
        yield orjson.dumps({"requested_order": request}, option=orjson.OPT_APPEND_NEWLINE)
    for event in letters_about(order.customer_id, order.storefront):
        yield orjson.dumps({"incoming_event": event}, option=orjson.OPT_APPEND_NEWLINE)


def _foretold(erasure: Erasure) -> str:
    told = [
        "Contact, addresses, note, metadata, tags and tracking numbers are removed, and the customer's id becomes "
        f"“{ERASED}”. Amounts, items and history stay. It cannot be undone."
    ]
    if erasure.erased:
        more = " and more" if erasure.remaining else ""
        told.append(f"It is done to {', '.join(order.number for order in erasure.erased)}{more}.")
    return " ".join([*told, *_refusals(erasure)])


def _tell(request: HttpRequest, erasure: Erasure) -> None:
    if erasure.erased:
        numbers = ", ".join(order.number for order in erasure.erased)
        messages.success(request, f"The customer has been erased from {numbers}.")
    for refusal in _refusals(erasure):
        messages.error(request, refusal)
    if erasure.remaining:
        messages.warning(request, "There are more orders of this customer: erase again.")


def _refusals(erasure: Erasure) -> list[str]:
    told = [f"{order.number} stays as it is. {staff_sentence(refusal, order)}" for order, refusal in erasure.refused]
    if erasure.refused_untold:
        told.append(f"So do {erasure.refused_untold:,} more.")
    return told
