"""What staff set for themselves: the time zone in which they read times."""

from __future__ import annotations

from typing import Final

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminSelectWidget

from orders.admin.display.moments import zone_choices
from orders.admin.operations.staff_requests import signed_in
from orders.models import StaffSettings

OWN_SETTINGS_PAGE: Final = "/admin/your-settings/"


class OwnSettingsForm(forms.Form):
    time_zone = forms.ChoiceField(
        label="Time zone",
        required=False,
        choices=lambda: [("", "That of the storefront"), *zone_choices()],
        widget=UnfoldAdminSelectWidget,
        help_text="In which you read all times, and mean the days you filter by. Point at a time to see it in UTC.",
    )


def own_settings_page(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    kept = StaffSettings.objects.filter(user=user).first()
    initial = {"time_zone": kept.time_zone if kept else ""}
    form = OwnSettingsForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        StaffSettings.objects.update_or_create(user=user, defaults={"time_zone": form.cleaned_data["time_zone"]})
        messages.success(request, "Your settings are kept.")
        return HttpResponseRedirect(OWN_SETTINGS_PAGE)
    request.current_app = admin.site.name
    context = {**admin.site.each_context(request), "title": "Your settings", "form": form}
    return TemplateResponse(request, "admin/own_settings.html", context)
