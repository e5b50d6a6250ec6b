"""Staff accounts, groups, locked sign-ins and who did what, in the look of the other pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from audit.models import Entry
from audit.pages import RecordsChanges, actor_of, told_changes, whole
from audit.recording import all_recorded, lock_all
from events.keyset_list import ListedByKey
from events.models import WebhookEndpoint
from inventory_client.models import Stock
from orders.admin.display.frame import framed
from orders.admin.display.moments import in_words, kept_moments, moment
from orders.admin.display.names import called, with_people
from orders.admin.display.read_only import ReadOnlyList
from orders.admin.handing_out import chooses_storefronts, groups_to_give, permissions_to_give, reaches
from orders.admin.operations.staff_requests import Staff, seeing_no_more, storefronts_of, user_of
from orders.models import ApiKey, FailedSignIns, Storefront
from orders.models.audited import STOREFRONT, USER
from orders.models.second_factors import authenticator_of, is_required_of, remove
from orders.rules.staff_groups import AUDITED as GROUP

# Second factors are set up by the person they are of, and reset on the page of the user.
for _model in (User, Group, TOTPDevice, StaticDevice):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


_AUDITED: Final = {
    model._meta.label_lower: str(model._meta.verbose_name)
    for model in (Storefront, ApiKey, WebhookEndpoint, Stock, User, Group)
}


_ABOUT_GROUPS: Final = (
    "What the members of the group may do. support, lead, warehouse, finance and auditor come with the service and are "
    "brought in line with it whenever it is updated: for other rights make a group of another name."
)


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
class UserAdmin(RecordsChanges, DjangoUserAdmin, ListedByKey):  # type: ignore[misc, type-arg]
    audited = USER
    actions_detail = ["reset_second_factor"]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "first_name", "last_name", "groups_shown", "is_active", "signed_in"]
    list_key = "username"
    ordering = ["username"]
    search_has_index = False
    previous_name, next_name = "Previous", "Next"

    def is_narrowed(self, request: HttpRequest) -> bool:
        return storefronts_of(user_of(request)) is not None

    def place_of(self, row: User) -> str:
        """Of whoever is limited to storefronts nobody is told but whom they see."""
        return row.username[:1]

    @admin.display(description="Signed in")
    def signed_in(self, user: User) -> str:
        return moment(user.last_login)

    @admin.display(description="Groups")
    def groups_shown(self, user: User) -> str:
        if user.is_superuser:
            return "superuser: everything"
        return ", ".join(group.name for group in user.groups.all()) or "none: may do nothing"

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or reaches(user_of(request), obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or reaches(user_of(request), obj))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """A page that chooses storefronts locks these before the account, as the page of a storefront does."""
        if request.method == "POST" and connection.in_atomic_block and chooses_storefronts(user_of(request)):
            lock_all(Storefront.objects.all())
        return super().get_object(request, object_id, from_field)

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None and chooses_storefronts(user_of(request)):
            kwargs.setdefault("form", StaffForm)
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        shown = "storefronts" if chooses_storefronts(user_of(request)) else "storefronts_shown"
        more = [("Storefronts", {"fields": [shown]})] if obj else []
        factor = [("Second factor", {"fields": ["second_factor"]})] if obj else []
        return [*super().get_fieldsets(request, obj), *more, *factor]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        by_superusers = [] if user_of(request).is_superuser else ["is_superuser"]
        # A name stands for the person in every event and request: with another one somebody would be somebody else.
        for_good = ["username"] if obj is not None else []
        return [
            *super().get_readonly_fields(request, obj),
            "storefronts_shown",
            "second_factor",
            *by_superusers,
            *for_good,
        ]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The account is in no other groups, and has no other permissions: it could not be changed then."""
        if db_field.name == "groups":
            kwargs["queryset"] = groups_to_give(user_of(request))
        if db_field.name == "user_permissions":
            kwargs["queryset"] = permissions_to_give(user_of(request)).select_related("content_type")
        return _in_words(super().formfield_for_manytomany(db_field, request, **kwargs))

    @admin.display(description="Storefronts")
    def storefronts_shown(self, user: User) -> str:
        return ", ".join(user.storefronts.values_list("code", flat=True)) or "All of them"

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users: QuerySet[User] = super().get_queryset(request).prefetch_related("groups")
        return users.filter(seeing_no_more(user_of(request)))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002 - Django's
        with whole(request):
            return super().user_change_password(request, id, form_url)

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Whoever is limited to storefronts sees nobody who sees others: their page, and its history, name these."""
        allowed: bool = super().has_view_permission(request, obj)
        actor = user_of(request)
        return allowed and (obj is None or storefronts_of(actor) is None or reaches(actor, obj))

    @admin.display(description="Authenticator")
    def second_factor(self, user: User) -> str:
        authenticator = authenticator_of(user)
        if authenticator is not None:
            return f"set up on {in_words(authenticator.created_at)}"
        return "asked for at the next sign-in" if is_required_of(user) else "none"

    def has_reset_second_factor_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Nobody resets their own by this: their page asks for the password."""
        user = None if object_id is None else self.get_object(request, object_id)
        return user is not None and user != request.user and self.has_change_permission(request, user)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[UnfoldAction]:
        actions: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        user = self.get_object(request, object_id)
        return actions if user is not None and authenticator_of(user) else []

    @action(  # type: ignore[untyped-decorator]  # unfold's
        description="Reset second factor",
        url_path="reset-second-factor",
        icon="lock_reset",
        permissions=["reset_second_factor"],
    )
    def reset_second_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """For somebody whose authenticator and recovery codes are gone."""
        user = self.get_object(request, object_id)
        if user is None:
            raise Http404(f"There is no user {object_id}.")
        back = reverse("admin:auth_user_change", args=[user.pk])
        if request.method == "POST":
            if remove(user, by=actor_of(request)):
                LogEntry.objects.log_actions(
                    int(request.user.pk or 0), [user], CHANGE, "Second factor reset.", single_object=True
                )
            messages.success(request, f"The second factor of {user} is reset.")
            return HttpResponseRedirect(back)
        after = "sets up a new one at the next sign-in" if is_required_of(user) else "signs in with the password alone"
        context = {
            "title": f"Reset the second factor of {user}",
            "explanation": f"Authenticator and recovery codes are forgotten, and {user} {after}. Make sure that it is "
            "them who asks.",
            "form": forms.Form(),
            "media": self.media,
            "button": "Reset it",
            "danger": True,
            "list_url": back,
            "back": "Back to the user",
        }
        return framed(self, request, "admin/orders/form.html", context)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if "storefronts" in form.cleaned_data:
            self._choose(request, form.instance, set(form.cleaned_data["storefronts"]))
        elif not change and (limit := storefronts_of(user_of(request))) is not None:
            # A new account that is chosen for none would see more than its maker.
            self._choose(request, form.instance, set(Storefront.objects.filter(pk__in=limit)))

    def _choose(self, request: HttpRequest, user: User, storefronts: set[Storefront]) -> None:
        """The histories of the storefronts tell it too."""
        gained_or_lost = storefronts ^ set(user.storefronts.all())
        with all_recorded(gained_or_lost, STOREFRONT, by=actor_of(request)):
            user.storefronts.set(storefronts)


