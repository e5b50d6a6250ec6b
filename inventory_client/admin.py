"""Stock levels for staff; with an InventoryService elsewhere (INVENTORY_URL) there is nothing to see here."""

from typing import Any, ClassVar
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

from audit.pages import ShowsHistory, actor_of
from inventory_client.models import Reservation, Stock
from inventory_client.stock import (
    AUDITED,
    MOST_CHANGED,
    LevelChangedMeanwhile,
    LevelRefused,
    add_product,
    change_stock_levels,
)
from inventory_client.wire import IDENTIFIER_IN_WORDS, IDENTIFIER_PATTERN


class StockForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A product that is new."""

    by = ""  # who is asked; the page says it

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
        """Add it already here, in the page's transaction: only the lock knows whether somebody else has."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "product_id" in cleaned and "on_hand" in cleaned:
            try:
                add_product(cleaned["product_id"], cleaned["on_hand"], by=self.by)
            except LevelRefused as error:
                self.add_error("product_id", str(error))
        return cleaned

    def validate_unique(self) -> None:
        """What is in the way of it has been said by then."""


class StockChangeForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """So many units more or less than there are at this moment, and why; not what somebody else has done meanwhile."""

    by = ""

    change = forms.IntegerField(
        min_value=-MOST_CHANGED,
        max_value=MOST_CHANGED,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="How many units more there are on the shelf, or, with a minus, less: 12 or -3.",
    )
    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextInputWidget(),
        help_text="The history tells it: a delivery, broken, counted.",
    )
    seen_version = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = Stock
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen_version"].initial = self.instance.version

    def clean_change(self) -> int:
        change: int = self.cleaned_data["change"]
        if change == 0:
            raise forms.ValidationError("0 changes nothing: say how many units more, or less.")
        return change

    def clean(self) -> dict[str, Any]:
        """Change the level already here, in the page's transaction: only the lock knows what it is."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                change_stock_levels(
                    {self.instance.pk: cleaned["change"]},
                    reason=cleaned["reason"],
                    by=self.by,
                    versions={self.instance.pk: cleaned["seen_version"]},
                )
            except LevelChangedMeanwhile as error:
                self.add_error(None, str(error))
                # What was typed stays; sent again it is about what has been said now.
                typed = {name: self.data[name] for name in self.data}
                self.data = {**typed, self.add_prefix("seen_version"): str(error.level.version)}
            except LevelRefused as error:
                self.add_error("change", str(error))
        return cleaned


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
class StockAdmin(ShowsHistory, _EmbeddedOnlyAdmin):
    audited = AUDITED
    form = StockForm
    list_display = ["product_id", "on_hand", "held", "free", "updated_at"]
    ordering = ["product_id"]
    sortable_by: list[str] = []
    search_help_text = "The exact product id."

    shown: ClassVar = ["product_id", "on_hand", "held", "free", "left", "updated_at"]

    @admin.display(description="Held")
    def held(self, stock: Stock) -> int:
        """For orders, and not shipped yet."""
        return stock.reserved

    @admin.display(description="Free")
    def free(self, stock: Stock) -> int:
        return stock.free

    @admin.display(description="Away")
    def left(self, stock: Stock) -> str:
        """Whatever came back to the shelf is not among them."""
        return f"{stock.shipped} shipped, and not back on the shelf"

    def get_readonly_fields(self, request: HttpRequest, obj: Stock | None = None) -> list[str]:
        return list(self.shown) if obj else []

    def get_fields(self, request: HttpRequest, obj: Stock | None = None) -> list[str]:
        if obj is None:
            return ["product_id", "on_hand"]
        asked = ["change", "reason", "seen_version"] if self.has_change_permission(request, obj) else []
        return [*self.shown, *asked]

    def get_form(self, request: HttpRequest, obj: Stock | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None and self.has_change_permission(request, obj):
            kwargs["form"] = StockChangeForm
        form = super().get_form(request, obj, change=change, **kwargs)
        form.by = actor_of(request)  # a class of this request's own
        return form

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
