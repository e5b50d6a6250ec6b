"""API keys: made, rotated and revoked here. A key is shown once, on the page that made it.

Keys are addressed by their prefix. Their primary key contains the hash, so it stands in no address, no
page and no log.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from rest_framework_api_key.models import APIKey
from unfold.admin import ModelAdmin
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from audit.pages import actor_of, history_page
from orders.admin.display.frame import framed
from orders.admin.display.pills import pill
from orders.admin.operations.staff_requests import Staff, limited, storefronts_of, user_of
from orders.admin.orders.filters import StorefrontFilter
from orders.admin.storefront_choice import StorefrontField
from orders.api.keys import make_key, revoke_key, rotate_key
from orders.models import ApiKey
from orders.rules.handing_out import scopes_to_give
from orders.rules.scopes import Scope

# The library's own keys belong to no storefront; nothing accepts them.
if admin.site.is_registered(APIKey):
    admin.site.unregister(APIKey)

_LONGEST_LIFE = timedelta(days=36_500)


class NewKeyForm(forms.Form):
    name = forms.CharField(
        max_length=50,
        widget=UnfoldAdminTextInputWidget,
        help_text="What calls with it, such as “web shop”: so it is called in the timelines of orders.",
    )
    storefront = StorefrontField("Whose orders it reaches; to all others it is blind. It stays so for good.")
    scopes = forms.MultipleChoiceField(
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        initial=[Scope.ORDERS_READ],
        help_text="What it may do, and no more than its work takes. There are those of which you may do everything "
        "yourself; of a key that has been made they stay as they are.",
        error_messages={"invalid_choice": "%(value)s is no scope that you may give. Choose among those shown."},
    )
    last_day = forms.DateField(
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text="The last day on which it works, in UTC. Empty: until it is revoked.",
    )

    def __init__(self, *args: Any, user: Staff, **kwargs: Any) -> None:
        """The user makes keys only for storefronts that they may see, and for what they may do."""
        super().__init__(*args, **kwargs)
        scopes, storefronts = self.fields["scopes"], self.fields["storefront"]
        assert isinstance(scopes, forms.MultipleChoiceField)  # noqa: S101 - declared above
        scopes.choices = [(scope.value, f"{scope.label} ({scope.value})") for scope in scopes_to_give(user.has_perm)]
        assert isinstance(storefronts, StorefrontField)  # noqa: S101 - declared above
        if (limit := storefronts_of(user)) is not None:
            storefronts.keep_to(limit)

    def clean_last_day(self) -> datetime | None:
        day = self.cleaned_data["last_day"]
        if day is None:
            return None
        if day < timezone.now().date():
            raise forms.ValidationError("This day is over: the key would never work. Choose a later one.")
        if day - timezone.now().date() > _LONGEST_LIFE:
            raise forms.ValidationError("This is too far away. Leave it empty for a key without an end.")
        return datetime.combine(day, time.min, UTC) + timedelta(days=1)


class RotateForm(forms.Form):
    overlap = forms.IntegerField(
        label="Hours",
        min_value=0,
        max_value=24 * 90,
        initial=24,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How long the old key goes on working beside the new one: as long as it takes to put the new one "
        "where "
        "the old one is used. 0: it ends within seconds.",
    )


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    list_display = ["prefix", "name", "storefront", "scopes_shown", "state", "created", "maker", "buttons"]
    list_display_links = None
    list_select_related = ["storefront"]
    list_filter = [StorefrontFilter, "revoked"]
    list_per_page = 50
    search_fields = ["prefix", "name"]
    ordering = ["-created"]
    actions = None
    search_help_text = "The beginning of a key, or a part of its name."
    nothing_there = (
        "Nobody can call the API yet. Add a key for each program that is to: it belongs to one storefront, and may do "
        "what its scopes say."
    )

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return limited(super().get_queryset(request), user_of(request))

    @admin.display(description="May")
    def scopes_shown(self, key: ApiKey) -> SafeString:
        return format_html_join("", "<div>{}</div>", ((label,) for label in in_words(key.scopes)))

    @admin.display(description="Made by")
    def maker(self, key: ApiKey) -> str:
        return key.made_by.removeprefix("staff:") or "–"

    @admin.display(description="State")
    def state(self, key: ApiKey) -> SafeString:
        if key.revoked:
            return pill("Revoked", "ended")
        if key.expiry_date is None:
            return pill("Active", "good")
        if key.has_expired:
            return pill("Expired", "ended")
        return pill(f"Active until {key.expiry_date:%Y-%m-%d %H:%M}", "waiting")

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns: list[str] = super().get_list_display(request)
        return columns if self.has_change_permission(request) else [*columns[:-1], "history_link"]

    @admin.display(description="")
    def history_link(self, key: ApiKey) -> SafeString:
        return _links(key, "history")

    @admin.display(description="")
    def buttons(self, key: ApiKey) -> SafeString:
        return _links(key, "history") if key.revoked else _links(key, "rotate", "revoke", "history")

    def get_urls(self) -> list[URLPattern]:
        """The usual pages of one object are left out: their addresses would contain the hash."""
        pages = {"": self.changelist_view, "add/": self.add_view}
        names = {"": "changelist", "add/": "add"}
        urls = [
            path(route, self.admin_site.admin_view(view), name=f"orders_apikey_{names[route]}")
            for route, view in pages.items()
        ]
        of_one = {"rotate": self.rotate_view, "revoke": self.revoke_view, "history": self.history_view}
        for name, view in of_one.items():
            urls.append(path(f"<str:prefix>/{name}/", self.admin_site.admin_view(view), name=f"orders_apikey_{name}"))
        return urls

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = NewKeyForm(request.POST or None, user=user_of(request))
        if form.is_valid():
            key, secret = make_key(
                form.cleaned_data["storefront"],
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                expires_at=form.cleaned_data["last_day"],
                made_by=actor_of(request),
            )
            self._log(request, key, ADDITION, "Made.")
            return self._made(request, key, secret)
        return self._form_page(
            request,
            form,
            title="Make an API key",
            button="Make the key",
            explanation="The next page shows it, this once: only its hash is kept. Whoever has it may do what its "
            "scopes say.",
        )

    def rotate_view(self, request: HttpRequest, prefix: str) -> HttpResponse:
        old = self._key_to_change(request, prefix)
        if beyond := sorted(set(old.scopes) - set(scopes_to_give(user_of(request).has_perm))):
            return self._not_to_be_rotated(request, old, beyond)
        form = RotateForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            overlap = timedelta(hours=form.cleaned_data["overlap"])
            key, secret = rotate_key(old, overlap=overlap, by=actor_of(request))
            self._log(request, old, CHANGE, f"Rotated; its successor is {key.prefix}.")
            self._log(request, key, ADDITION, f"Made as the successor of {old.prefix}.")
            return self._made(request, key, secret)
        return self._form_page(
            request,
            form,
            title=f"Rotate the key {prefix}",
            button="Make the successor",
            explanation=f"A new key of {old.storefront} with the same scopes takes the place of “{old.name}”; the "
            f"next page "
            f"shows it, this once. It may: {'; '.join(in_words(old.scopes)).lower()}.",
        )

    def revoke_view(self, request: HttpRequest, prefix: str) -> HttpResponse:
        key = self._key_to_change(request, prefix)
        if request.method == "POST":
            revoke_key(key, by=actor_of(request))
            self._log(request, key, CHANGE, "Revoked.")
            messages.success(request, f"The key {prefix} of {key.storefront} has been revoked.")
            return HttpResponseRedirect(reverse("admin:orders_apikey_changelist"))
        return self._form_page(
            request,
            forms.Form(),
            title=f"Revoke the key {prefix}",
            button="Revoke it",
            explanation=f"“{key.name}” of {key.storefront} stops working within seconds, and whatever calls with it is "
            "refused (401). This cannot be undone: a new key would have to be made. To replace it without a gap, "
            "rotate it.",
            danger=True,
        )

    def history_view(self, request: HttpRequest, prefix: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        key: ApiKey | None = self.get_queryset(request).filter(prefix=prefix).first()
        if key is None:
            raise Http404(f"There is no key {prefix}.")
        back = reverse("admin:orders_apikey_changelist")
        return history_page(self, request, key, key=prefix, back=back, back_to="Back to the list")

    def _key_to_change(self, request: HttpRequest, prefix: str) -> ApiKey:
        if not self.has_change_permission(request):
            raise PermissionDenied
        keys = self.get_queryset(request).select_related("storefront")
        key: ApiKey | None = keys.filter(prefix=prefix, revoked=False).first()
        if key is None:
            raise Http404(f"There is no key {prefix} that could be changed.")
        return key

    def _not_to_be_rotated(self, request: HttpRequest, key: ApiKey, beyond: list[str]) -> HttpResponse:
        """Its successor would do for the user what the user may not do."""
        return self._form_page(
            request,
            forms.Form(),
            status=403,
            title=f"You may not rotate the key {key.prefix}",
            explanation=f"“{key.name}” has scopes that you may not give: {', '.join(beyond)}. "
            "Ask somebody who may do all of it, or make a key without them.",
        )

    def _form_page(self, request: HttpRequest, form: forms.Form, *, status: int = 200, **context: Any) -> HttpResponse:
        return framed(
            self,
            request,
            "admin/orders/form.html",
            {
                "form": form,
                "media": self.media + form.media,
                "list_url": reverse("admin:orders_apikey_changelist"),
                **context,
            },
            status=status,
        )

    def _made(self, request: HttpRequest, key: ApiKey, secret: str) -> HttpResponse:
        """Answered directly, not by a redirect: a message would store the key on its way."""
        return framed(
            self,
            request,
            "admin/orders/apikey/made.html",
            {
                "title": f"The new key of {key.storefront}",
                "key": key,
                "may": in_words(key.scopes),
                "secret": secret,
                "list_url": reverse("admin:orders_apikey_changelist"),
            },
        )

    def _log(self, request: HttpRequest, key: ApiKey, flag: int, message: str) -> None:
        LogEntry.objects.create(
            user_id=int(user_of(request).pk or 0),
            content_type=ContentType.objects.get_for_model(ApiKey),
            object_id=key.prefix,
            object_repr=f"{key.name} of {key.storefront}"[:200],
            action_flag=flag,
            change_message=message,
        )


def in_words(scopes: Iterable[str]) -> list[str]:
    """What somebody with these scopes may do; of one that is no longer, its name."""
    labels = dict(Scope.choices)
    return [str(labels.get(scope, scope)) for scope in scopes]


def _links(key: ApiKey, *names: str) -> SafeString:
    links = [(reverse(f"admin:orders_apikey_{name}", args=[key.prefix]), name.capitalize()) for name in names]
    return format_html_join(" \N{NO-BREAK SPACE} ", '<a class="link" href="{}">{}</a>', links)
