"""Staff accounts, groups, locked sign-ins and who did what, in the look of the other pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from orders.admin.handing_out import chooses_storefronts, groups_to_give, permissions_to_give, reaches
from orders.admin.operations.staff_requests import Staff, storefronts_of, user_of
from orders.models import FailedSignIns, Storefront

for _model in (User, Group):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


class StaffForm(UserChangeForm):
    """For those who choose which storefronts others see."""

    storefronts = forms.ModelMultipleChoiceField(
        Storefront.objects.all(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="The user sees these and nothing of the others. None chosen: all of them, later ones too.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["storefronts"].initial = self.instance.storefronts.all()


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "first_name", "last_name", "is_active", "is_staff", "last_login"]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or reaches(user_of(request), obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or reaches(user_of(request), obj))

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None and chooses_storefronts(user_of(request)):
            kwargs.setdefault("form", StaffForm)
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        shown = "storefronts" if chooses_storefronts(user_of(request)) else "storefronts_shown"
        more = [("Storefronts", {"fields": [shown]})] if obj else []
        return [*super().get_fieldsets(request, obj), *more]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        by_superusers = [] if user_of(request).is_superuser else ["is_superuser"]
        # A name stands for the person in every event and request: with another one somebody would be somebody else.
        for_good = ["username"] if obj is not None else []
        return [*super().get_readonly_fields(request, obj), "storefronts_shown", *by_superusers, *for_good]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The account is in no other groups, and has no other permissions: it could not be changed then."""
        if db_field.name == "groups":
            kwargs["queryset"] = groups_to_give(user_of(request))
        if db_field.name == "user_permissions":
            kwargs["queryset"] = permissions_to_give(user_of(request)).select_related("content_type")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @admin.display(description="Storefronts")
    def storefronts_shown(self, user: User) -> str:
        return ", ".join(user.storefronts.values_list("code", flat=True)) or "All of them"

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if "storefronts" in form.cleaned_data:
            form.instance.storefronts.set(form.cleaned_data["storefronts"])
        elif not change and (limit := storefronts_of(user_of(request))) is not None:
            # A new account that is chosen for none would see more than its maker.
            form.instance.storefronts.set(limit)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """The groups of `orders/rules/staff_groups.py` are brought in line again with every migration."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_add_permission(request)) and storefronts_of(user_of(request)) is None

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and _may_change(user_of(request), obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and _may_change(user_of(request), obj)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        if request is not None and db_field.name == "permissions":
            kwargs["queryset"] = permissions_to_give(user_of(request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)


def _may_change(actor: Staff, group: Group | None) -> bool:
    """What a group may do its members may with all storefronts they see, so whoever is limited changes none."""
    if storefronts_of(actor) is not None:
        return False
    return group is None or groups_to_give(actor).filter(pk=group.pk).exists()


@admin.register(FailedSignIns)
class FailedSignInsAdmin(ModelAdmin):
    """Deleting a line lets those whom it counts try again at once."""

    list_display = ["counted_by", "username", "address", "failures", "counted_at", "paused_until"]
    list_display_links = None
    list_filter = ["counted_by"]
    list_per_page = 50
    search_fields = ["username", "address"]
    ordering = ["-counted_at"]
    paginator = InfinitePaginator
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(LogEntry)
class LogEntryAdmin(ModelAdmin):
    """What was done on these pages. What was done to an order, by anyone, its timeline tells."""

    list_display = ["action_time", "user", "content_type", "object_repr", "change_message"]
    list_display_links = None
    list_select_related = ["user", "content_type"]
    list_per_page = 50
    ordering = ["-id"]
    sortable_by: list[str] = []
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogEntry]:
        """What others did concerns other storefronts too, so whoever is limited to some sees only their own."""
        entries: QuerySet[LogEntry] = super().get_queryset(request)
        user = user_of(request)
        return entries if storefronts_of(user) is None else entries.filter(user_id=user.pk or 0)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
