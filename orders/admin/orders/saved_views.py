"""Views of the list: filters that somebody keeps under a name."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Case, Q, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin

from orders.admin.display.names import called
from orders.admin.operations.bulk import list_url
from orders.admin.operations.staff_requests import Staff, seeing_no_more, signed_in
from orders.admin.orders.list_address import Address, address_of
from orders.models import SavedView
from orders.models.saved_views import LONGEST_NAME, LONGEST_QUERY

_MOST_VIEWS: Final = 100


class ViewForm(forms.Form):
    name = forms.CharField(max_length=LONGEST_NAME)
    shared = forms.BooleanField(required=False)


def may_be_saved(address: Address) -> bool:
    return not address.narrowing.unusable and 0 < len(address.filters_alone()) <= LONGEST_QUERY


def views_for(user: Staff, query: str) -> list[dict[str, Any]]:
    """One's own, and those that others share who see no more; `current` is the one that is shown."""
    own = Q(owner=user.pk or 0)
    shown = SavedView.objects.filter(own | Q(shared=True, owner__in=User.objects.filter(seeing_no_more(user))))
    own_first = Case(When(own, then=0), default=1)
    views = shown.select_related("owner").order_by(own_first, "name", "pk")[:_MOST_VIEWS]
    return [
        {
            "view": view,
            "current": view.query == query,
            "by": "" if view.owner_id == user.pk else called(view.owner),
            "deletable": view.owner_id == user.pk or user.is_superuser,
        }
        for view in views
    ]


def save_view(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Keeps the filters of the address under a name; what was searched for is not kept: it may tell of a person."""
    address = address_of(model_admin, request)
    form = ViewForm(request.POST)
    back = HttpResponseRedirect(list_url(request.GET.urlencode()))
    if request.method != "POST":
        return back
    query = address.filters_alone()
    if not form.is_valid() or not may_be_saved(address):
        messages.error(request, f"A view is a few filters and a name of at most {LONGEST_NAME} characters.")
        return back
    name = form.cleaned_data["name"]
    SavedView.objects.update_or_create(
        owner=signed_in(request), name=name, defaults={"query": query, "shared": form.cleaned_data["shared"]}
    )
    messages.success(request, f"The view “{name}” has been saved.")
    return HttpResponseRedirect(list_url(query))


def delete_view(model_admin: ModelAdmin, request: HttpRequest, view_id: int) -> HttpResponse:
    """One's own; superusers delete what anybody shares."""
    address_of(model_admin, request)
    user = signed_in(request)
    if request.method == "POST":
        mine = Q(owner=user) | Q(shared=True) if user.is_superuser else Q(owner=user)
        if SavedView.objects.filter(mine, pk=view_id).delete()[0]:
            messages.success(request, "The view has been deleted.")
    return HttpResponseRedirect(list_url(request.GET.urlencode()))
