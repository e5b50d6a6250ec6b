"""Storefronts: added and renamed here, never removed, because their orders are kept for ever."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget

from orders.currencies import MINOR_DIGITS
from orders.models import Storefront


class StorefrontForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    currency = forms.ChoiceField(
        required=False,
        choices=[("", "–"), *((code, code) for code in sorted(MINOR_DIGITS))],
        help_text=Storefront._meta.get_field("currency").help_text,
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Storefront
        fields = ["code", "name", "number_prefix", "currency"]


@admin.register(Storefront)
class StorefrontAdmin(ModelAdmin):
    form = StorefrontForm
    list_display = ["code", "name", "number_prefix", "currency", "created_at"]
    ordering = ["code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Storefront | None = None) -> list[str]:
        """The code stands in addresses and events that are out in the world."""
        return ["code", "created_at"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Storefront | None = None) -> bool:
        return False
