"""Payments to look at: money that was given back, though nobody has approved it who would have had to."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders.admin.display.moments import in_words, moment
from orders.admin.display.names import Names, name_behind
from orders.admin.display.read_only import ReadOnlyList
from orders.admin.operations.staff_requests import limited, user_of
from orders.models import PaymentRecord, Refund
from orders.rules.currencies import format_amount
from orders.rules.statuses import RefundState


@admin.register(PaymentRecord)
class FlaggedPaymentAdmin(ReadOnlyList):
    """For whoever sees orders. What is to be done with a payment is done on the page of its order."""

    list_display = ["recorded", "number", "storefront", "amount_shown", "provider", "why"]
    list_select_related = ["order", "refund", "storefront"]
    nothing_there = "No money was given back without the approval that it takes. There is nothing to do here."

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        answer: HttpResponse = super().changelist_view(
            request, {"title": "Payments to look at"} | (extra_context or {})
        )
        return answer

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentRecord]:
        flagged = PaymentRecord.objects.refunds_nobody_approved().order_by(*self.ordering)
        return limited(flagged, user_of(request)).annotate(
            requester_name=name_behind("refund__requested_by"), decider_name=name_behind("refund__decided_by")
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return user_of(request).has_perm("orders.view_order")

    def place_of(self, row: PaymentRecord) -> str:
        return in_words(row.recorded_at)

    @admin.display(description="Recorded")
    def recorded(self, payment: PaymentRecord) -> str:
        return moment(payment.recorded_at)

    @admin.display(description="Order")
    def number(self, payment: PaymentRecord) -> SafeString:
        page = reverse("admin:orders_order_change", args=[payment.order_id])
        return format_html('<a class="link" href="{}">{}</a>', page, payment.order.number)

    @admin.display(description="Given back")
    def amount_shown(self, payment: PaymentRecord) -> str:
        return format_amount(payment.amount, payment.currency)

    @admin.display(description="Reference")
    def provider(self, payment: PaymentRecord) -> str:
        return " ".join(filter(None, (payment.psp, payment.psp_reference)))

    @admin.display(description="Why")
    def why(self, payment: Any) -> str:
        refund: Refund | None = payment.refund
        if refund is None:
            return "Nobody had asked for it"
        decider = refund.decided_by or ""
        names = Names({refund.requested_by: payment.requester_name, decider: payment.decider_name})
        if refund.state == RefundState.REJECTED:
            return f"Its refund was rejected by {names.of(decider)}"
        return f"Nobody has approved its refund, requested by {names.of(refund.requested_by)}"
