"""A storefront that is chosen from a list: by the name people know it by, and its code."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from orders.models import Storefront


class StorefrontField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    def __init__(self, help_text: str) -> None:
        super().__init__(
            Storefront.objects.order_by("name", "code"),
            empty_label="– which storefront –",
            widget=UnfoldAdminSelectWidget,
            help_text=help_text,
        )

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} ({obj.code})"

    def keep_to(self, storefronts: frozenset[int] | set[int]) -> None:
        """Offers no others than these."""
        self.queryset = Storefront.objects.filter(pk__in=storefronts).order_by("name", "code")
