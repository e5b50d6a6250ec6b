"""Storefronts: added and changed here, never removed, because their orders are kept for ever."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminSelectWidget

from orders.admin.display.amounts import AmountField
from orders.admin.handing_out import chooses_storefronts
from orders.admin.operations.staff_requests import storefronts_of, user_of
from orders.models import Carrier, Storefront
from orders.rules.currencies import MINOR_DIGITS, format_amount


class StorefrontForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    currency = forms.ChoiceField(
        required=False,
        choices=[("", "–"), *((code, code) for code in sorted(MINOR_DIGITS))],
        help_text=Storefront._meta.get_field("currency").help_text,
        widget=UnfoldAdminSelectWidget,
    )
    refund_approval_above = AmountField(
        "Refund approval above",
        required=False,
        help_text="Refunds of more than this, in the storefront's currency, need somebody else's approval. "
        "Empty: none does.",
    )

    class Meta:
        model = Storefront
        fields = [
            "code",
            "name",
            "number_prefix",
            "currency",
            "confirmation_policy",
            "refund_approval_above",
            "complete_after_days",
            "reads_per_second",
            "writes_per_second",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """The limit is in the currency that is chosen beside it."""
        super().__init__(*args, **kwargs)
        if isinstance(limit := self.fields.get("refund_approval_above"), AmountField):
            limit.currency = self.data.get("currency") or self.instance.currency or None


class CarrierInline(TabularInline):
    model = Carrier
    extra = 0
    fields = ["name", "tracking_link_template"]


@admin.register(Storefront)
class StorefrontAdmin(ModelAdmin):
    form = StorefrontForm
    inlines = [CarrierInline]
    list_display = ["code", "name", "number_prefix", "currency", "confirmation_policy", "created_at"]
    ordering = ["code"]
    autocomplete_fields = ["staff"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Storefront]:
        storefronts: QuerySet[Storefront] = super().get_queryset(request)
        limit = storefronts_of(user_of(request))
        return storefronts if limit is None else storefronts.filter(pk__in=limit)

    def get_fields(self, request: HttpRequest, obj: Storefront | None = None) -> list[str]:
        fields = [*StorefrontForm.Meta.fields, "staff", *(["created_at"] if obj else [])]
        if not user_of(request).is_superuser:
            fields[fields.index("refund_approval_above")] = "refund_limit"
        return fields

    def get_readonly_fields(self, request: HttpRequest, obj: Storefront | None = None) -> list[str]:
        """The code stands in addresses and events that are out in the world.

        Which refunds need approval, superusers decide: whoever gives refunds does not.
        """
        read_only = ["code", "created_at"] if obj else []
        if not chooses_storefronts(user_of(request)):
            read_only.append("staff")
        if not user_of(request).is_superuser:
            read_only += ["refund_approval_above", "refund_limit"]
        return read_only

    @admin.display(description="Refund approval above")
    def refund_limit(self, storefront: Storefront) -> str:
        limit = storefront.refund_approval_above
        return "no refund needs approval" if limit is None else format_amount(limit, storefront.currency or None)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever is limited to storefronts would not see the new one."""
        return super().has_add_permission(request) and storefronts_of(user_of(request)) is None

    def has_delete_permission(self, request: HttpRequest, obj: Storefront | None = None) -> bool:
        return False
