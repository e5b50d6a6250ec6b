"""Who has still to meet a second factor gets no further in the back office than the page that asks for it.

Looked at with every request, not at signing in: a session from before the factor was required, or set up, meets it too,
and one whose factor was reset since is asked anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django_otp.plugins.otp_totp.models import TOTPDevice

from orders.models.second_factors import authenticator_of, is_required_of
from orders_project.back_office import BACK_OFFICE_PATH, is_back_office
from orders_project.error_pages import answer_to

OWN_PAGE: Final = f"{BACK_OFFICE_PATH}second-factor/"
CODE_PAGE: Final = f"{OWN_PAGE}code/"

_MET: Final = "second_factor_met"
# Whoever is asked can also leave, or be somebody else.
_ALWAYS_OPEN: Final = frozenset({CODE_PAGE, f"{BACK_OFFICE_PATH}login/", f"{BACK_OFFICE_PATH}logout/"})


class SecondFactorMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_back_office(request) or request.path_info in _ALWAYS_OPEN:
            return self.get_response(request)
        try:
            page = _page_before(request)
        except (DatabaseError, InterfaceError) as error:  # no view has been reached, for which others would answer
            if (answer := answer_to(request, error)) is None:
                raise
            return answer
        if page is None or request.path_info == page:
            return self.get_response(request)
        wanted = f"?{urlencode({'next': request.get_full_path()})}" if request.method == "GET" else ""
        return HttpResponseRedirect(f"{page}{wanted}")


def _page_before(request: HttpRequest) -> str | None:
    """The page that comes before all others for whoever asks; None where there is none."""
    user = request.user
    if not isinstance(user, User):
        return None
    authenticator = authenticator_of(user)
    if authenticator is not None:
        return None if has_met(request, authenticator) else CODE_PAGE
    return OWN_PAGE if is_required_of(user) else None


def has_met(request: HttpRequest, authenticator: TOTPDevice) -> bool:
    """Whether this session has, with this authenticator and none before it."""
    return bool(request.session.get(_MET) == authenticator.persistent_id)


def meet(request: HttpRequest, authenticator: TOTPDevice | None) -> None:
    request.session.cycle_key()  # what may do more from now on has another name
    request.session[_MET] = authenticator and authenticator.persistent_id
