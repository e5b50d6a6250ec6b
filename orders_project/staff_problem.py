"""What staff read where there is no page for them: what happened, what to do now, and the way back.

In the layout of the other pages for whoever is signed in. Anybody else reads the same whatever was asked for.
"""

from __future__ import annotations

from typing import NamedTuple

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from orders_project.back_office import BACK_OFFICE_PATH

_TEMPLATE = "admin/problem.html"


class StaffProblem(NamedTuple):
    """`code` is for logs and metrics; `again` says what the link to the same page is called, where it leads on."""

    status: int
    code: str
    title: str
    explanation: str
    again: str = ""


def problem_page(request: HttpRequest, problem: StaffProblem, *, retry_after: int | None = None) -> HttpResponse:
    """With side bar and name where the database can still tell them, else as before a sign-in."""
    if not hasattr(request, "user"):  # it failed before anybody was looked up
        request.user = AnonymousUser()
    try:
        page = _page(request, problem, signed_in=_is_staff(request))
    except (DatabaseError, InterfaceError):
        request.user = AnonymousUser()
        page = _page(request, problem, signed_in=False)
    response = HttpResponse(page, status=problem.status, headers={"Cache-Control": "no-store"})
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    response.problem_code = problem.code  # type: ignore[attr-defined]
    return response


def _is_staff(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_staff)


def _page(request: HttpRequest, problem: StaffProblem, *, signed_in: bool) -> str:
    told = {
        "title": problem.title,
        "explanation": problem.explanation,
        "layout": "admin/base_site.html" if signed_in else "unfold/layouts/unauthenticated.html",
        "signed_in": signed_in,
        "again": (request.get_full_path(), problem.again) if problem.again else None,
        "came_from": _came_from(request) if signed_in else "",
        "list_url": reverse("admin:orders_order_changelist") if signed_in and _sees_orders(request) else "",
        "request_id": getattr(request, "request_id", ""),
    }
    return render_to_string(_TEMPLATE, {**admin.site.each_context(request), **told}, request)


def _sees_orders(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("orders.view_order"))


def _came_from(request: HttpRequest) -> str:
    """The page whose link or form was used, where it is one of these and another than this."""
    page = request.headers.get("Referer", "")
    within = url_has_allowed_host_and_scheme(
        page, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    if not within or page == request.build_absolute_uri():
        return ""
    _, _, path = page.removeprefix("https://").removeprefix("http://").partition("/")
    return f"/{path}" if f"/{path}".startswith(BACK_OFFICE_PATH) else ""
