"""What somebody typed outlives their session: it is kept for them until they have signed in again.

Each page of an operation carries a signed note of who opened it, and where. A form that comes back without a session,
or with a token from before a sign-in, is not looked at; what was typed is kept on our side for that person, and shown
to them, and to nobody else, when they come back to the page: see `orders/operations/keeping_forms.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.authentication import CSRFCheck

from orders import operations
from orders.admin.operations.forms import typed_in
from orders.admin.operations.staff_requests import signed_in, user_of

NOTE: Final = "opened_by"
_SALT: Final = "orders.admin.kept_form"
_OPEN_FOR: Final = 24 * 60 * 60
_MOST_SIGNS: Final = 300_000
# Of the form, but nothing that was typed.
_OURS: Final = ("csrfmiddlewaretoken", NOTE, "preview", "more_rows", "anyway")

View = Callable[..., HttpResponseBase]


def note_of(request: HttpRequest) -> str:
    """Who opens the page, and which."""
    return signing.dumps([user_of(request).pk, request.path], salt=_SALT)


def keeps_what_was_typed(view: View) -> View:
    """Around a page of the admin's, which itself asks for the session and the token."""

    @wraps(view)
    def looked_at(request: HttpRequest, order_id: UUID) -> HttpResponseBase:
        opened_by = _opened_by(request) if request.method == "POST" else None
        if opened_by is None:
            return view(request, order_id)
        user = user_of(request)
        if request.POST.get("preview") == "live" and (user.pk != opened_by or _token_is_wrong(request)):
            return HttpResponse(status=401)
        if not user.is_authenticated:
            kept = " What you typed is kept for you." if _keep(request, opened_by, order_id) else ""
            messages.warning(request, f"You have been signed out, and nothing was done.{kept}")
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        if user.pk != opened_by:
            messages.error(request, "Somebody else had opened this page and filled it in, so nothing was done.")
            return HttpResponseRedirect(request.get_full_path())
        if _token_is_wrong(request):
            _keep(request, opened_by, order_id)
            return HttpResponseRedirect(request.get_full_path())
        return view(request, order_id)

    # The token is asked for by the view itself: before it, one from an earlier sign-in would end on a page of its own.
    return csrf_exempt(looked_at)


def take(request: HttpRequest) -> QueryDict | None:
    """What the user had typed on this page before they were signed out; it is there once."""
    kept = operations.take_form(signed_in(request).pk, request.get_full_path())
    return None if kept is None else QueryDict(kept)


def _keep(request: HttpRequest, user_id: int, order_id: UUID) -> bool:
    """Whether it is kept: it is not if it is far too much, or for somebody who is no staff any more."""
    fields = typed_in(request.POST)
    for name in _OURS:
        fields.pop(name, None)
    typed = fields.urlencode()
    return len(typed) <= _MOST_SIGNS and operations.keep_form(order_id, user_id, request.get_full_path(), typed)


def _opened_by(request: HttpRequest) -> int | None:
    """The id of whoever opened the page; None where it does not say so itself."""
    try:
        user_id, path = signing.loads(request.POST.get(NOTE, ""), salt=_SALT, max_age=_OPEN_FOR)
    except signing.BadSignature:
        return None
    return int(user_id) if path == request.path else None


def _token_is_wrong(request: HttpRequest) -> bool:
    check = CSRFCheck(HttpResponse)
    check.process_request(request)
    return check.process_view(request, HttpResponse, (), {}) is not None