@admin.register(Group)
class GroupAdmin(RecordsChanges, DjangoGroupAdmin, ModelAdmin):
    """The groups of `orders/rules/staff_groups.py` are brought in line again with every migration."""

    audited = GROUP

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_add_permission(request)) and storefronts_of(user_of(request)) is None

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and _may_change(user_of(request), obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and _may_change(user_of(request), obj)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        if request is not None and db_field.name == "permissions":
            kwargs["queryset"] = permissions_to_give(user_of(request))
        return _in_words(super().formfield_for_manytomany(db_field, request, **kwargs))

    def get_fieldsets(self, request: HttpRequest, obj: Group | None = None) -> Any:
        fields = {"fields": self.get_fields(request, obj), "description": _ABOUT_GROUPS}
        return [(None, fields)]


def _in_words(field: Any) -> Any:
    """Permissions by what they allow, without the names of packages and tables."""
    if field is not None and field.queryset.model is Permission:
        field.label_from_instance = lambda permission: permission.name
    return field


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

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        """Back to the list: Django leads to the first page whoever may not change what is left."""
        super().response_delete(request, obj_display, obj_id)
        return HttpResponseRedirect(reverse("admin:orders_failedsignins_changelist"))


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyList):
    """What was done on these pages. What was done to an order, by anyone, its timeline tells."""

    list_display = ["when", "who", "what", "object_repr", "told"]
    list_select_related = ["user"]

    def is_narrowed(self, request: HttpRequest) -> bool:
        return storefronts_of(user_of(request)) is not None

    def place_of(self, row: LogEntry) -> str:
        return in_words(row.action_time)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogEntry]:
        """What others did concerns other storefronts too, so whoever is limited to some sees only their own."""
        entries: QuerySet[LogEntry] = super().get_queryset(request)
        user = user_of(request)
        return entries if storefronts_of(user) is None else entries.filter(user_id=user.pk or 0)

    @admin.display(description="When")
    def when(self, entry: LogEntry) -> str:
        return moment(entry.action_time, "seconds")

    @admin.display(description="Who")
    def who(self, entry: LogEntry) -> str:
        return called(entry.user)

    @admin.display(description="Of")
    def what(self, entry: LogEntry) -> str:
        """Content types are few, and remembered."""
        model = entry.content_type_id and ContentType.objects.get_for_id(entry.content_type_id).model_class()
        return str(model._meta.verbose_name) if model else ""

    @admin.display(description="What was done")
    def told(self, entry: LogEntry) -> str:
        return str(entry.get_change_message())


@admin.register(Entry)
class ChangesAdmin(ReadOnlyList):
    """What became of all that is no order, also of what is gone and has no page any more."""

    list_display = ["when", "who", "what", "name", "action", "changes_shown"]
    search_fields = ["object_id"]  # only switches the box on
    search_help_text = "The exact id: a key's prefix, a product, the number or id in the address of the page."

    def is_narrowed(self, request: HttpRequest) -> bool:
        return storefronts_of(user_of(request)) is not None

    def place_of(self, row: Entry) -> str:
        return in_words(row.at)

    def made_ready(self, rows: Sequence[Any], request: HttpRequest) -> Sequence[Any]:
        for row, person, changes in with_people((row, list(told_changes(row))) for row in rows):
            row.person, row.told = person, changes  # type: ignore[attr-defined]
        return rows

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        """As in the staff's log."""
        entries: QuerySet[Entry] = super().get_queryset(request)
        return entries if storefronts_of(user_of(request)) is None else entries.filter(by=actor_of(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Entry], search_term: str
    ) -> tuple[QuerySet[Entry], bool]:
        """By every kind of thing, as the index has them."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(model__in=_AUDITED, object_id=search_term.strip()), False

    @admin.display(description="When")
    def when(self, entry: Entry) -> str:
        return moment(entry.at, "seconds")

    @admin.display(description="Who")
    def who(self, entry: Any) -> str:
        return str(entry.person)

    @admin.display(description="Of")
    def what(self, entry: Entry) -> str:
        return _AUDITED.get(entry.model, entry.model)

    @admin.display(description="Changes")
    def changes_shown(self, entry: Any) -> str:
        return kept_moments("; ".join(map(str, entry.told)))
