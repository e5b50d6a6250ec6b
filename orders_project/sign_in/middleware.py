"""What goes with the answer to a sign-in: when to come back, or what is remembered of the device."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone

from orders_project.password_hashing import HashingBusy
from orders_project.sign_in.attempts import SignInPaused

# About as long as a hash takes.
_WHILE_BUSY = timedelta(seconds=1)


class SignInMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        device = getattr(request, "signed_in_from", None)
        if device is not None:
            device.remember(response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, SignInPaused):
            return _come_back(request, exception.left, "Too many sign-ins have failed")
        if isinstance(exception, HashingBusy):
            return _come_back(request, _WHILE_BUSY, "Somebody else is signing in")
        return None


def _come_back(request: HttpRequest, after: timedelta, why: str) -> HttpResponse:
    seconds = max(1, math.ceil(after.total_seconds()))
    context = {
        **admin.site.each_context(request),
        "title": why,
        "minutes": math.ceil(seconds / 60) if seconds > 60 else None,
        "seconds": seconds,
        "at": timezone.now() + timedelta(seconds=seconds),
        "form_url": request.get_full_path(),
    }
    headers = {"Retry-After": str(seconds), "Cache-Control": "no-store"}
    return TemplateResponse(request, "admin/come_back.html", context, status=429, headers=headers)
