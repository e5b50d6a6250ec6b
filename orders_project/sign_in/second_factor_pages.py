"""The step of signing in that asks for a code, and the page on which somebody sets up, renews or removes their own."""

from __future__ import annotations

import re
from typing import Any, Final

import segno
import structlog
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from audit.pages import actor_of
from orders.models.second_factors import (
    WrongCode,
    authenticator_of,
    is_required_of,
    new_authenticator,
    recovery_codes_left,
    remove,
    renew_recovery_codes,
    set_up,
    use_code,
)
from orders_project.client_address import client_address
from orders_project.sign_in.attempts import Attempt
from orders_project.sign_in.known_devices import Device
from orders_project.sign_in.second_factor import CODE_PAGE, OWN_PAGE, has_met, meet

# The key that the page offers is this session's alone.
_OFFERED: Final = "second_factor_offered"
_FEW_LEFT: Final = 3

logger = structlog.stdlib.get_logger(__name__)


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=40,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "autofocus": True}),
        help_text="Of six digits, from your authenticator; or one of your recovery codes.",
    )


class PasswordForm(forms.Form):
    """Whoever finds a browser signed in changes nothing without the password."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_password(self) -> str:
        """Counted as when signing in. Raises SignInPaused, which `SignInMiddleware` answers."""
        user, password = self.request.user, self.cleaned_data["password"]
        attempt = Attempt.at_password(
            user.get_username(), address=client_address(self.request.META), device=Device.of(self.request)
        )
        attempt.begin()
        if not user.check_password(password):
            raise forms.ValidationError("This is not your password.")
        attempt.succeed()
        return str(password)


class SetUpForm(PasswordForm):
    code = forms.CharField(
        label="Code",
        max_length=40,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
        help_text="Of six digits, which your authenticator shows now.",
    )


def code_page(request: HttpRequest) -> HttpResponse:
    """The second step of signing in."""
    user = _user(request)
    authenticator = authenticator_of(user)
    if authenticator is None or has_met(request, authenticator):
        return HttpResponseRedirect(_wanted(request))
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        attempt = Attempt.at_code(user.get_username())
        attempt.begin()
        try:
            use_code(user, form.cleaned_data["code"])
        except WrongCode:
            logger.warning("second factor failed", user_id=user.pk)
            form.add_error("code", "This code is wrong, or has been used. Wait for the next one.")
        else:
            attempt.succeed()
            meet(request, authenticator)
            _warn_of_few_codes(request, user)
            return HttpResponseRedirect(_wanted(request))
    return _page(request, "admin/second_factor/code.html", {"title": "Your second factor", "form": form}, alone=True)


def own_page(request: HttpRequest) -> HttpResponse:
    """What somebody has, and what they can do with it: each button posts here, with the password."""
    user = _user(request)
    asked = request.POST.get("do", "")
    authenticator = authenticator_of(user)
    if authenticator is None:
        return _set_up(request, user)
    if not has_met(request, authenticator):  # set up in another session since the middleware looked
        return HttpResponseRedirect(CODE_PAGE)
    if asked == "replace" or (asked == "set_up" and _OFFERED in request.session):
        return _set_up(request, user)
    required = is_required_of(user)
    form = PasswordForm(request, request.POST if asked in ("renew", "remove") else None)
    if form.is_valid():
        if asked == "renew":
            return _codes(request, renew_recovery_codes(user, by=actor_of(request)))
        if not required:
            remove(user, by=actor_of(request))
            messages.success(request, "Your second factor is removed: from now on your password is all it takes.")
            return HttpResponseRedirect(OWN_PAGE)
    context = {
        "title": "Your second factor",
        "form": form,
        "authenticator": authenticator,
        "codes_left": recovery_codes_left(user),
        "required": required,
    }
    return _page(request, "admin/second_factor/own.html", context)


def _set_up(request: HttpRequest, user: User) -> HttpResponse:
    # A form that is sent again keeps its key; a page that is opened anew has another: somebody may have seen that one.
    key = request.session.get(_OFFERED) if request.POST.get("do") == "set_up" else None
    sent = key is not None
    form = SetUpForm(request, request.POST if sent else None)
    if form.is_valid():
        try:
            codes = set_up(user, key=str(key), code=form.cleaned_data["code"], by=actor_of(request))
        except WrongCode:
            form.add_error("code", "This is not what the authenticator shows. Wait for the next code, and type it.")
        else:
            del request.session[_OFFERED]
            meet(request, authenticator_of(user))
            return _codes(request, codes)
    required = is_required_of(user)
    alone = required and authenticator_of(user) is None
    offered = new_authenticator(user, key=key or "")
    request.session[_OFFERED] = offered.key
    context = {
        "title": "Set up your second factor",
        "form": form,
        "picture": _qr_code(offered),
        "key": " ".join(re.findall("....", _key_to_type(offered))),
        "required": required,
        # Whoever needs one and has none has nowhere else to go.
        "back": None if alone else reverse("admin:index"),
        "next": _wanted(request),
    }
    return _page(request, "admin/second_factor/set_up.html", context, alone=alone)


def _codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """Answered directly, not by a redirect: they stand nowhere else."""
    context = {"title": "Your recovery codes", "codes": codes, "next": _wanted(request)}
    return _page(request, "admin/second_factor/codes.html", context)


def _page(request: HttpRequest, template: str, context: dict[str, Any], *, alone: bool = False) -> TemplateResponse:
    """Alone, like the sign-in, or in the frame, which leads to pages that are open only afterwards."""
    request.current_app = admin.site.name
    layout = "unfold/layouts/unauthenticated.html" if alone else "admin/base_site.html"
    return TemplateResponse(request, template, {**admin.site.each_context(request), "layout": layout, **context})


def _user(request: HttpRequest) -> User:
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - both pages are for signed-in staff
    return user


def _warn_of_few_codes(request: HttpRequest, user: User) -> None:
    left = recovery_codes_left(user)
    if left < _FEW_LEFT:
        messages.warning(request, f"You have {left} recovery codes left. Make new ones under “Your second factor”.")


def _wanted(request: HttpRequest) -> str:
    """Where somebody was going before they were asked."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    within = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    asked_here = wanted.startswith(OWN_PAGE)
    return wanted if within and not asked_here else reverse("admin:index")


def _qr_code(authenticator: TOTPDevice) -> SafeString:
    """Dark on light in both themes, as cameras want it."""
    picture = segno.make(authenticator.config_url, error="m", micro=False)
    return mark_safe(picture.svg_inline(scale=4, dark="#000", light="#fff"))  # noqa: S308 - drawn here, of squares


def _key_to_type(authenticator: TOTPDevice) -> str:
    return str(authenticator.config_url).partition("secret=")[2].partition("&")[0]
