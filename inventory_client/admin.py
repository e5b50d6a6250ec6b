"""Stock levels for staff; with an InventoryService elsewhere (INVENTORY_URL) there is nothing to see here."""

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from inventory_client.models import Reservation, Stock
from inventory_client.stock import LevelBelowReserved, set_stock_levels
from inventory_client.wire import IDENTIFIER_IN_WORDS, IDENTIFIER_PATTERN


class StockForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    product_id = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        validators=[RegexValidator(IDENTIFIER_PATTERN, f"{IDENTIFIER_IN_WORDS}.")],
    )
    on_hand = forms.IntegerField(min_value=0, max_value=2**63 - 1, widget=UnfoldAdminIntegerFieldWidget())

    class Meta:
        model = Stock
        fields = ["product_id", "on_hand"]

    def clean(self) -> dict[str, Any]:
        """Set the level already here, in the page's transaction: only the lock knows what is reserved."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        product_id = cleaned.get("product_id") or self.instance.pk
        if product_id and "on_hand" in cleaned:
            try:
                set_stock_levels({product_id: cleaned["on_hand"]})
            except LevelBelowReserved as error:
                self.add_error("on_hand", str(error))
        return cleaned

    def validate_unique(self) -> None:
        """A product that exists already is set, not refused."""


class _EmbeddedOnlyAdmin(ModelAdmin):
    """A big table of the embedded ledger: found by its exact id, listed without a count."""

    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count whole tables
    list_per_page = 50
    search_fields = ["pk"]  # only switches the search box on

    def has_module_permission(self, request: HttpRequest) -> bool:
        return not settings.INVENTORY_URL and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not settings.INVENTORY_URL and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not settings.INVENTORY_URL and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not settings.INVENTORY_URL and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Stock)
class StockAdmin(_EmbeddedOnlyAdmin):
    form = StockForm
    list_display = ["product_id", "on_hand", "reserved", "updated_at"]
    ordering = ["product_id"]
    sortable_by: list[str] = []
    search_help_text = "The exact product id."

    def get_readonly_fields(self, request: HttpRequest, obj: Stock | None = None) -> list[str]:
        return ["product_id", "reserved", "updated_at"] if obj else []

    def get_fields(self, request: HttpRequest, obj: Stock | None = None) -> list[str]:
        return ["product_id", "on_hand", "reserved", "updated_at"] if obj else ["product_id", "on_hand"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Stock], search_term: str
    ) -> tuple[QuerySet[Stock], bool]:
        return (queryset.filter(pk=search_term.strip()) if search_term.strip() else queryset), False

    def save_model(self, request: HttpRequest, obj: Stock, form: Any, change: bool) -> None:
        """The form has set the level."""


@admin.register(Reservation)
class ReservationAdmin(_EmbeddedOnlyAdmin):
    list_display = ["id", "state", "revision", "created_at", "updated_at"]
    ordering = ["-id"]
    sortable_by: list[str] = []
    search_help_text = "The exact id of a reservation."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Reservation], search_term: str
    ) -> tuple[QuerySet[Reservation], bool]:
        if not search_term.strip():
            return queryset, False
        try:
            return queryset.filter(pk=UUID(search_term.strip())), False
        except ValueError:
            return queryset.none(), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
