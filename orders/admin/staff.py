"""Staff accounts, groups, locked sign-ins and who did what, in the look of the other pages."""

from __future__ import annotations

from typing import Any

from axes.admin import AccessAttemptAdmin as AxesAccessAttemptAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.paginator import InfinitePaginator

for _model in (User, Group, AccessAttempt, AccessLog, AccessFailureLog):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "first_name", "last_name", "is_active", "is_staff", "last_login"]


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """The groups of `orders/staff_groups.py` are brought in line again with every migration."""


@admin.register(AccessAttempt)
class AccessAttemptAdmin(AxesAccessAttemptAdmin, ModelAdmin):
    """Failed sign-ins. Deleting an attempt lets its user try again at once."""

    date_hierarchy = None


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

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
