"""Django's page on which somebody changes their own password, with an entry in the history of their account."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from audit.pages import actor_of
from audit.recording import recorded
from orders.models.audited import USER


def change_own_password(request: HttpRequest) -> HttpResponse:
    user = request.user
    if request.method != "POST" or not isinstance(user, User):
        return admin.site.password_change(request)
    with recorded(user, USER, by=actor_of(request)):
        return admin.site.password_change(request)
